"""`peft-sp install-shim`: a command named signalp6, for pipelines that call that name."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from peft_sp.cli.signalp6 import NAME
from peft_sp.cli.terminal import console
from peft_sp.errors import OptionError, OutputError
from peft_sp.io.atomic import EXECUTABLE, PLAIN, write_bytes
from peft_sp.io.child import safe_path

MARK = "# made by peft-sp install-shim"
"""The second line of a file that is ours."""
PACKAGE = "signalp-6-package"
"""The folder that SignalP 6 is unpacked into, with its module and its models."""
_INIT = f'''"""SignalP 6's module, by PEFT-SP."""
{MARK}
'''
_PREDICT = f'''"""PEFT-SP in SignalP 6's place, from wherever this file was copied to."""
{MARK}
import os
import sys

# "python -m" looks for modules in the current folder first, and anything may lie there.
sys.path[:] = [p for p in sys.path if p and os.path.abspath(p) != os.getcwd()]
import signal
from shutil import which

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# PEFT-SP reads the options, of which pipelines edit some here ('-tt', is one), by itself.
PYTHON = @python
CODE = @code


def main():
    missing = [run(PYTHON, ["-I", "-c", CODE])]
    try:
        import peft_sp.cli.commands
        import peft_sp.cli.main
    except Exception as error:  # not there; not what it needs; a Python that is too old for it
        missing.append(str(error))
    else:
        sys.argv[0] = "{NAME}"
        peft_sp.cli.main.main()
    missing.append(run(which("peft-sp") or "peft-sp", ["{NAME}"]))
    sys.stderr.write(
        "peft-sp: not installed here (" + "; ".join(missing) + "); "
        "install it, or run peft-sp install-shim --package again\\n"
    )
    sys.exit(2)


def run(program, options):
    """Go on as another program; why not, where that cannot be."""
    try:
        os.execv(program, [program] + options + sys.argv[1:])
    except OSError as error:
        return program + ": " + error.strerror


if __name__ == "__main__":
    main()
'''
_CODE = f"""\
import signal, sys
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
{{root}} in sys.path or sys.path.insert(0, {{root}})
sys.path += [p for p in {{others}} if p not in sys.path]
sys.argv[0] = "{NAME}"
try:
    import peft_sp.cli.commands
    import peft_sp.cli.main
except ImportError as error:
    sys.stderr.write(
        "peft-sp: not installed for " + sys.executable + " any more (" + str(error) + "); "
        "install it there, or run peft-sp install-shim again\\n"
    )
    sys.exit(2)
peft_sp.cli.main.main()
"""
"""What Python runs: until the program hears signals itself, an interrupt ends it at once."""
_MODELS = """PEFT-SP brings its models along; SignalP 6's are not needed and not read.
A model of PEFT-SP in this folder is used where the folder is given as --model_dir.
"""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="install-shim")(install_shim)


def install_shim(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where; default: beside the command peft-sp."),
    ] = None,
    package: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="SignalP 6's folder instead, as InterProScan 6 runs it."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it again.")] = False,
) -> None:
    """Install a command named signalp6 that runs peft-sp signalp6.

    What has its name and is not ours is left alone.

    Example: [bold]peft-sp install-shim[/bold]
    """
    if package is not None and directory is not None:
        raise OptionError("DIR is for the command, --package for the folder; give one of them")
    folder = package or directory or _beside_peft_sp()
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such directory; make it first, or give another")
    path = folder.absolute() / (NAME if package is None else PACKAGE)
    files = _command(path) if package is None else _package(path)
    there = os.path.lexists(path)
    if there and not any(map(_is_ours, files)):
        raise OutputError(f"{path}: was not made by peft-sp; left as it is, give another directory")
    if remove and not there:
        raise OutputError(f"{path}: is not there")
    if remove:
        _remove(path, files)
        left = [p for p in sorted(path.rglob("*")) if not p.is_dir()] if package else []
        kept = f", but for what others put there: {left[0]}" if left else ""
        more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        console.say(f"removed {path}{kept}{more}")
        return
    for file, content in files.items():
        _make_folder(file.parent)
        write_bytes(file, content, EXECUTABLE if file == path else PLAIN)
    console.say(f"installed {path}")
    if package is None:
        _warn_of_others(path)


def _code() -> str:
    """What Python runs, isolated (-I) from the folder and the settings of a pipeline.

    This package, and what it needs, are found where they are now, however they were: an isolated
    Python looks neither into PYTHONPATH nor among a user's own packages.
    """
    root = str(Path(__file__).parents[2])
    pythons_own = (sys.prefix, sys.base_prefix)  # it knows these, also after an update
    others = [p for p in safe_path() if not any(map(Path(p).is_relative_to, pythons_own))]
    return _CODE.format(root=ascii(root), others=ascii(others))


def _command(path: Path) -> dict[Path, bytes]:
    command = shlex.join([sys.executable, "-I", "-c", _code()])
    return {path: os.fsencode(f'#!/bin/sh\n{MARK}\nexec {command} "$@"\n')}


def _package(folder: Path) -> dict[Path, bytes]:
    """SignalP 6's folder, with a module that runs this program."""
    module = folder / "signalp"
    predict = _PREDICT.replace("@python", ascii(sys.executable)).replace("@code", ascii(_code()))
    texts = {
        module / "__init__.py": _INIT,
        module / "predict.py": predict,
        module / "model_weights" / "README.md": _MODELS,
        folder / "models" / "README.md": _MODELS,
    }
    return {path: text.encode() for path, text in texts.items()}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None


def _remove(path: Path, files: dict[Path, bytes]) -> None:
    """Remove the files, and the folders from `path` on that are empty then. Raises OutputError."""
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed ({error.strerror})") from None
    folders = {folder for file in files for folder in file.parents if folder.is_relative_to(path)}
    for folder in sorted(folders, reverse=True):  # inner ones first
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        with suppress(OSError):  # something else is in it
            folder.rmdir()


def _beside_peft_sp() -> Path:
    """The folder of the running command, or of this Python's commands."""
    running = Path(sys.argv[0])
    if running.stem == "peft-sp" and running.is_file():
        return running.parent
    return Path(sysconfig.get_path("scripts"))


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(200).split(b"\n")[1:2] == [MARK.encode()]
    except OSError:
        return False


def _warn_of_others(path: Path) -> None:
    first = shutil.which(NAME)
    if first is None:
        problem = f"{path.parent} is not on PATH; add it, so that pipelines find {NAME}"
    elif not Path(first).samefile(path):
        problem = f"{first} comes first on PATH; pipelines will run that one"
    else:
        return
    console.note(problem)
