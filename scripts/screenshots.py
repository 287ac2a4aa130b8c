"""The pictures of the web page in docs/images, from a real server and a real browser.

    python scripts/screenshots.py [docs/images]

Shows the results of the page's example, compared with esm2-8m: on a light screen, a dark one, and
a phone.
"""

from __future__ import annotations

import io
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
            small = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
            small.save(target / f"{name}.png", optimize=True)
            context.close()


if __name__ == "__main__":
    main()
