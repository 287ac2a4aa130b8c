"""The files of a job's results: which there are, and all of them as a zip that is never whole."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from peft_sp.inference.run_options import RunOptions
from peft_sp.service.job import Job

NAMES = RunOptions(summary=True, fasta=True).files
"""What a job leaves: no other file is given to anyone."""
COMPARED = "compared"
"""Folder of the second model's files in a zip."""
_BLOCK = 1 << 18


def result_files(job: Job) -> dict[str, Path]:
    """The files of a job that is done, by name."""
    return _there(job.results)


def zipped(job: Job) -> Iterator[bytes]:
    """All files of a job as a zip, in pieces; the second model's in a folder of their own."""
    files = result_files(job)
    if job.compare is not None:
        files |= {f"{COMPARED}/{name}": path for name, path in _there(job.compared).items()}
    return _zip(files, time.gmtime(job.finished or 0)[:6])


def _there(directory: Path) -> dict[str, Path]:
    return {name: path for name in NAMES if (path := directory / name).is_file()}


class _Pieces(io.RawIOBase):
    """What was written, to be taken away; as a pipe, so that nothing is written twice."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held


def _zip(files: Mapping[str, Path], when: tuple[int, ...]) -> Iterator[bytes]:
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, when)  # type: ignore[arg-type]
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    if held := pieces.taken():
                        yield held
    yield pieces.taken()
