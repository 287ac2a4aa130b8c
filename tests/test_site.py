"""The folder that `make site` writes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from dataclasses import replace

import pytest
from scripts import site

from peft_sp.service import facts
from tests.support.site import BARE, served, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("site"))


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
