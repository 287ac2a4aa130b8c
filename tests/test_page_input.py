"""What a user gives the web page, and how: text, files, keys, a phone."""

from __future__ import annotations

import gzip
import random

import pytest

from peft_sp.biology.alphabet import AMINO_ACIDS
from tests.support import browser
from tests.support.paths import ROOT
from tests.support.web import (
    RESULTS,
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
