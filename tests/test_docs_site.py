"""The documentation builds without a warning, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import peft_sp
from peft_sp.cli.commands import app
from tests.support.browser import driven
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
LOADED = re.compile(
    r"<(?:script|img|iframe|source|link [^>]*?rel=[\"']?(?:stylesheet|preconnect|icon))\b[^>]*?"
    r" (?:src|href)=[\"']?([^\"' >]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("docs-site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """A web server that says nothing."""

    def log_message(self, *_):
        pass


def text(page):
    return page.read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loaded = re.findall(LOADED, text(page))
        assert len(loaded) > 2
        assert not [address for address in loaded if "//" in address], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:|@import", text(sheet)), sheet


def test_every_public_name_and_every_command_is_described(site):
    python = text(site / "reference" / "python.html")
    for name in set(peft_sp.__all__) - {"__version__", "TYPES"}:
        home = peft_sp._HOME.get(name, "peft_sp")
        assert f'id="{home}.{name}"' in python, name
    commands = text(site / "reference" / "commands.html")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f'id="peft-sp-{name}"' in commands, name
    for group in app.registered_groups:
        for command in group.typer_instance.registered_commands:
            name = command.name or command.callback.__name__
            assert f'id="peft-sp-{group.name}-{name}"' in commands, name
    assert "<code>--threshold</code>" in commands


def test_every_module_is_described(site):
    for room in ("biology", "io", "network", "inference", "training", "service", "cli"):
        page = text(site / "reference" / "modules" / f"{room}.html")
        for path in (ROOT / "src" / "peft_sp" / room).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            assert f'id="{name.removesuffix(".__init__")}"' in page, name


def test_equations_are_mathml(site):
    """Browsers draw it without a script, and none is left as LaTeX."""
    page = text(site / "method.html")
    assert page.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') > 8
    assert page.count('display="inline"') > 30
    assert "arithmatex" not in page and "\\frac" not in page


def test_in_a_browser_it_searches_and_asks_nobody_else(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with driven() as browser:
        page, asked = browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/method.html")
        box = page.locator("math[display=block]").first.bounding_box()
        page.get_by_role("textbox", name="Search").click()
        page.keyboard.type("lipobox")
        found = page.locator(".md-search-result__link").first
        found.wait_for()
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    server.shutdown()
    assert box["height"] > 30 and width <= 0
    assert [url for url in asked if not url.startswith(address)] == []
