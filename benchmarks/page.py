"""How quickly the web page answers its user with many proteins in the table.

    python benchmarks/page.py [--proteins 20000]

A real server and Chromium without a window; each time is from an action to the next frame that the
browser has drawn. Prints a Markdown table of medians and maxima, in milliseconds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.browser import driven
from tests.support.web import READY, serving

from peft_sp.biology.alphabet import AMINO_ACIDS

TARGET = 100
ACTIONS = {
    "show a type": "document.querySelector(`.count[data-value='${n % 2 ? '' : 'sp'}']`).click()",
    "search": "const s = document.getElementById('search'); s.value = n % 2 ? '' : `p1${n}`;"
    " s.dispatchEvent(new Event('input'))",
    "sort by length": "document.querySelector('[data-key=length]').click()",
    "sort by name": "document.querySelector('[data-key=header]').click()",
    "scroll": "document.getElementById('grid').scrollTop = 20000 * (n + 1)",
    "next protein": "document.getElementById('grid').dispatchEvent("
    "new KeyboardEvent('keydown', { key: 'ArrowDown' }))",
}
TIMED = """async ([action, times]) => {
  const act = new Function('n', action), found = [];
  for (let n = 0; n < times; n += 1) {
    const begun = performance.now();
    act(n);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    found.push(performance.now() - begun);
  }
  return found;
}"""


def proteins(count: int) -> bytes:
    """Random proteins that begin with a signal peptide, or not, so that both are found."""
    letters = random.Random(1)
    starts = ("MKKTAIAIAVALAGFATVAQA", "MDKQRGFTLIELMVVIGIIAILS", "MSDEKRQ")
    return "".join(
        f">p{n}\n{starts[n % 3]}{''.join(letters.choices(AMINO_ACIDS, k=50 + n % 300))}\n"
        for n in range(count)
    ).encode()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proteins", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as address,
        driven() as browser,
    ):
        # The actions are functions made of text, which the page's own policy forbids.
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(address)
        page.wait_for_selector(READY, state="attached")
        file = {"name": "a.faa", "mimeType": "text/plain", "buffer": proteins(given.proteins)}
        page.set_input_files("#files", [file])
        begun = time.perf_counter()
        page.click("#predict")
        page.wait_for_selector("#picture[data-protein]", timeout=600_000)
        print(
            f"{given.proteins:,} proteins, predicted and shown after "
            f"{time.perf_counter() - begun:.1f} s\n"
        )
        print("| action | median ms | largest ms | target ms |\n|---|---|---|---|")
        for name, action in ACTIONS.items():
            times = page.evaluate(TIMED, [action, given.times])
            print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} | {TARGET} |")


if __name__ == "__main__":
    main()
