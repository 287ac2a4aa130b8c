"""SHA-256 sums of a model's files, as `sha256sum` writes them: what was altered is not used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from peft_sp.errors import ModelError
from peft_sp.io.atomic import write_text

SUMS = "SHA256SUMS"
CONFIG = "config.json"
ONNX = "model.onnx"

_ADAPTER_CONFIG = "adapter_config.json"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def is_model_file(name: str) -> bool:
    """Whether prediction may read a file of this name: settings, tensors, an exported network.

    A name is relative to the model's directory; the files of an ensemble's networks are in
    folders of their own inside it. Nothing that could be a pickle is a model's file.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or len(path.parts) > 2:
        return False
    named = path.name in (CONFIG, _ADAPTER_CONFIG) or path.name.startswith(ONNX)
    return named or path.suffix == ".safetensors"


def needed(names: Iterable[str]) -> list[str]:
    """Those of some files that prediction reads: an exported network makes tensors needless."""
    files = [name for name in names if is_model_file(name)]
    exported = {PurePosixPath(name).parent for name in files if PurePosixPath(name).name == ONNX}

    def is_needless(name: str) -> bool:
        path = PurePosixPath(name)
        tensors = path.suffix == ".safetensors" or path.name == _ADAPTER_CONFIG
        return tensors and path.parent in exported

    return [name for name in files if not is_needless(name)]


def model_files(directory: Path, members: Sequence[str] = ()) -> list[str]:
    """Names of the model files in a directory and in the folders of an ensemble's networks."""
    found = []
    for folder in ("", *members):
        place = directory / folder
        if place.is_dir():
            names = (f"{folder}/{p.name}" if folder else p.name for p in place.iterdir())
            found += [n for n in names if is_model_file(n) and (directory / n).is_file()]
    return sorted(found)


def read_sums(directory: Path) -> dict[str, str] | None:
    """Names and sums of the files that a model's manifest lists, None where it has no manifest.

    Raises ModelError for a manifest that cannot be read or does not list `config.json`.
    """
    file = directory / SUMS
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read ({error})") from None
    sums = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if (match := _LINE.fullmatch(line.rstrip())) is None:
            raise ModelError(f"{file}, line {number}: not a line of sha256sum")
        sums[match[2].removeprefix("./")] = match[1]
    if CONFIG not in sums:
        raise ModelError(f"{file}: does not list {CONFIG}; it must list every file of the model")
    return sums


def verify(directory: Path, members: Sequence[str] = (), *, mend: str) -> int:
    """Compare a model's files with its manifest; how many were compared, 0 without a manifest.

    Every model file in the directory must be in the manifest, and every file that prediction
    reads must be there. mend: the end of the message. Raises ModelError.
    """
    sums = read_sums(directory)
    if sums is None:
        return 0
    present = model_files(directory, members)
    if unlisted := [name for name in present if name not in sums]:
        raise ModelError(f"{directory / unlisted[0]}: is not listed in {SUMS}; {mend}")
    if missing := [name for name in needed(sums) if name not in present]:
        raise ModelError(f"{directory / missing[0]}: is missing; {mend}")
    for name in present:
        if digest(directory / name) != sums[name]:
            raise ModelError(f"{directory / name}: is damaged or was altered ({SUMS}); {mend}")
    return len(present)


def write_sums(directory: Path, members: Sequence[str] = ()) -> None:
    """Write the manifest of a model's files. Raises OutputError and ModelError."""
    names = model_files(directory, members)
    write_text(directory / SUMS, "".join(f"{digest(directory / n)}  {n}\n" for n in names))


def digest(file: Path) -> str:
    """SHA-256 of a file. Raises ModelError."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
