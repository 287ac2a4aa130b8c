"""SHA-256 checksums of a model's files, as `sha256sum` writes them: altered files are not used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from peft_sp.errors import ModelError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.regular import open_regular, read_regular, require_own

MANIFEST = "SHA256SUMS"
CONFIG = "config.json"
ONNX = "model.onnx"
ADAPTER_CONFIG = "adapter_config.json"
CARD = "README.md"

_LARGEST_MANIFEST = 2**20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def is_model_file(name: str) -> bool:
    """Whether prediction may read a file of this name: settings, tensors, an exported network.

    A name is relative to the model's directory; the files of an ensemble's networks are in
    folders of their own inside it. Nothing that could be a pickle is a model's file, and a network
    has all its weights in the one file `model.onnx`.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or len(path.parts) > 2:
        return False
    return path.name in (CONFIG, ADAPTER_CONFIG, ONNX) or path.suffix == ".safetensors"


def needed(names: Iterable[str]) -> list[str]:
    """The files among `names` that prediction reads: no tensors beside an exported network."""
    files = [name for name in names if is_model_file(name)]
    exported = {PurePosixPath(name).parent for name in files if PurePosixPath(name).name == ONNX}

    def is_needless(name: str) -> bool:
        path = PurePosixPath(name)
        tensors = path.suffix == ".safetensors" or path.name == ADAPTER_CONFIG
        return tensors and path.parent in exported

    return [name for name in files if not is_needless(name)]


def model_files(directory: Path, members: Sequence[str] = ()) -> list[str]:
    """Names of the model files in a directory and in the folders of an ensemble's networks.

    Raises ModelError for one that is no regular file or is elsewhere, and for what cannot be read.
    """
    files = []
    path = directory
    try:
        for folder in ("", *members):
            path = directory / folder
            if path.is_dir():
                names = (f"{folder}/{p.name}" if folder else p.name for p in path.iterdir())
                files += [name for name in names if is_model_file(name)]
        for path in (directory / name for name in files):
            require_own(directory, path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    return sorted(files)


def read_checksums(directory: Path) -> dict[str, str] | None:
    """Names and checksums of the files in a model's manifest, None where it has no manifest.

    Raises ModelError for a manifest that cannot be read or does not list `config.json`.
    """
    file = directory / MANIFEST
    try:
        lines = read_regular(file, _LARGEST_MANIFEST).decode("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ModelError(f"{file}: cannot be read (it is not UTF-8 text)") from None
    checksums: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if (match := _LINE.fullmatch(line.rstrip())) is None:
            raise ModelError(f"{file}, line {number}: not a line of sha256sum")
        name = match[2].removeprefix("./")
        if checksums.setdefault(name, match[1]) != match[1]:
            raise ModelError(f"{file}, line {number}: lists {name} twice, with two checksums")
    if CONFIG not in checksums:
        raise ModelError(f"{file}: does not list {CONFIG}; it must list every file of the model")
    return checksums


def verify(directory: Path, members: Sequence[str] = (), *, remedy: str) -> int:
    """Compare a model's files with its manifest; returns how many, 0 without a manifest.

    Every model file in the directory must be in the manifest, and every file that prediction
    reads must be there. remedy: what the user can do, the end of the message. Raises
    ModelError.
    """
    checksums = read_checksums(directory)
    if checksums is None:
        return 0
    present = model_files(directory, members)
    if unlisted := [name for name in present if name not in checksums]:
        raise ModelError(f"{directory / unlisted[0]}: is not listed in {MANIFEST}; {remedy}")
    if missing := [name for name in needed(checksums) if name not in present]:
        raise ModelError(f"{directory / missing[0]}: is missing; {remedy}")
    for name in present:
        if digest(directory / name) != checksums[name]:
            raise ModelError(
                f"{directory / name}: is damaged or was altered ({MANIFEST}); {remedy}"
            )
    return len(present)


def write_checksums(directory: Path, members: Sequence[str] = ()) -> None:
    """Write the manifest of a model's files. Raises OutputError and ModelError."""
    names = model_files(directory, members)
    write_text(directory / MANIFEST, "".join(f"{digest(directory / n)}  {n}\n" for n in names))


def digest(file: Path) -> str:
    """SHA-256 of a file. Raises ModelError."""
    try:
        with open_regular(file) as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
