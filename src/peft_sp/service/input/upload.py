"""A request's input, onto the disk as it comes: never whole in memory, never at a client's path."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import HTTPException
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from peft_sp.service.job import LimitError, Upload
from peft_sp.service.settings import ServiceSettings
from peft_sp.wording import counted, printable

FASTA = "fasta"
"""The field that holds FASTA as text."""
FILES = "files"
_FIELDS, _FIELD_BYTES = 20, 1000
"""Fields of a form that hold options, and bytes of each."""
_NAME = 200
"""Letters of a file's name that are kept."""
_HELD = 1 << 20
"""Bytes that are held before they are written."""
_LATER = 60


@dataclass
class Received:
    """What a form holds: its fields by name, and its files."""

    fields: dict[str, str] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)


def keep_text(staged: Path, text: str) -> Upload:
    """FASTA that was sent as text, as a file."""
    path = staged / "1.fasta"
    path.write_bytes(text.encode("utf-8", "replace"))
    return Upload("", path)


async def receive_form(
    body: AsyncIterator[bytes], content_type: str, staged: Path, settings: ServiceSettings
) -> Received:
    """Read multipart/form-data; its files are written into `staged` as they come.

    Raises HTTPException for a form that is not whole or has too much of something, and LimitError
    where the disk is full.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise HTTPException(400, "the form has no boundary")
    form = _Form(staged, settings)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin_part,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.end_header,
                "on_headers_finished": form.end_headers,
                "on_part_data": form.data,
                "on_part_end": form.end_part,
                "on_end": form.end,
            },
        )
        async for chunk in body:
            parser.write(chunk)
            if form.held > _HELD:
                await asyncio.to_thread(form.write)
        parser.finalize()
        await asyncio.to_thread(form.write)
    except FormParserError:
        raise HTTPException(400, "this is no form (multipart/form-data)") from None
    finally:
        form.close()
    if not form.ended:
        raise HTTPException(400, "the form ends before its last part")
    return form.received


class _Form:
    """The parts of a form as they come."""

    def __init__(self, staged: Path, settings: ServiceSettings) -> None:
        self._staged, self._settings = staged, settings
        self.received = Received()
        self.held, self.ended = 0, False
        self._pending: list[tuple[BinaryIO, bytes]] = []
        self._file: BinaryIO | None = None
        self._files: list[BinaryIO] = []
        self._name, self._value = "", bytearray()
        self._header, self._content, self._disposition = bytearray(), bytearray(), b""

    def begin_part(self) -> None:
        self._file, self._name, self._value, self._disposition = None, "", bytearray(), b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._content)
        self._header, self._content = bytearray(), bytearray()

    def end_headers(self) -> None:
        """A part begins: its name decides whether it is written to a file."""
        options = parse_options_header(self._disposition)[1]
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        given = options.get(b"filename")
        if given is None and self._name not in (FASTA, FILES):
            if len(self.received.fields) >= _FIELDS:
                raise HTTPException(413, f"more than {_FIELDS} fields in the form")
            return
        if self._name not in (FILES, FASTA):
            raise HTTPException(422, f"a file is sent as '{FILES}', and this is no such field")
        if len(self.received.uploads) >= self._settings.max_files:
            most = counted(self._settings.max_files, "file")
            raise HTTPException(413, f"more than {most}; send them as several jobs")
        path = self._staged / f"{len(self.received.uploads) + 1}.fasta"
        self._file = path.open("xb")
        self._files.append(self._file)
        self.received.uploads.append(Upload(_shown(given or b""), path))

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._pending.append((self._file, data[start:end]))
            self.held += end - start
            return
        if len(self._value) + end - start > _FIELD_BYTES:
            raise HTTPException(413, f"a field of more than {_FIELD_BYTES:,} bytes in the form")
        self._value += data[start:end]

    def end_part(self) -> None:
        if self._file is None:
            if self._name in self.received.fields:
                raise HTTPException(422, "a field stands twice in the form")
            self.received.fields[self._name] = self._value.decode("utf-8", "replace")

    def end(self) -> None:
        self.ended = True

    def write(self) -> None:
        """Write what is held. Raises LimitError where there is no room."""
        room = shutil.disk_usage(self._staged).free - self.held
        if room < self._settings.free_disk:
            raise LimitError("the disk of the server is full", _LATER, everyone=True)
        for file, data in self._pending:
            file.write(data)
        self._pending.clear()
        self.held = 0

    def close(self) -> None:
        """Close all files; those that a browser sends for a field left empty are left out."""
        for file in self._files:
            file.close()
        self.received.uploads = [
            upload
            for upload in self.received.uploads
            if upload.name or (upload.path.exists() and upload.path.stat().st_size)
        ]


def _shown(name: bytes) -> str:
    """A file's name as a client gave it, its last part, on one line."""
    last = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return printable(last)[:_NAME]
