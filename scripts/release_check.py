"""Build the distributions, look into them, and install and try each in clean environments.

    python scripts/release_check.py [--python python3.14 ...] [--output dist] [--quick]

Needs the extra `release`. Every Python from 3.11 to 3.14 of PATH is used, and those that are
named; --quick takes this one and the wheel alone. With --output the distributions stay there,
with an SBOM of what pip installs beside the wheel.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MOST_WHEEL = 5_000_000
"""Bytes of a wheel or an archive of sources."""
MOST_INSTALLED = 250_000_000
"""Bytes of the package and all that it needs to predict."""
EXAMPLE = "ecoli_300.faa"
BESIDE = {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff"}
BESIDE |= {"hatch_build.py", "pyproject.toml", ".gitignore", "PKG-INFO"}
"""Files of the archive of sources that are not the package's."""


class ReleaseError(Exception):
    """What is wrong with a distribution, in one line."""


@dataclass
class Row:
    """What an environment cost: python and source, then MB on disk and seconds by step."""

    python: str
    source: str
    megabytes: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Check everything, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", action="append", default=[], help="one more interpreter")
    parser.add_argument("--output", type=Path, help="folder for the distributions and the SBOM")
    parser.add_argument("--quick", action="store_true", help="this Python and the wheel alone")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="peft-sp-release-") as folder:
            rows = check(Path(folder), given.python, given.output, given.quick)
    except ReleaseError as error:
        sys.exit(f"release_check: {error}")
    print(table(rows))


def check(folder: Path, named: list[str], output: Path | None, quick: bool) -> list[Row]:
    """All checks, in a folder of their own. Raises ReleaseError."""
    wheel, sdist = build(folder / "dist")
    if not quick:
        again, _ = build(folder / "again")
        if wheel.read_bytes() != again.read_bytes():
            raise ReleaseError(f"two builds of {wheel.name} differ")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    look_into(wheel, sdist)
    pythons = [sys.executable] if quick else interpreters(named)
    rows = [
        tried(python, source, folder / f"environment-{number}-{source.suffix[1:]}", not quick)
        for number, python in enumerate(pythons)
        for source in ([wheel] if quick else [wheel, sdist])
    ]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for made in (wheel, sdist):
            shutil.copy(made, output / made.name)
        newest = folder / f"environment-{len(pythons) - 1}-whl"
        write_sbom(newest, output / f"{wheel.name.split('-py3')[0]}.cdx.json")
    return rows


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the archive of sources that it is made of, with the time of the commit."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct").strip()
    module = (sys.executable, "-m", "build")
    run(*module, "--no-isolation", "--outdir", folder, ROOT, SOURCE_DATE_EPOCH=epoch)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def look_into(wheel: Path, sdist: Path) -> None:
    """Each holds the package's files as git has them, the licence, and no path of this machine."""
    package = {name.removeprefix("src/") for name in git("ls-files", "src/peft_sp").splitlines()}
    inside: dict[str, bytes] = {}
    for name, content in members(wheel):
        if not re.match(r"peft_sp-[^/]+\.dist-info/", name):
            inside[name] = content
        elif name.endswith("/licenses/LICENSE"):
            inside["LICENSE"] = content
    compare(wheel, set(inside), package | {"LICENSE"})
    sources = {name.partition("/")[2]: content for name, content in members(sdist)}
    compare(sdist, set(sources), {f"src/{name}" for name in package} | BESIDE)
    of_here = [str(ROOT), str(Path.home()) + os.sep, tempfile.gettempdir() + os.sep]
    for name, content in {**inside, **sources}.items():
        for path in of_here:
            if path.encode() in content:
                raise ReleaseError(f"{name} names a path of this machine: {path}")
    for made in (wheel, sdist):
        if made.stat().st_size > MOST_WHEEL:
            raise ReleaseError(f"{made.name} has {made.stat().st_size:,} bytes, more than expected")


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a wheel or an archive of sources."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            content = sdist.extractfile(member)
            if content is not None:
                yield member.name, content.read()


def compare(archive: Path, found: set[str], expected: set[str]) -> None:
    """Raise ReleaseError where an archive has other files than it should."""
    differences = {"lacks": expected - found, "should not have": found - expected}
    for verb, names in differences.items():
        if names:
            raise ReleaseError(f"{archive.name} {verb} {', '.join(sorted(names))}")


def interpreters(named: list[str]) -> list[str]:
    """Programs that are a Python of VERSIONS and can make environments, one of each version."""
    found: dict[str, str] = {}
    asks = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    for name in [*named, *(f"python{version}" for version in VERSIONS), sys.executable]:
        path = shutil.which(name)
        if path is None:
            continue
        answer = subprocess.run([path, "-c", asks], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            found.setdefault(answer.stdout.strip(), path)
    missing = [version for version in VERSIONS if version not in found]
    if missing:
        print(f"not found, and not tried: Python {', '.join(missing)}")
    return [found[version] for version in VERSIONS if version in found]


def tried(python: str, source: Path, environment: Path, compiled: bool) -> Row:
    """Install a distribution in a clean environment, and use it. Raises ReleaseError.

    compiled: as pip does it if it is not told otherwise, which takes as long as all the rest.
    """
    run(python, "-m", "venv", environment)
    programs = programs_of(environment)
    version = run(programs / "python", "--version").split()[1]
    row = Row(version, "wheel" if source.suffix == ".whl" else "sources")
    empty = environment / "elsewhere"
    empty.mkdir()
    pip = (programs / "python", "-m", "pip")
    install = (*pip, "install", "--quiet", *(() if compiled else ("--no-compile",)))
    for step, extra in (("predict", ""), ("serve", "[web]")):
        started = time.perf_counter()
        run(*install, f"{source}{extra}")
        row.seconds[f"install {step}"] = time.perf_counter() - started
        row.megabytes[step] = size(environment)
        started = time.perf_counter()
        (predicts if step == "predict" else serves)(programs, empty)
        row.seconds[step] = time.perf_counter() - started
    run(*pip, "check")
    if row.megabytes["predict"] * 1e6 > MOST_INSTALLED:
        raise ReleaseError(f"{row.megabytes['predict']:.0f} MB are installed with {source.name}")
    return row


def programs_of(environment: Path) -> Path:
    """Where an environment has its programs."""
    return environment / ("Scripts" if os.name == "nt" else "bin")


def size(environment: Path) -> float:
    """Megabytes of what was installed into an environment beside pip."""
    asks = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(programs_of(environment) / "python", "-c", asks).strip())
    own = re.compile(r"(pip|setuptools|_distutils_hack|distutils-precedence)\b")
    files = (p for p in packages.rglob("*") if not own.match(p.relative_to(packages).parts[0]))
    return sum(path.lstat().st_size for path in files if path.is_file()) / 1e6


def predicts(programs: Path, empty: Path) -> None:
    """The commands that need no extra do in an empty folder what README shows."""
    program = programs / "peft-sp"
    version = re.search(
        r'__version__ = "(.+)"', (ROOT / "src/peft_sp/version.py").read_text("utf-8")
    )
    assert version is not None
    expect(run(program, "--version", cwd=empty), f"peft-sp {version[1]}")
    expect(run(program, "models", cwd=empty), "fast")
    shutil.copytree(ROOT / "examples", empty / "examples")
    example = f"examples/{EXAMPLE}"
    command = (program, "predict", example, "-o", "results")
    printed = run(*command, cwd=empty, COLUMNS="80", PYTHONUTF8="1")
    shown = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert shown is not None
    if [line.rstrip() for line in printed.splitlines()] != shown[1].splitlines():
        raise ReleaseError(f"predict prints something else than README shows:\n{printed}")
    run(program, "signalp6", "-ff", example, "-od", "six", "-fmt", "none", cwd=empty)
    first = (empty / "six" / "prediction_results.txt").read_text("utf-8")
    expect(first, "# SignalP-6.0")
    code = "import sys, peft_sp; print(*peft_sp.load('fast').predict({'p': 'MKK'}))"
    expect(run(programs / "python", "-I", "-c", code, cwd=empty), "NO_SP")


def serves(programs: Path, empty: Path) -> None:
    """A server answers a request of the client with the rows that the command wrote."""
    command: list[str | Path] = [programs / "peft-sp", "serve", "--port", "0", "-d", "jobs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=empty, env=clean(), stdout=pipe, stderr=pipe) as server:
        try:
            assert server.stdout is not None and server.stderr is not None
            address = server.stdout.readline().decode().split()[:1]
            if not address:
                raise ReleaseError(f"peft-sp serve: {server.stderr.read().decode().strip()}")
            client = (programs / "python", ROOT / "docs" / "client.py")
            rows = run(*client, f"examples/{EXAMPLE}", cwd=empty, PEFT_SP_SERVER=address[0])
        finally:
            server.terminate()
    if rows.splitlines() != (empty / "results/predictions.tsv").read_text("utf-8").splitlines():
        raise ReleaseError("the server's rows are not those of predict")


def write_sbom(environment: Path, path: Path) -> None:
    """What stands in an environment, as a bill of materials (CycloneDX)."""
    programs = programs_of(environment)
    run(programs / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "pip", "setuptools")
    tool = (sys.executable, "-m", "cyclonedx_py", "environment", programs / "python")
    run(*tool, "--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "-o", path)
    bill = json.loads(path.read_text("utf-8"))
    # pyproject.toml leaves the version to a file of the package.
    version = path.name.removeprefix("peft_sp-").removesuffix(".cdx.json")
    bill["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/peft-sp@{version}"}
    path.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    head = "| Python | from | MB | with [web] | install, s | smoke, s | [web], s | serve, s |"
    lines = [head, "|---|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        figures = [f"{value:.0f}" for value in row.megabytes.values()]
        steps = ("install predict", "predict", "install serve", "serve")
        figures += [f"{row.seconds[step]:.1f}" for step in steps]
        lines.append(f"| {' | '.join([row.python, row.source, *figures])} |")
    return "\n".join(lines)


def expect(text: str, part: str) -> None:
    """Raise ReleaseError where a part is missing."""
    if part not in text:
        raise ReleaseError(f"'{part}' is not in:\n{text}")


def git(*arguments: str) -> str:
    """What git says of the repository."""
    return run("git", "-C", ROOT, *arguments)


def clean() -> dict[str, str]:
    """The environment without what would lead to other packages than those of a program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Run a program; its output. Raises ReleaseError where it fails."""
    environment: Mapping[str, str] = {**clean(), **variables}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise ReleaseError(f"{words} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
