import base64
import hashlib
import html
import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace

import numpy as np
import pytest

import peft_sp
from peft_sp.biology.grammar import TYPES
from peft_sp.biology.notes import CHANGED, NOT_M, PARTIAL
from peft_sp.biology.organism import parse_choice
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Protein
from peft_sp.io.plotting import palette, svg
from peft_sp.io.plotting.curves import curves
from peft_sp.io.plotting.protein import scene, strip
from peft_sp.io.plotting.shapes import plain
from peft_sp.io.plotting.summary.page import BLOCK, SummaryWriter
from peft_sp.io.results.run_info import RunInfo
from tests.support import browser

HOSTILE = [
    "a</script><script>document.title='owned'</script>",
    "b\"'><img src=x onerror=\"document.title='owned'\">",
    "c<!--<script>",
    "d {{script}} &amp; \\u003c \u202e \u4fe1\u53f7\u80bd \U0001f9ec \u2028",
    "__proto__ constructor",
]
WINDOW = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAFGGYQVNPYVGFEMG"


def run_of(source="a.faa", organism="other", **about):
    return RunInfo("PEFT-SP-1", "fast", organism, 0, source, **about)


def page_of(predictions, block=512, **about):
    file = io.StringIO()
    writer = SummaryWriter(file, run_of(**about), block=block)
    for prediction in predictions:
        writer.write(prediction)
    writer.finish()
    return file.getvalue()


@pytest.fixture(scope="module")
def predictions(labelled):
    """Real proteins of each type, short ones, and names that want to break out."""
    proteins = [Protein(one.accession, one.sequence) for one in labelled]
    proteins += [Protein(name, WINDOW, ("1 J read as X",)) for name in HOSTILE]
    proteins += [Protein("short", "MKKLLAVAVLAG"), Protein("one", "M")]
    found = list(peft_sp.load("fast", threads=1).predict(proteins, marginals=True))
    assert {prediction.type for prediction in found} == set(TYPES)
    return found


@pytest.fixture(scope="module")
def page(predictions):
    return page_of(predictions, source="</title><script>document.title='owned'</script>&\u202e")


def blocks(page, kind):
    found = re.findall(
        f'<script type="application/octet-stream" class="{kind}"[^>]*>(.*?)</script>', page
    )
    return [zlib.decompress(base64.b64decode(one, validate=True)) for one in found]


def test_the_page_holds_what_was_predicted(page, predictions):
    for one in (page, page_of(predictions, block=7)):
        rows = [json.loads(block) for block in blocks(one, "rows")]
        table = {key: [value for row in rows for value in row[key]] for key in rows[0]}
        assert table["header"] == [p.protein.header for p in predictions]
        assert table["type"] == [TYPES.index(p.type) for p in predictions]
        assert table["site"] == [p.cleavage_site or 0 for p in predictions]
        assert table["length"] == [len(p.protein.sequence) for p in predictions]
        probabilities = np.array(table["probabilities"]) / 1e6
        assert np.allclose(
            probabilities, [[*p.probabilities.values()] for p in predictions], atol=5.1e-7
        )
        sites = [p.cleavage_probability or 0 for p in predictions]
        assert np.allclose(np.array(table["site_probability"]) / 1e6, sites, atol=5.1e-7)
        assert table["regions"] == [[n for one in strip(p) for n in one] for p in predictions]
        frames = json.loads(blocks(one, "frames")[0])
        assert [frames[n] for n in table["frame"]] == [plain(scene(p)[0]) for p in predictions]
        assert sorted(set(table["frame"])) == list(range(len(frames)))
        assert len(rows) == len(blocks(one, "curves"))
    assert len(rows) == -(-len(predictions) // 7)


def test_curves_in_the_page(page, predictions):
    (content,) = blocks(page, "curves")
    letters = "".join(prediction.protein.window for prediction in predictions)
    assert content.startswith(letters.encode())
    at = len(letters)
    for prediction in predictions:
        size = len(prediction.protein.window)
        values = np.frombuffer(content, np.uint8, 7 * size, at).reshape(7, size) / 255
        at += 7 * size
        assert np.allclose(values[:6].T, curves(prediction.marginals.regions)[:, :6], atol=0.002)
        assert np.allclose(values[6], prediction.marginals.cleavage, atol=0.002)
    assert at == len(content)


def test_nothing_breaks_out_of_the_page(page):
    scripts = re.findall(r"<script[^>]*>", page)
    number = re.search(r'data-proteins="(\d+)"', scripts[0])[1]
    assert scripts == [
        f'<script type="application/octet-stream" class="rows" data-proteins="{number}">',
        '<script type="application/octet-stream" class="curves">',
        '<script type="application/octet-stream" class="frames">',
        '<script type="application/json" id="run">',
        "<script>",
    ]
    assert page.count("</script>") == len(scripts)
    assert "<script>document" not in page and "<img" not in page
    assert page.split("<style>")[0].count("</title>") == 1
    assert "{{" not in page.split("<script>")[0]
    assert html.escape(r"</title><script>document.title='owned'</script>&\u202e") in page


def test_the_page_asks_nothing_of_a_network(page):
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert not re.findall(r'\b(src|href)=(?!"#)', page)  # but within the page
    script = re.search(r"<script>(.*)</script>\s*</body>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_charts_and_counts_stand_in_the_page(page, predictions):
    for name in TYPES:
        number = sum(prediction.type == name for prediction in predictions)
        row = re.search(rf'<tr><th scope="row">{name}</th>.*?</tr>', page)[0]
        assert f'<td>{MECHANISM_OF_TYPE[name]}</td><td class="number">{number}</td>' in row
        assert ("<div" in row) is (number > 0)  # no bar for none
    warned = sum(bool(prediction.warnings) for prediction in predictions)
    changed = sum(bool(prediction.protein.warnings) for prediction in predictions)
    assert warned >= changed >= len(HOSTILE)
    line = re.search(rf"Proteins with a warning: {warned} \((.*)\)\.</p>", page)[1]
    assert f"{CHANGED}</a>: {changed}" in line
    background = re.search(r"all proteins of this run</summary><p>(.*?)</p>", page)[1]
    assert sum(float(share[2:-1]) for share in background.split(", ")) == pytest.approx(100, abs=1)


def test_a_run_without_signal_peptides():
    (found,) = peft_sp.load("fast", threads=1).predict([("a", "MSTNPKPQRKTK")], marginals=True)
    page = page_of([found], organism="eukarya", unusable=2)
    assert page.count("No signal peptide was predicted") == 2
    assert "Records that could not be predicted: 2." in page
    assert ">LIPO</th>" not in page and "1 protein," in page
    none = re.search(r'<tr><th scope="row">SP</th>.*?</tr>', page)[0]
    assert ">0.0%<" in none and "<div" not in none


def test_types_of_too_few_signal_peptides_have_no_card(predictions):
    few = [p for p in predictions if p.type == "SP"][:5]
    few += [p for p in predictions if p.type == "TAT"][:4]
    page = page_of(few)
    assert "<figcaption>SP <small>Sec/SPI, n = 5<" in page and "<figcaption>TAT" not in page
    assert "<p>Fewer than 5, and so without a logo: TAT (4).</p>" in page


def test_marginals_are_needed():
    (found,) = peft_sp.load("fast", threads=1).predict([("a", "MKT")])
    with pytest.raises(ValueError, match="marginals=True"):
        page_of([found])


def test_a_page_that_is_resumed_is_the_same(predictions):
    """Wherever a chunk ended; chunks of 7 proteins are no whole number of blocks of 3."""
    whole = io.StringIO()
    writer = SummaryWriter(whole, run_of(), block=3)
    stops = []
    for number, prediction in enumerate(predictions, 1):
        writer.write(prediction)
        if number % 7 == 0:
            writer.end_block()
            # Asked for at some chunks only, as a journal does.
            state = json.dumps(writer.state()) if number % 2 else None
            stops.append((number, len(whole.getvalue()), state))
    writer.finish()
    resumed_at = [stop for stop in stops if stop[2]]
    assert len(resumed_at) > 2
    for number, size, state in resumed_at:
        rest = io.StringIO()
        writer = SummaryWriter(rest, run_of(), json.loads(state), block=3)
        for place, prediction in enumerate(predictions[number:], number + 1):
            writer.write(prediction)
            if place % 7 == 0:
                writer.end_block()
        writer.finish()
        assert whole.getvalue()[:size] + rest.getvalue() == whole.getvalue()


@pytest.mark.parametrize(
    ("organism", "words"),
    [("other", "organism other"), ("eukarya", "organism eukarya"), ("auto", "organism by header")],
)
def test_the_page_says_how_the_organism_was_decided(organism, words):
    assert f"model fast, {words}, PEFT-SP-1" in page_of([], organism=parse_choice(organism))


def test_predictions_do_not_pile_up(predictions):
    writer = SummaryWriter(io.StringIO(), run_of())
    most = 0
    for number in range(1500):
        writer.write(predictions[number % len(predictions)])
        most = max(most, len(writer._block))
    assert most < BLOCK


# In a browser ---------------------------------------------------------------------------------

STEPS = """
const el = (id) => document.getElementById(id);
const pause = () => new Promise((r) => setTimeout(r, 200));
const type = async (text) => {
  el("search").value = text;
  el("search").dispatchEvent(new Event("input"));
  await pause();
};
const press = async (key) => {
  el("grid").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  await pause();
};
const cells = (row) => [...row.children].map((cell) => cell.textContent);
const rows = () => [...document.querySelectorAll(".row")].map(cells);
const label = () => document.querySelector("#picture svg").getAttribute("aria-label");
"""


def browse(page, steps, directory):
    return browser.run(STEPS + steps, page, directory)


@pytest.mark.integration
def test_the_table_in_a_browser(page, predictions, tmp_path):
    found = browse(
        page,
        """
        const first = label();
        const shown = rows();
        await type("img src=x"); const hostile = rows(), count = el("shown").textContent;
        await type("");
        el("kind").value = "2"; el("kind").dispatchEvent(new Event("input")); await pause();
        const lipo = el("shown").textContent;
        el("kind").value = ""; el("kind").dispatchEvent(new Event("input")); await pause();
        document.querySelector("[data-key=length]").click(); await pause();
        const longest = rows()[0];
        document.querySelector("[data-key=length]").click(); await pause();
        const shortest = rows()[0];
        const sorted = document.querySelector("[aria-sort]").getAttribute("aria-sort");
        el("grid").focus(); await press("Home"); const top = label();
        await press("ArrowDown"); const second = label(), chosen = rows().length;
        const selected = document.querySelectorAll(".row[aria-selected=true]").length;
        const active = el("grid").getAttribute("aria-activedescendant");
        dispatchEvent(new Event("beforeprint"));
        const printed = document.querySelectorAll("#printed tr").length;
        return { first, shown, hostile, count, lipo, longest, shortest, sorted, top, second, chosen,
                 selected, active, printed, title: document.title, images: document.images.length };
        """,
        tmp_path,
    )
    size = len(predictions)
    assert (
        found["title"]
        == r"Signal peptides of </title><script>document.title='owned'</script>&\u202e"
    )
    assert found["images"] == 0
    for row, prediction in zip(found["shown"], predictions, strict=False):
        assert row[1] == prediction.protein.header and row[2] == prediction.type
        assert row[3] == f"{round(1e6 * prediction.probability) / 1e6:.3f}"
        assert row[4] == str(prediction.cleavage_site or "")
    assert found["count"] == f"1 of {size}" and found["hostile"][0][1] == HOSTILE[1]
    lipoproteins = sum(prediction.type == "LIPO" for prediction in predictions)
    assert found["lipo"] == f"{lipoproteins} of {size}"
    assert int(found["longest"][7]) == max(len(p.protein.sequence) for p in predictions)
    assert found["shortest"][1] == "one" and found["sorted"] == "ascending"
    chosen = next(p for p in predictions if p.is_signal_peptide)
    assert f"cleavage after {chosen.cleavage_site}," in found["first"]
    assert found["top"].startswith("one.") and found["second"].startswith("short.")
    assert found["selected"] == 1 and found["active"].startswith("row-")
    assert found["printed"] == size + 1


@pytest.mark.integration
def test_a_warning_is_a_filter_in_a_browser(predictions, tmp_path):
    wanted = [
        replace(predictions[0], notes=(NOT_M,)),
        replace(predictions[1], notes=(NOT_M, PARTIAL)),
        replace(predictions[2], notes=()),
        next(p for p in predictions if p.protein.warnings),
    ]
    warned = browse(
        page_of(wanted),
        """
        const names = () => rows().map((row) => row[1]);
        const choices = [...el("warning").options].map((option) => option.textContent);
        const found = {};
        for (const link of document.querySelectorAll(".notes a")) {
          link.click(); await pause();
          found[link.textContent] = [names(), el("shown").textContent, el("warning").value];
        }
        el("warning").value = "any"; el("warning").dispatchEvent(new Event("input")); await pause();
        const any = names();
        el("warning").value = ""; el("warning").dispatchEvent(new Event("input")); await pause();
        return { choices, found, any, all: names(), hidden: el("warning").closest("label").hidden };
        """,
        tmp_path,
    )
    first, second, third, last = (p.protein.header for p in wanted)
    assert warned["choices"] == ["all", "any warning", NOT_M, PARTIAL, CHANGED]
    assert warned["found"] == {
        NOT_M: [[first, second], "2 of 4", "0"],
        PARTIAL: [[second], "1 of 4", "1"],
        CHANGED: [[last], "1 of 4", "2"],
    }
    assert warned["any"] == [first, second, last]
    assert warned["all"] == [first, second, third, last] and not warned["hidden"]


NUMBERS = re.compile("x|y|cx|cy|r|width|height|points|font-size|stroke-width")


def rounded(prediction):
    """A picture's frame and content with probabilities in the steps that a page keeps."""
    # Of types and sites it has millionths.
    kept = {name: round(value, 6) for name, value in prediction.probabilities.items()}
    frame, content = scene(replace(prediction, probabilities=kept))
    steps = np.rint(255 * np.array(content.curves[:-1]))
    curves = [*(steps / 255), (255 - steps.sum(axis=0)).clip(0) / 255]
    cleavage = np.rint(255 * np.array(content.cleavage)) / 255
    return frame, replace(content, curves=curves, cleavage=cleavage)


@pytest.mark.integration
def test_the_picture_in_a_browser_is_that_of_the_files(page, predictions, tmp_path):
    """The same elements at the same points, of the page's rounded probabilities."""
    wanted = [*range(0, len(predictions) - 7, 4), *range(len(predictions) - 7, len(predictions))]
    found = browse(
        page,
        """
        const all = [], wanted = new Set(WANTED);
        el("grid").focus(); await press("Home");
        for (let at = 0; at < COUNT; at += 1) {
          if (wanted.has(at)) {
            while (Number(el("picture").dataset.protein) !== at) await pause();
            all.push([...document.querySelector("#picture svg").children].map((child) =>
              [child.tagName, child.textContent,
               Object.fromEntries([...child.attributes].map((a) => [a.name, a.value]))]));
          }
          el("grid").dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
        }
        return all;
        """.replace("WANTED", json.dumps(wanted)).replace("COUNT", str(len(predictions))),
        tmp_path,
    )
    assert len(found) == len(wanted)
    for number, elements in zip(wanted, found, strict=True):
        frame, content = rounded(predictions[number])
        root = ElementTree.fromstring(svg.render(frame, frame.fill(content)))
        own = [(one.tag.split("}")[1], one.text or "", one.attrib) for one in root[1:]]
        assert [one[:2] for one in own] == [tuple(one[:2]) for one in elements]
        for (_, _, expected), (_, _, got) in zip(own, elements, strict=True):
            assert expected.keys() == got.keys()
            for name, value in expected.items():
                text = re.sub(r"var\(--(.*)\)", lambda match: palette.LIGHT[match[1]], got[name])
                if NUMBERS.fullmatch(name):
                    numbers = [np.array(re.split("[ ,]", one), float) for one in (value, text)]
                    np.testing.assert_allclose(*numbers, atol=0.011)
                else:
                    assert text == value
