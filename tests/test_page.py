"""The web page as its users have it: a real server, a real browser, few pages for many looks."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

import peft_sp
from peft_sp.io.fasta import open_input
from peft_sp.io.plotting import palette
from peft_sp.service import facts
from tests.support import browser
from tests.support.paths import ROOT
from tests.support.web import (
    PACK,
    RESULTS,
    predict_example,
    rows,
    serving,
    violations,
    watched_pages,
)

pytestmark = pytest.mark.integration
EXAMPLE = ROOT / "src" / "peft_sp" / "service" / "static" / "example.fasta"
HOSTILE = "a<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SIGNAL = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serve")) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    with browser.driven() as driven:
        yield driven


@pytest.fixture
def open_page(chromium, address):
    with watched_pages(chromium, address) as opened:
        yield opened


@pytest.fixture(scope="module")
def results(chromium, address):
    """The example's results, compared with another model, on a page that tests look at in turn."""
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 1240, "height": 900})
    page = context.new_page()
    predict_example(page, address)
    yield page
    context.close()


@pytest.fixture(scope="module")
def expected():
    """What the library predicts for the example."""
    with open_input([str(EXAMPLE)]) as source:
        proteins = list(source.proteins())
    return list(peft_sp.load("fast", threads=1).predict(proteins, "auto", marginals=True))


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
        **{str(n): str(types.count(name)) for n, name in enumerate(names) if name in types},
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


def test_on_a_phone_a_picture_says_that_it_goes_on_and_its_buttons_stand_beside_their_words(
    results,
):
    hint = results.locator(".picture-card .sideways")
    wide = results.viewport_size
    assert not hint.is_visible()
    results.set_viewport_size(PHONE)
    try:
        assert hint.is_visible()
        assert (
            results.evaluate(
                "() => { const box = document.getElementById('picture'); "
                "return box.scrollWidth > box.clientWidth && "
                "getComputedStyle(box).backgroundImage.split('linear-gradient').length; }"
            )
            == 5
        )
        words, svg, png = (
            results.locator(f".picture-card .together > *:nth-child({n})").bounding_box()
            for n in (1, 2, 3)
        )
        assert svg["y"] == png["y"] <= words["y"] < svg["y"] + svg["height"]
        assert results.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    finally:
        results.set_viewport_size(wide)


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
