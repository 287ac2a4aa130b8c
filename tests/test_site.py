"""The folder that `make site` writes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tarfile
from dataclasses import replace

import pytest
from scripts import site

from peft_sp.service import facts
from tests.support import browser
from tests.support.site import BARE, served, written

VERSIONS = ("Which of your proteins", "Which of some proteins")
"""Of a word of the page, before and after an update."""
VALUES_ARE_COUNTED = """() => {
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
  window.asked = 0;
  const counted = function () { window.asked += 1; return get.call(this); };
  Object.defineProperty(HTMLTextAreaElement.prototype, "value", { get: counted, set });
}"""
PASTED = """(text) => {
  const area = document.getElementById("fasta");
  area.value = text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
  return window.asked;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("site"))


@pytest.fixture
def chromium():
    with browser.driven() as driven:
        yield driven


@pytest.fixture
def package(tmp_path):
    """A small package with its tarball as a registry gives it."""
    path = tmp_path / "tools" / "small" / "-" / "small-1.0.tgz"
    path.parent.mkdir(parents=True)
    (tmp_path / "module.mjs").write_text("export default 1;")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "module.mjs", "package/dist/module.mjs")
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return site.Package("small", "1.0", f"sha512-{digest}", ("dist/module.mjs",))


def test_it_is_whole_small_and_says_what_it_holds(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < site.MOST == 20_000_000
    names = {path.relative_to(folder).as_posix() for path in files}
    assert {"index.html", "facts.json", "palette.css", "model.onnx", "frames.bin"} <= names
    assert "engines/server.js" not in names
    assert "MIT License" in (folder / "licences" / "PEFT-SP.txt").read_text()
    assert "Eigen" in (folder / "licences" / "onnxruntime-third-party.txt").read_text()
    listed = re.search(
        r"const FILES = (\{.*?\});", (folder / "service_worker.js").read_text(), re.S
    )
    assert listed
    hashes = json.loads(listed[1])
    beside = {"service_worker.js", BARE, "engine_probe.js", ".nojekyll"}
    assert hashes.keys() == {n for n in names - beside if not n.startswith("licences/")}
    for name, digest in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_its_page_has_the_policy_and_no_address_of_another_place(folder):
    page = (folder / "index.html").read_text()
    assert f'content="{facts.page_policy()}"' in page
    assert "frame-ancestors" not in page and "unsafe-inline" not in page
    assert '<meta name="engine" content="browser">' in page
    links = re.findall(r'(?:src|href)="([^"#]*)"', page)
    assert links and not [link for link in links if link.startswith("/") or ":" in link]
    for path in folder.rglob("*.js"):
        # A sub-path is as good as a site of its own.
        assert not re.search(r"""(?:from |import\(|fetch\()["'`]/""", path.read_text()), path


def test_a_package_is_taken_from_a_registry_where_npm_is_missing(package, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    cache = tmp_path / "cache"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/")
    with pytest.raises(site.SiteError, match=r"cannot be fetched.*NPM_CONFIG_REGISTRY"):
        site.fetched(package, cache)
    with served(tmp_path / "tools") as address:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
        path = site.fetched(package, cache)
    assert path == cache / "small-1.0.tgz"
    assert site.fetched(package, cache) == path  # from there, without a registry


def test_a_package_with_another_hash_is_refused_and_not_kept(package, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / package.tarball).write_bytes(b"something else")
    with pytest.raises(site.SiteError, match=r"small-1\.0\.tgz is not the file that was recorded"):
        site.fetched(package, cache)
    assert not (cache / package.tarball).exists()
    other = replace(package, integrity="sha512-AAAA")
    (cache / package.tarball).write_bytes(
        (tmp_path / "tools" / "small" / "-" / package.tarball).read_bytes()
    )
    with pytest.raises(site.SiteError, match="not the file that was recorded"):
        site.fetched(other, cache)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(site.SiteError, match="holds something else"):
        site.write_site(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.integration
def test_where_it_cannot_start_it_says_what_it_needs(chromium, folder):
    needs = re.search(r'BROWSERS = "(.*)"', (folder / "engines" / "errors.js").read_text())
    assert needs
    page = chromium.new_page()
    page.goto((folder / "index.html").as_uri())
    said = page.wait_for_selector("#not-started", state="visible").inner_text()
    assert "opened as a file it cannot work" in said and needs[1] in said
    page.close()
    context = chromium.new_context(service_workers="block")
    page = context.new_page()
    page.add_init_script(f"({VALUES_ARE_COUNTED})()")
    context.route("**/engines/browser/worker.js", lambda route: route.abort())
    with served(folder) as address:
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]")
        assert page.is_hidden("#not-started")
        # Each time a browser is asked for a long text it makes it anew.
        assert page.evaluate(PASTED, ">a\nMKT\n" * 3000) < 10
        assert page.inner_text("#gutter").startswith("1\n2\n3\n")
        page.click("#predict")
        said = page.wait_for_selector("#problem:not([hidden])").inner_text()
        assert said.startswith("The page's worker cannot start; reload") and needs[1] in said
        # Nothing is left of it when its cause is gone.
        context.unroute("**/engines/browser/worker.js")
        page.fill("#fasta", ">a\nMKTAYIAKQR\n")
        page.click("#predict")
        page.wait_for_selector("#results-view:not([hidden])", timeout=60_000)
    context.close()


def _updated(folder):
    """Another version of the site in its place."""
    page, worker = folder / "index.html", folder / "service_worker.js"
    before = hashlib.sha256(page.read_bytes()).hexdigest()
    page.write_text(page.read_text().replace(*VERSIONS))
    after = hashlib.sha256(page.read_bytes()).hexdigest()
    assert before != after
    worker.write_text(worker.read_text().replace(before, after))


@pytest.mark.integration
def test_a_new_version_begins_at_the_next_load_unless_the_old_one_is_open_elsewhere(
    chromium, folder, tmp_path
):
    site_now = tmp_path / "site"
    shutil.copytree(folder, site_now)
    context = chromium.new_context()
    page, other = context.new_page(), context.new_page()
    state = "(name) => navigator.serviceWorker.ready.then((found) => Boolean(found[name]))"

    def title(of):
        of.wait_for_selector("html[data-ready=yes]")
        return of.text_content("#input-title")[: len(VERSIONS[0])]

    with served(site_now) as address:
        page.goto(address)
        page.evaluate(state, "active")
        other.goto(address)
        _updated(site_now)
        page.reload()
        while not page.evaluate(state, "waiting"):
            page.wait_for_timeout(50)
        for _ in range(2):
            page.reload()
            assert title(page) == title(other) == VERSIONS[0]
        other.close()
        for _ in range(20):  # until the browser knows that the other page is gone
            page.reload()
            page.wait_for_timeout(500)
            if title(page) != VERSIONS[0]:
                break
        assert title(page) == VERSIONS[1]
        assert not page.evaluate(state, "waiting")
    context.close()
