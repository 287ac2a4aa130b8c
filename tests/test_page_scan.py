"""What breaks a signal peptide, on the page: the command's numbers, whichever engine predicts."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import peft_sp
from peft_sp.io.plotting import heatmap, palette
from peft_sp.io.writers import scans
from tests.support import browser, commands
from tests.support.paths import ROOT
from tests.support.site import served, written
from tests.support.web import READY, RESULTS, serving, violations

pytestmark = pytest.mark.integration
YACH = ROOT / "examples" / "yacH.faa"
NONE = ">none\nMSTNPKPQRKTKRNT\n"
SCANNED = "() => /(break it|make one)/.test(document.getElementById('scan-text').textContent)"


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """What the command prints of the two proteins, its rows, and the first one's picture."""
    folder = tmp_path_factory.mktemp("command")
    fasta = folder / "two.faa"
    fasta.write_text(YACH.read_text() + NONE)
    code, output, errors = commands.peft_sp("scan", fasta, "-o", folder / "out", "--plots", "svg")
    assert (code, errors) == (0, "")
    said = [line.partition(": ")[2] for line in output.splitlines()[:2]]
    (picture,) = (folder / "out" / "plots").glob("NP_*.svg")
    return said, commands.rows(folder / "out" / scans.FILE), picture.read_text()


@pytest.fixture(scope="module")
def chromium():
    with browser.driven() as driven:
        yield driven


@pytest.fixture(scope="module", params=["server", "browser"])
def results(request, chromium, tmp_path_factory):
    """A page with the results of two proteins, the first of which is scanned."""
    folder = tmp_path_factory.mktemp(request.param)
    at = serving(folder) if request.param == "server" else served(written(folder))
    troubles: list[str] = []
    with at as address:
        context = chromium.new_context(reduced_motion="reduce")
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(address)
        page.wait_for_selector(READY, state="attached")
        page.fill("#fasta", YACH.read_text() + NONE)
        page.check("input[value=other]")
        page.click("#predict")
        page.wait_for_selector(RESULTS, timeout=60_000)
        page.wait_for_selector("#picture[data-protein]")
        page.click("#scan")
        page.wait_for_function(SCANNED, timeout=60_000)
        yield page
        context.close()
    assert troubles == []


def exact(page):
    """Whether the network computed what the command's did; WebAssembly rounds differently."""
    return page.get_attribute("meta[name=engine]", "content") == "server"


def saved(page, selector):
    with page.expect_download() as download:
        page.click(selector)
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_the_table_and_the_sentence_are_the_command_s(results, command):
    said, expected, _ = command
    assert results.text_content("#scan-title") == "What breaks this signal peptide"
    assert results.text_content("#scan-text") == said[0]
    name, text = saved(results, "#scan-tsv")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    own = [row for row in expected if row["id"] == rows[0]["id"]]
    assert name == f"{rows[0]['id']}.scan.tsv" and len(rows) == len(own) == 1331
    near = 2e-6 if exact(results) else 2e-3
    for row, wanted in zip(rows, own, strict=True):
        for column, kind in scans.FIELDS.items():
            if kind is float and wanted[column]:
                assert float(row[column]) == pytest.approx(float(wanted[column]), abs=near)
                assert re.fullmatch(r"-?\d\.\d{6}", row[column])
            else:
                assert row[column] == wanted[column]


def test_the_picture_is_the_command_s_shape_by_shape(results, command):
    name, text = saved(results, "#scan-svg")
    assert name.endswith(".scan.svg")
    expected, own = ElementTree.fromstring(command[2]), ElementTree.fromstring(text)
    assert own.get("width") == expected.get("width") and own.get("viewBox") == expected.get(
        "viewBox"
    )

    def shape(element):
        return element.tag, element.text, {key: str(v) for key, v in element.attrib.items()}

    found, wanted = list(map(shape, own)), list(map(shape, expected))
    assert len(found) == len(wanted) > 400
    # A change that lies on the edge between two colours may be on its other side.
    differing = sum(one != other for one, other in zip(found, wanted, strict=True))
    assert differing <= (0 if exact(results) else 2)
    assert {one.get("fill") for one in own} - {None, "none"} <= set(palette.LIGHT.values())


def test_cells_are_read_by_keys_and_by_pointing(results, command):
    rows = {f"{row['residue']}{row['position']}{row['to']}": row for row in command[1]}
    window = next(peft_sp.read_fasta(YACH)).window
    order = heatmap.ROWS
    results.focus("#scan-maps")
    results.keyboard.press("ArrowRight")
    assert results.text_content("#scan-cell strong") == f"{window[0]}1"
    assert "as it is" in results.text_content("#scan-cell")
    for _ in range(11):
        results.keyboard.press("ArrowRight")
    for _ in range(order.index(window[0]) - order.index("D")):
        results.keyboard.press("ArrowUp")
    text = results.text_content("#scan-cell")
    row = rows["L12D"]
    assert text.startswith("L12DNO_SPP(signal peptide) 0.")
    probability, change = re.search(r"peptide\) (\S+) \(\u2212([\d.]+)\)", text).groups()
    assert float(probability) == pytest.approx(float(row["signal_peptide_probability"]), abs=3e-3)
    assert float(change) == pytest.approx(-float(row["probability_change"]), abs=3e-3)
    assert results.locator("#scan-maps .guide[visibility=visible]").count() == 2
    rules, box = heatmap.rules(), results.locator("#scan-maps svg").bounding_box()
    scale = box["width"] / float(results.get_attribute("#scan-maps svg", "viewBox").split()[2])
    x = rules["left"] + rules["cell"] * 11.5
    y = rules["tops"][1] + rules["cell"] * (order.index("E") + 0.5)
    results.mouse.move(box["x"] + scale * x, box["y"] + scale * y)
    assert results.text_content("#scan-cell strong") == "L12E"
    results.mouse.move(box["x"] + 2, box["y"] + 2)
    assert "arrow keys" in results.text_content("#scan-cell")


def test_it_is_dark_where_the_page_is_and_axe_finds_nothing(results):
    for theme, colours in (("dark", palette.DARK), ("light", palette.LIGHT)):
        results.select_option("#theme", theme)
        found = results.evaluate(
            "() => getComputedStyle(document.querySelector("
            "'#scan-maps rect[fill=\"var(--loss-4)\"]')).fill"
        )
        assert (
            "#" + "".join(f"{int(n):02x}" for n in re.findall(r"\d+", found)) == colours["loss-4"]
        )
    assert violations(results, "#scan-card") == []


def test_another_protein_is_scanned_when_it_is_asked_for(results, command):
    results.click(".count[data-value='']")
    results.click(".row >> nth=1")
    results.wait_for_selector("#picture svg[aria-label^=none]")
    assert results.is_hidden("#scan-card")
    assert results.text_content("#scan") == "What would make one?"
    results.click("#scan")
    results.wait_for_function(SCANNED, timeout=60_000)
    assert results.text_content("#scan-title") == "What would make it a signal peptide"
    assert results.text_content("#scan-text").lower() == command[0][1]
