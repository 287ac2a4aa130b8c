"""The pictures of results in docs/images, from real runs, a real server and a real browser.

    PEFT_SP_SHARED=DIRECTORY python scripts/screenshots.py [docs/images]

The web page shows its example, compared with esm2-8m: on a light screen, a dark one, and a phone.
The page that `--summary` writes, and a protein's picture, are of Escherichia coli, whose proteins
are data/proteomes/ecoli_proteins.faa in that directory. To be run anew when a model changes.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.browser import driven  # noqa: E402
from tests.support.web import predict_example, serving  # noqa: E402

IMAGES = ROOT / "docs" / "images"
COLOURS = 200
"""Of a picture, which keeps it small and shows no difference."""
PROTEIN = "trimethylamine"
"""It has another site nearly as probable, and the models disagree on it."""
PROTEOME = "data/proteomes/ecoli_proteins.faa"
TAT = "NP_416709.1"
"""Of that proteome: a signal peptide with all kinds of regions."""
SCREENS: dict[str, dict[str, Any]] = {
    "page-light": {"viewport": {"width": 1240, "height": 900}, "color_scheme": "light"},
    "page-dark": {"viewport": {"width": 1240, "height": 900}, "color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


def shoot(page: Any, address: str, whole: bool) -> bytes:
    """The results of the example, up to the table's end or as much as the screen holds."""
    predict_example(page, address)
    page.fill("#search", PROTEIN)
    page.click(".row >> nth=0")
    page.fill("#search", "")
    page.evaluate("() => document.getElementById('results-title').focus()")
    page.mouse.move(0, 0)
    if page.viewport_size["width"] < 600:
        page.evaluate("() => document.getElementById('table-title').scrollIntoView()")
    page.wait_for_timeout(300)
    picture: bytes = page.screenshot(full_page=whole)
    return picture


def shoot_run(browser: Any, folder: Path, target: Path) -> None:
    """The page of a run, and the picture of one of its proteins."""
    proteins = folder / "ecoli.faa"
    proteins.write_bytes((Path(os.environ["PEFT_SP_SHARED"]) / PROTEOME).read_bytes())
    one = folder / "one.faa"
    records = proteins.read_text().split(">")
    one.write_text("".join(f">{record}" for record in records if record.startswith(TAT)))
    for fasta, option in ((proteins, "--summary"), (one, "--plots=png")):
        command = ["peft-sp", "predict", fasta.name, option, "-o", fasta.stem]
        subprocess.run(command, check=True, cwd=folder)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto((folder / "ecoli" / "summary.html").as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    page.click(".row >> nth=4")
    page.mouse.move(0, 0)
    keep(page.screenshot(full_page=True), target / "summary.png")
    context.close()
    (picture,) = (folder / "one" / "plots").glob("*.png")
    keep(picture.read_bytes(), target / "protein.png")


def keep(picture: bytes, path: Path) -> None:
    """Write a picture, made small."""
    small = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    small.save(path, optimize=True)


def main() -> None:
    """Write the pictures."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as address,
        driven() as browser,
    ):
        for name, options in SCREENS.items():
            context = browser.new_context(**options)
            picture = shoot(context.new_page(), address, whole=name == "page-light")
            keep(picture, target / f"{name}.png")
            context.close()
        shoot_run(browser, Path(folder), target)


if __name__ == "__main__":
    main()
