"""A real browser for tests of pages: Chromium or Chrome, without a window and without a network."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.programs import program

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
)


@contextmanager
def driven() -> Iterator[Any]:
    """The browser, driven by Playwright, for pages of a server.

    To be closed before any other test begins: until then a loop of asyncio runs in this thread.
    """
    from playwright.sync_api import sync_playwright

    path = program(*_NAMES, package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def run(steps: str, page: str, directory: Path, size: tuple[int, int] = (1240, 1400)) -> Any:
    """What `steps`, JavaScript that returns a value, give in the page once it is ready."""
    probe = (
        "<script>(async () => { while (document.documentElement.dataset.ready !== 'yes') "
        "await new Promise((r) => setTimeout(r, 20)); let result; "
        f"try {{ result = await (async () => {{ {steps} }})(); }} "
        "catch (error) { result = String(error.stack); } "
        "const pre = document.createElement('pre'); pre.id = 'result-of-test'; "
        "pre.textContent = JSON.stringify(result); document.body.append(pre); })();</script></body>"
    )
    # The page allows no script but its own.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    path = directory / "page.html"
    path.write_text(page.replace("</body>", probe), encoding="utf-8")
    document, errors = _call(path, directory, "--dump-dom", f"--window-size={size[0]},{size[1]}")
    result = re.search('<pre id="result-of-test">(.*?)</pre>', document, re.DOTALL)
    assert result, errors[-500:]
    return json.loads(html.unescape(result[1]))


def _call(path: Path, directory: Path, *options: str) -> tuple[str, str]:
    command = [
        program(*_NAMES, package="chromium"),
        *_FLAGS,
        f"--user-data-dir={directory / 'profile'}",
        *options,
    ]
    done = subprocess.run(
        [*command, path.as_uri()],
        capture_output=True,
        check=True,
        timeout=300,
        env={**os.environ, "HOME": str(directory)},
    )
    return done.stdout.decode(), done.stderr.decode()
