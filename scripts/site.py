"""Write the static site: the page, which predicts inside the browser, for any web server.

    python scripts/site.py site

The runtime, onnxruntime-web, is fetched from npm's registry and compared with the hash below;
everything else is in the package. The folder needs nothing but a web server (docs/web.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import peft_sp.service
from peft_sp.io.plotting import summary
from peft_sp.io.registry import lookup
from peft_sp.service import facts

ROOT = Path(__file__).parents[1]
STATIC = Path(peft_sp.service.__file__).parent / "static"
SHARED = Path(summary.__file__).parent / "static"
CACHE = ROOT / ".cache"
"""Where the fetched package is kept."""
MOST = 20_000_000
"""Bytes of a site: all of it is fetched once, and kept for use without a network."""


class SiteError(Exception):
    """Why the site cannot be made; its text is one line that says what to do."""


@dataclass(frozen=True)
class Package:
    """A package of npm's registry; integrity: SHA-512 of its tarball as npm gives it."""

    name: str
    version: str
    integrity: str
    files: tuple[str, ...]

    @property
    def tarball(self) -> str:
        """Its file's name."""
        return f"{self.name}-{self.version}.tgz"


RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"),
)
REGISTRY = "https://registry.npmjs.org"
"""Where npm fetches from if it is not told otherwise."""
LEFT_OUT = ("engines/server.js", "service_worker.js", "index.html")
"""Of the page's files: what only the server's page needs, and what is written anew."""


def write_site(directory: Path) -> None:
    """Write the site into a directory that this script made or that is new. Raises SiteError."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / "service_worker.js").exists():
            raise SiteError(f"{directory} holds something else; remove it or name another folder")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for source, target in _copied():
        (directory / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, directory / target)
    for name, content in _made().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    _unpack(fetched(RUNTIME), RUNTIME, directory / "runtime")
    hashes = {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "licences" not in path.parts
    }
    worker = (STATIC / "service_worker.js").read_text()
    (directory / "service_worker.js").write_text(
        _filled(worker, "FILES", json.dumps(hashes, indent=1))
    )
    (directory / ".nojekyll").touch()  # GitHub Pages publishes the files as they are
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    if size > MOST:
        raise SiteError(f"the site has {size:,} bytes, more than {MOST:,}")


def _copied() -> Iterator[tuple[Path, str]]:
    """Files that are copied as they are, and where to."""
    for folder, prefix in ((STATIC, ""), (SHARED, "shared/")):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            summary_page = folder == SHARED and name.startswith("summary.")
            if path.is_file() and name not in LEFT_OUT and not summary_page:
                yield path, prefix + name
    yield lookup.locate(lookup.DEFAULT) / lookup.ONNX, "model.onnx"
    yield ROOT / "LICENSE", "licences/PEFT-SP.txt"
    runtime = Path(str(distribution("onnxruntime").locate_file("onnxruntime")))
    yield runtime / "LICENSE", "licences/onnxruntime.txt"
    yield runtime / "ThirdPartyNotices.txt", "licences/onnxruntime-third-party.txt"


def _made() -> dict[str, bytes]:
    """Files that are made of what the package knows, by name."""
    page = (STATIC / "index.html").read_text()
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{facts.page_policy()}">\n'
        '<link rel="manifest" href="manifest.webmanifest">\n'
    )
    page = page.replace('name="engine" content="server"', 'name="engine" content="browser"')
    page = page.replace("<title>", f"{head}<title>", 1)
    return {
        "index.html": page.encode(),
        "facts.json": facts.facts_json().encode(),
        "palette.css": facts.palette().encode(),
        "frames.bin": facts.packed_frames(),
        "domains.bin": facts.packed_domains(),
    }


def _filled(text: str, name: str, value: str) -> str:
    """The text of a script in which a constant has this value."""
    filled, count = re.subn(
        rf"(?m)^const {name} = .*;$", lambda _: f"const {name} = {value};", text
    )
    if count != 1:
        raise SiteError(f"the script has {count} lines with the constant {name}, not one")
    return filled


def fetched(package: Package, cache: Path = CACHE) -> Path:
    """The tarball of a package, whose hash is the recorded one. Raises SiteError."""
    path = cache / package.tarball
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        (_by_npm if shutil.which("npm") else _by_python)(package, path)
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        path.unlink()
        raise SiteError(
            f"{package.tarball} is not the file that was recorded ({package.integrity[:20]}...): "
            "do not use it; try again, and see what registry npm is set to if this stays"
        )
    return path


def _by_npm(package: Package, path: Path) -> None:
    command = ["npm", "pack", f"{package.name}@{package.version}", "--pack-destination"]
    done = subprocess.run(
        [*command, str(path.parent)], capture_output=True, text=True, check=False, cwd=path.parent
    )
    if done.returncode or not path.exists():
        last = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1]
        raise SiteError(f"npm cannot fetch {package.name} {package.version} ({last})")


def _by_python(package: Package, path: Path) -> None:
    """The same where npm is not installed, from the registry that npm's variable names."""
    named = {name.lower(): value for name, value in os.environ.items()}
    registry = named.get("npm_config_registry") or REGISTRY
    url = f"{registry.rstrip('/')}/{package.name}/-/{package.tarball}"
    if not url.startswith(("https://", "http://")):
        raise SiteError(f"NPM_CONFIG_REGISTRY is '{registry}'; give an address of https")
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            content = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise SiteError(
            f"{url} cannot be fetched ({error}); install npm if it knows a way there, or name "
            "another registry in NPM_CONFIG_REGISTRY"
        ) from None
    path.write_bytes(content)


def _unpack(tarball: Path, package: Package, directory: Path) -> None:
    """Take the files that are needed, and no others, into a directory."""
    directory.mkdir(parents=True)
    with tarfile.open(tarball) as archive:
        for name in package.files:
            source = archive.extractfile(f"package/{name}")
            assert source is not None
            (directory / Path(name).name).write_bytes(source.read())


def main() -> None:
    """Write the site into the directory that is named."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "site")
    try:
        write_site(directory)
    except SiteError as error:
        sys.exit(f"site: {error}")
    files = [path for path in directory.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{directory}: {len(files)} files, {size / 1e6:.1f} MB; try it:")
    print(f"python -m http.server --bind 127.0.0.1 --directory {directory} 8080")


if __name__ == "__main__":
    main()
