"""Input within limits: a first pass that no file, packed or not, makes long or large."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from peft_sp.errors import InputError
from peft_sp.io.fasta import open_input
from peft_sp.io.formats import HEAD, compression_of
from peft_sp.io.raw_fasta import located, read_raw
from peft_sp.service.job import Upload
from peft_sp.service.settings import MB, ServiceSettings
from peft_sp.wording import counted

AT_ONCE = 10 * MB
"""Bytes, unpacked, of input that is looked at while its client waits."""
_TAKEN = ("gz", "bz2", "zst")
"""Compressions that unpack within little memory, whatever the file says."""


class _Later(Exception):  # noqa: N818 - it is no error
    """There is too much to look at now."""


def require_within(uploads: Iterable[Upload], settings: ServiceSettings) -> int:
    """How many records there are. Raises InputError where the input is beyond a limit, or no FASTA.

    Takes a bounded time and memory, and no more of a file than the limit.
    """
    return _count(uploads, settings, None)


def look(uploads: tuple[Upload, ...], settings: ServiceSettings, skip_invalid: bool) -> int | None:
    """How many records of little input can be used; None where there is more than `AT_ONCE`.

    Raises InputError for what a run would raise it for, or `require_within`.
    """
    try:
        _count(uploads, settings, AT_ONCE)
    except _Later:
        return None
    with open_input([upload.path for upload in uploads]) as source:
        return source.survey(skip_invalid).count


def _count(uploads: Iterable[Upload], settings: ServiceSettings, at_once: int | None) -> int:
    read = records = 0

    def meter(count: int) -> None:
        nonlocal read
        read += count
        if at_once is not None and read > at_once:
            raise _Later
        if read > settings.max_bytes:
            raise InputError(
                f"more than {settings.max_bytes / MB:,g} MB of input (unpacked), the most that is "
                "taken here; send it as several jobs",
                path=path,
            )

    for upload in uploads:
        path = str(upload.path)
        _require_known_compression(upload.path)
        for raw in read_raw(path, meter):
            records += 1
            if records > settings.max_records:
                most = counted(settings.max_records, "record")
                raise located(f"more than {most}; send them as several jobs", path, raw)
            if len(raw.sequence) > settings.max_length:
                raise located(
                    f"a sequence of {len(raw.sequence):,} letters, and {settings.max_length:,} are "
                    "the most that is taken here; leave it out",
                    *(path, raw),
                )
    return records


def _require_known_compression(path: Path) -> None:
    with path.open("rb") as file:
        compression = compression_of(file.read(HEAD))
    if compression not in (None, *_TAKEN):
        raise InputError(
            f"{compression} is not taken here; give it plain or as gzip", path=str(path)
        )
