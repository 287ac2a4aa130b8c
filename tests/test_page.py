"""The web page as its users have it: a real server, a real browser, few pages for many looks."""

from __future__ import annotations

import gzip
import io
import random
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH

import peft_sp
from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.io.fasta import open_input
from peft_sp.io.plotting import palette
from peft_sp.service import facts
from tests.support import browser
from tests.support.paths import ROOT
from tests.support.web import PACK, READY, serving

pytestmark = pytest.mark.integration
EXAMPLE = ROOT / "src" / "peft_sp" / "service" / "static" / "example.fasta"
HOSTILE = "a<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SIGNAL = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
RESULTS = "#results-view:not([hidden])"
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("serve"), "--model", "fast", "--model", str(PACK)
    ) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    with browser.driven() as driven:
        yield driven


@pytest.fixture
def open_page(chromium, address):
    """Opens a page whose errors are a test's: of its script, and of its security policy."""
    contexts, troubles = [], []

    def note(line):
        if line.type == "error" and "status of 4" not in line.text:
            troubles.append(line.text)

    def opened(fragment="", **options):
        context = chromium.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", note)
        page.goto(f"{address}/{fragment}")
        page.wait_for_selector(READY, state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def results(chromium, address):
    """The example's results, compared with another model, on a page that tests look at in turn."""
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 1240, "height": 900})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(READY, state="attached")
    page.click("#example")
    page.wait_for_function("() => document.getElementById('fasta').value.length > 1000")
    page.select_option("#compare", PACK)
    page.click("#predict")
    page.wait_for_selector(RESULTS)
    page.wait_for_selector("#picture[data-protein]")
    yield page
    context.close()


@pytest.fixture(scope="module")
def expected():
    """What the library predicts for the example."""
    with open_input([str(EXAMPLE)]) as source:
        proteins = list(source.proteins())
    return list(peft_sp.load("fast", threads=1).predict(proteins, "auto", marginals=True))


def rows(page):
    """The rows of the table that are in the page, from the top."""
    return page.evaluate(
        "() => [...document.querySelectorAll('#body .row')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )


def saved(page, selector):
    """What the browser saves when this is pressed: name and content."""
    with page.expect_download() as download:
        page.click(selector)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def chosen_type(page, value):
    page.click(f".count[data-value='{value}']")
    return page.text_content("#shown")


def test_the_table_opens_on_signal_peptides_and_has_what_the_library_predicts(results, expected):
    signal = [one for one in expected if one.is_signal_peptide]
    title = f"{len(signal)} of {len(expected)} proteins have a signal peptide"
    assert results.text_content("#results-title") == title
    assert results.title().startswith(title)
    shown = rows(results)
    for row, one in zip(shown, signal, strict=False):
        assert row[1] == one.protein.header and row[2] == one.type
        assert float(row[3]) == pytest.approx(one.probability, abs=6e-4)
        assert row[4] == str(one.cleavage_site)
    assert len(shown) > 10
    numbers = results.locator(".count").evaluate_all(
        "(all) => all.map((one) => [one.dataset.value, one.querySelector('.number').textContent])"
    )
    types = [one.type for one in expected]
    names = [one["name"] for one in facts.types()]
    assert dict(numbers) == {
        **{"": str(len(expected)), "sp": str(len(signal))},
        **{str(n): str(types.count(name)) for n, name in enumerate(names)},
    }


def test_the_chart_and_the_search_filter_and_columns_sort(results, expected):
    lipoproteins = sum(one.type == "LIPO" for one in expected)
    assert chosen_type(results, "2") == f"{lipoproteins} of {len(expected)}"
    assert {row[2] for row in rows(results)} == {"LIPO"}
    assert results.get_attribute(".count[data-value='2']", "aria-pressed") == "true"
    assert results.locator(".count[aria-pressed=true]").count() == 1
    chosen_type(results, "")
    results.fill("#search", "haptoglobin")
    assert [row[1].split("|")[2][:9] for row in rows(results)] == ["HPT_HUMAN"]
    results.fill("#search", "nowhere at all")
    assert rows(results) == [] and results.is_visible("#nothing")
    assert violations(results) == []
    results.fill("#search", "")
    results.click("[data-key=length]")
    lengths = sorted((len(one.protein.sequence) for one in expected), reverse=True)
    assert [row[-2] for row in rows(results)][:5] == [f"{length:,}" for length in lengths[:5]]
    results.click("[data-key=number]")
    results.click(".count[data-value=sp]")


def test_a_picture_follows_the_keys_and_its_residues_can_be_read(results, expected):
    results.click(".row >> nth=0")
    results.focus("#grid")
    results.keyboard.press("ArrowDown")
    results.keyboard.press("ArrowUp")
    first = next(one for one in expected if one.is_signal_peptide)
    results.wait_for_selector(f"#picture svg[aria-label^='{first.id}']")
    results.focus("#picture")
    results.keyboard.press("ArrowRight")
    results.keyboard.press("ArrowRight")
    by_key = results.text_content("#residue")
    assert by_key.startswith(f"{first.protein.window[1]}2")
    chance = float(re.search(r"n-region (\d\.\d\d)", by_key)[1])
    assert chance == pytest.approx(first.marginals.regions[1][1], abs=0.02)
    box = results.locator("#picture svg").bounding_box()
    # The scale of residues: half the width is beyond residue 30 of 70.
    results.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    letter, position = re.match(r"([A-Z])(\d+)", results.text_content("#residue")).groups()
    assert 30 < int(position) < 40 and letter == first.protein.window[int(position) - 1]


def test_other_sites_and_the_other_model_are_named(results, expected):
    chosen_type(results, "")
    results.check("#differ")
    disagreeing = rows(results)
    results.uncheck("#differ")
    second = peft_sp.load(str(ROOT / "packs" / PACK / "src" / "peft_sp_esm2_8m"), threads=1)
    proteins = [one.protein for one in expected]
    other = list(second.predict(proteins, "auto"))
    differs = [
        (one.protein.header, f"cut {two.cleavage_site}" if one.type == two.type else two.type)
        for one, two in zip(expected, other, strict=True)
        if (one.type, one.cleavage_site) != (two.type, two.cleavage_site)
    ]
    assert differs  # or the example shows nothing of it
    assert [(row[1], row[6]) for row in disagreeing] == differs
    many = max(expected, key=lambda one: sorted(one.marginals.cleavage)[-2])
    results.fill("#search", many.id)
    results.click(".row >> nth=0")
    results.wait_for_selector(f"#picture svg[aria-label^='{many.id}']")
    site = sorted(range(len(many.protein.window)), key=lambda n: -many.marginals.cleavage[n])[1] + 1
    assert re.search(rf"Other cleavage sites: \D*{site} \(", results.text_content("#opinions"))
    results.fill("#search", "")
    results.click(".count[data-value=sp]")


def test_every_file_and_all_of_them_in_a_zip_can_be_saved(results):
    name, content = saved(results, "#all-files")
    names = results.locator("#downloads li button").all_text_contents()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert name.endswith(".zip") and archive.testzip() is None
        inside = {one: archive.read(one) for one in archive.namelist()}
    assert set(inside) - set(names) == {one for one in inside if one.startswith("compared/")}
    assert "compared/predictions.tsv" in inside
    assert {"predictions.tsv", "predictions.gff3", "summary.html", "output.json"} <= set(names)
    assert saved(results, "#downloads li button >> nth=0") == (
        "predictions.tsv",
        inside["predictions.tsv"],
    )


def test_the_rows_that_are_shown_are_saved_in_their_order(results, expected):
    chosen_type(results, "3")
    results.click("[data-key=length]")
    name, content = saved(results, "#filtered")
    head, *lines = content.decode().splitlines()
    assert name.endswith(".tsv") and head.split("\t")[0] == "id"
    wanted = sorted(
        (one for one in expected if one.type == "TAT"), key=lambda one: -len(one.protein.sequence)
    )
    assert [line.split("\t")[0] for line in lines] == [one.id for one in wanted]
    results.click("[data-key=number]")
    results.click(".count[data-value=sp]")


def test_a_picture_is_saved_in_the_colours_of_paper(results):
    results.click(".row >> nth=0")
    name, content = saved(results, "#svg")
    root = ElementTree.fromstring(content)
    header = results.get_attribute("#picture svg", "aria-label").split()[0]
    assert name.startswith(header[:8]) and name.endswith(".svg")
    colours = {one.get(key) for one in root.iter() for key in ("fill", "stroke")} - {None, "none"}
    assert colours <= set(palette.LIGHT.values()) and len(colours) > 4
    name, content = saved(results, "#png")
    width = float(root.get("width").removesuffix("pt"))
    assert content.startswith(b"\x89PNG") and name.endswith(".png")
    assert int.from_bytes(content[16:20]) == int(3 * width)


def test_command_model_citation_and_link_stand_beside_the_results(results, address, open_page):
    command = results.text_content("#command")
    assert command.startswith("peft-sp predict ") and "--organism auto" in command
    made = results.text_content("#provenance")
    model = facts.model()
    assert f"fast {model['version']}" in made and model["hash"] in made and facts.CITATION in made
    assert re.search(r"until \d+ \w+ 20\d\d", results.text_content("#expires"))
    link = results.get_attribute("#link", "href")
    assert re.fullmatch(rf"{address}/#job=[\w-]{{22}}", link)
    again = open_page(link.removeprefix(f"{address}/"))
    again.wait_for_selector(RESULTS)
    assert again.text_content("#results-title") == results.text_content("#results-title")
    again.click("[aria-label='Copy the command']")
    again.wait_for_selector("text=Copied")
    again.emulate_media(media="print")
    again.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert again.locator("#printed tr").count() == 1 + int(
        results.text_content("#shown").split()[0]
    )
    assert again.is_visible("#printed") and not again.is_visible("#grid")


def test_a_zip_made_in_the_browser_can_be_read(results):
    content = results.evaluate(
        """async () => {
          const { zip } = await import("./zip.js");
          const sevens = new Blob([new Uint8Array(70000).fill(7)]);
          const blob = await zip([{ name: "\u00e4.txt", blob: new Blob(["one"]) },
            { name: "empty", blob: new Blob([]) }, { name: "b", blob: sevens }]);
          return Array.from(new Uint8Array(await blob.arrayBuffer()));
        }"""
    )
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            **{"\u00e4.txt": b"one", "empty": b""},
            "b": b"\x07" * 70000,
        }


def violations(page):
    """What axe finds that is serious."""
    page.evaluate(Path(AXE_FILE_PATH).read_text())
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        (one["id"], node["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def background(page):
    red, green, blue = re.findall(
        r"\d+", page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    )
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def test_results_are_dark_where_the_screen_is_or_the_user_says_and_axe_finds_nothing(results):
    for scheme, theme, colours in (
        ("light", "", palette.LIGHT),
        ("dark", "", palette.DARK),
        ("light", "dark", palette.DARK),
        ("dark", "light", palette.LIGHT),
    ):
        results.emulate_media(color_scheme=scheme)
        results.select_option("#theme", theme)
        assert background(results) == colours["panel"]
        if scheme == "light":
            assert violations(results) == []
    results.select_option("#theme", "")
    results.emulate_media(color_scheme="light")


def test_a_fault_of_the_input_stands_at_its_line(open_page):
    page = open_page()
    lines = [line for n in range(60) for line in (f">p{n}", SIGNAL)]
    lines[87] = "MKK!AIAIAV"
    page.fill("#fasta", "\n".join(lines))
    page.click("#predict")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.text_content("#problem").startswith("Line 87, p43: ")
    assert page.evaluate("() => getSelection().toString()") == lines[86]
    gutter, mark = (page.locator(one).bounding_box() for one in ("#gutter", "#mark"))
    body = page.locator(".editor-body").bounding_box()
    assert body["y"] < mark["y"] < body["y"] + body["height"] - mark["height"]
    first = int(page.text_content("#gutter").split("\n")[0])
    line = gutter["y"] + 9.6 + (87 - first) * mark["height"]
    assert mark["y"] == pytest.approx(line, abs=1)
    assert violations(page) == []
    page.press("#fasta", "End")
    page.keyboard.type("A")
    assert not page.is_visible("#mark")
    page.click("#clear")
    page.click("#predict")
    assert "nothing to predict" in page.text_content("#problem")


DROP = """([name, text]) => {
  const held = new DataTransfer();
  held.items.add(new File([text], name));
  const event = new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true });
  document.getElementById("fasta").dispatchEvent(event);
}"""


def test_files_are_taken_also_compressed_and_a_fault_names_its_file(open_page):
    page = open_page()
    files = [
        {"name": "one.faa", "mimeType": "text/plain", "buffer": b">one\n" + SIGNAL.encode()},
        {
            "name": "two.faa.gz",
            "mimeType": "application/gzip",
            "buffer": gzip.compress(b">two\n" + SIGNAL.encode()),
        },
        {"name": "bad.faa", "mimeType": "text/plain", "buffer": b">three\nMKT\n>four\nM?T\n"},
    ]
    page.set_input_files("#files", files[1:])
    page.evaluate(DROP, [files[0]["name"], files[0]["buffer"].decode()])
    page.fill("#fasta", f">{HOSTILE}\n{SIGNAL}")
    page.click("#predict")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.text_content("#problem").startswith("bad.faa, line 3, four: ")
    assert not page.is_visible("#mark")
    page.click("[aria-label='Remove bad.faa']")
    page.click("#predict")
    page.wait_for_selector(RESULTS)
    page.wait_for_selector("#picture[data-protein]")
    assert [row[1] for row in rows(page)] == [HOSTILE, "two", "one"]
    # A header is text, wherever it is shown.
    assert HOSTILE[:20] in page.get_attribute("#picture svg", "aria-label")
    assert "owned" not in page.title() and page.locator("img, main script").count() == 0


TOO_LARGE = """async () => {
  const engine = await (await import("./engines/server.js")).start({});
  const request = { text: "", files: [{ size: 6e8 }, { size: 1 }] };
  try { await engine.submit(request); } catch (error) { return error.message; }
}"""


def test_files_that_the_server_would_refuse_are_not_sent(open_page):
    assert open_page().evaluate(TOO_LARGE) == (
        "These are 600 MB, and 500 MB are the most that this server takes; "
        "send them as several jobs."
    )


def test_of_a_large_job_the_table_holds_the_beginning_and_says_so(open_page):
    page = open_page()
    page.evaluate("async () => { (await import('./engines/server.js')).MOST.blocks = 1; }")
    page.fill("#fasta", "".join(f">p{n}\n{SIGNAL}\n" for n in range(600)) + ">bad\nM!\n")
    page.check("#skip-invalid")
    page.click("#predict")
    page.wait_for_selector(RESULTS)
    assert page.text_content("#results-title") == "600 of 600 proteins have a signal peptide"
    assert page.text_content("#shown") == "512 of 512"
    assert page.inner_text("#left-out > p") == (
        "1 record could not be predicted and was left out. "
        "The table holds the first 512 proteins; predictions.tsv has all."
    )
    page.click("#left-out summary")
    bad = "Line 1201, bad: '!' at residue 2 is no amino acid; remove it"
    assert page.inner_text("#left-out li") == bad
    page.go_back()
    page.wait_for_selector("#input-view:not([hidden])")
    assert page.input_value("#fasta").endswith(">bad\nM!\n")
    page.go_forward()
    page.wait_for_selector(RESULTS)


def test_keys_alone_lead_from_the_example_to_a_picture(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == "example":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'predict'")
    page.keyboard.press("Enter")
    page.wait_for_selector(RESULTS)
    assert page.evaluate("() => document.activeElement.id") == "results-title"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == "grid":
            break
    first = page.get_attribute("#picture svg", "aria-label")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#grid[aria-activedescendant]")
    page.wait_for_function(
        "(first) => document.querySelector('#picture svg').getAttribute('aria-label') !== first",
        arg=first,
    )
    assert page.locator(".row[aria-selected=true]").count() == 1


def test_a_phone_has_no_sideways_scroll_and_a_job_can_be_cancelled_and_deleted(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)

    def fits():
        return page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]

    assert fits()
    letters = random.Random(5)
    text = "".join(
        f">{n}\n{''.join(letters.choices(AMINO_ACIDS, k=70))}\n" for n in range(30_000)
    ).encode()
    page.set_input_files("#files", [{"name": "a.faa", "mimeType": "text/plain", "buffer": text}])
    page.click("#predict")
    told = r"[\d,]+ of 30,000 proteins \u00b7 [\d,]+ a second \u00b7 about \d+ (second|minute)"
    page.wait_for_function(
        "(told) => new RegExp(told).test(document.getElementById('progress-text').textContent)",
        arg=told,
    )
    assert fits() and page.is_visible("#progress-link a")
    page.click("#cancel")
    page.wait_for_selector("#input-view:not([hidden])")
    assert page.text_content("#trouble") == "The job was cancelled."
    page.click("[aria-label='Remove a.faa']")
    page.fill("#fasta", f">{'long-name' * 30}\n{SIGNAL}")
    page.click("#predict")
    page.wait_for_selector("#picture[data-protein]")
    assert fits() and violations(page) == []
    assert page.text_content("#results-title") == "The protein has a signal peptide"
    page.tap(".row")
    box = page.locator("#picture svg").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"]
    link = page.get_attribute("#link", "href")
    page.click("#remove")
    page.click("#remove")
    page.wait_for_selector("#input-view:not([hidden])")
    page.goto(link)
    page.reload()
    page.wait_for_selector("#trouble:not([hidden])")
    assert "not here (any more)" in page.text_content("#trouble")
