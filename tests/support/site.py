"""The static site as a visitor has it: written once, served from a sub-path, in a real Chromium."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scripts import site

PREFIX = "/tools/peft-sp/"
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
"""With these headers a page has SharedArrayBuffer."""
BARE = "bare.html"
"""A page beside the site's own that loads nothing by itself."""


def written(directory: Path) -> Path:
    """The site in this directory; skips the test, or fails in CI, where its runtime is not had."""
    try:
        site.write_site(directory)
    except site.SiteError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    (directory / BARE).write_text("<!doctype html><title>bare</title>")
    shutil.copy(Path(__file__).with_name("engine_probe.js"), directory)
    return directory


class _Handler(SimpleHTTPRequestHandler):
    headers_too: ClassVar[dict[str, str]] = {}
    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def translate_path(self, path: str) -> str:
        if not path.startswith(PREFIX):
            return str(Path(self.directory) / "not there")
        return super().translate_path(path.removeprefix(PREFIX[:-1]))

    def end_headers(self) -> None:
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Tests have nothing to say of it."""


@contextmanager
def served(directory: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    """The address of the folder, served by a plain web server below a path."""
    handler = type("_Headers", (_Handler,), {"headers_too": headers or {}})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(directory))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()
