"""The blocks of a summary page: how proteins are packed for a browser, and where a file has them.

A block is base64 of zlib. It holds
  rows    JSON, one list a column: what the table shows, and the number of the picture's frame;
  curves  the windows' letters, then, for each protein, its curves but the last (which is what
          remains) and its cleavage probabilities, residue by residue, in steps of 1/255.
Behind the blocks stand the pictures' frames, as JSON, packed in the same way. `static/blocks.js`
unpacks them.
"""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.biology.notes import warning_kinds
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.errors import InputError
from peft_sp.io.plotting import protein
from peft_sp.io.plotting.curves import CURVES, curves
from peft_sp.io.plotting.shapes import CORNERS, plain
from peft_sp.io.plotting.svg import FONT, HALF_LETTER, TYPEWRITER

Kind = Literal["rows", "curves", "frames"]
FrameKey = tuple[int, tuple[int, ...]]
"""Length of a window, and which curves are shown: what `protein.frame` takes."""
_ELEMENT = re.compile(
    rb'<script type="application/octet-stream" class="(rows|curves|frames)"'
    rb'(?: data-proteins="(\d+)")?>([A-Za-z0-9+/=]*)</script>\n'
)


def drawing() -> dict[str, Any]:
    """What a browser needs to know of all pictures, whatever the run."""
    return {
        "types": [[name, MECHANISM_OF_TYPE[name]] for name in TYPES],
        "names": protein.NAMES,
        "window": WINDOW,
        "curves": [
            {"name": name, "colour": style.colour}
            for name, style in zip(CURVES, protein.STYLES, strict=True)
        ],
        "texts": protein.TEXTS,
        "between": protein.BETWEEN,
        "least": protein.LEAST,
        "corners": CORNERS,
        "font": FONT,
        "typewriter": TYPEWRITER,
        "halfLetter": HALF_LETTER,
    }


def frame_key(values: NDArray[np.float32]) -> FrameKey:
    """The frame of a protein with these curves (L, C)."""
    return len(values), protein.drawn_curves(values)


def frames(keys: Sequence[FrameKey]) -> bytes:
    """The frames of these keys as a block, but for base64."""
    return _packed(to_json([plain(protein.frame(*key)) for key in keys]))


def rows(block: Sequence[Prediction], numbers: Sequence[int]) -> bytes:
    """The table's columns as a block, but for base64; numbers: of the frames.

    Probabilities are in steps of a millionth, regions are numbers in a row.
    """
    columns: dict[str, list[Any]] = {
        "header": [p.protein.header for p in block],
        "type": [TYPES.index(p.type) for p in block],
        "probabilities": [
            [round(1e6 * value) for value in p.probabilities.values()] for p in block
        ],
        "site": [p.cleavage_site or 0 for p in block],
        "site_probability": [round(1e6 * (p.cleavage_probability or 0.0)) for p in block],
        "regions": [[number for region in protein.strip(p) for number in region] for p in block],
        "length": [len(p.protein.sequence) for p in block],
        "warnings": ["; ".join(p.warnings) for p in block],
        "kinds": [warning_kinds(p) for p in block],
        "frame": list(numbers),
    }
    return _packed(json.dumps(columns, separators=(",", ":")))


def profiles(
    block: Sequence[Prediction],
) -> tuple[bytes, list[FrameKey]]:
    """Windows, curves and cleavage probabilities as a block, but for base64, and the frames.

    All predictions have marginals.
    """
    marginals = [p.marginals for p in block if p.marginals is not None]
    values = curves(np.concatenate([own.regions for own in marginals]))
    ends = np.cumsum([len(prediction.protein.window) for prediction in block])
    cleavage = np.concatenate([own.cleavage for own in marginals])
    planes = np.concatenate([values[:, :-1], cleavage[:, None]], axis=1)
    steps = np.rint(255 * planes.clip(0, 1)).astype(np.uint8)
    windows = "".join(prediction.protein.window for prediction in block)
    content = b"".join(own.T.tobytes() for own in np.split(steps, ends[:-1]))
    packed = _packed(windows.encode("latin-1", "replace") + content)
    return packed, [frame_key(own) for own in np.split(values, ends[:-1])]


def to_json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _packed(content: str | bytes) -> bytes:
    return zlib.compress(content.encode() if isinstance(content, str) else content, 6)


def element(kind: Kind, packed: bytes, proteins: int | None = None) -> str:
    """A block as it stands in a page: a line of letters that mean nothing to HTML."""
    held = "" if proteins is None else f' data-proteins="{proteins}"'
    letters = base64.b64encode(packed).decode()
    return f'<script type="application/octet-stream" class="{kind}"{held}>{letters}</script>\n'


@dataclass(frozen=True)
class Index:
    """Where a written page has its blocks.

    proteins: of each block; rows, curves: offset and length of each block's letters in the file;
    frames: those of the pictures' frames.
    """

    path: Path
    proteins: tuple[int, ...]
    rows: tuple[tuple[int, int], ...]
    curves: tuple[tuple[int, int], ...]
    frames: tuple[int, int]

    def read(self, kind: Literal["rows", "curves"], number: int) -> bytes:
        """A block as `static/blocks.js` takes it (zlib). Raises IndexError for a number < 0 too."""
        found = self.rows if kind == "rows" else self.curves
        if number < 0:
            raise IndexError(number)
        return self._read(*found[number])

    def protein(self, number: int) -> tuple[str, str]:
        """Header and window of a protein, by its number from 0. Raises IndexError."""
        if not 0 <= number < sum(self.proteins):
            raise IndexError(number)
        block = 0
        while number >= self.proteins[block]:
            number -= self.proteins[block]
            block += 1
        columns = json.loads(zlib.decompress(self.read("rows", block)))
        ends = np.cumsum([min(length, WINDOW) for length in columns["length"]])
        letters = zlib.decompress(self.read("curves", block))[: ends[-1]].decode("latin-1")
        return columns["header"][number], letters[ends[number - 1] if number else 0 : ends[number]]

    def read_frames(self) -> list[Any]:
        """The pictures' frames as plain data."""
        content: list[Any] = json.loads(zlib.decompress(self._read(*self.frames)))
        return content

    def _read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return base64.b64decode(file.read(length), validate=True)


def read_index(path: str | os.PathLike[str]) -> Index:
    """Find the blocks of a page that `SummaryWriter` wrote, a line at a time.

    Raises InputError for any other file.
    """
    found: dict[bytes, list[tuple[int, int]]] = {b"rows": [], b"curves": [], b"frames": []}
    proteins: list[int] = []
    with Path(path).open("rb") as file:
        offset = 0
        for line in file:
            if match := _ELEMENT.fullmatch(line):
                found[match[1]].append((offset + match.start(3), len(match[3])))
                proteins += [int(match[2])] if match[2] else []
                if match[1] == b"frames":
                    break
            offset += len(line)
    rows, curves, frames = (tuple(found[kind]) for kind in (b"rows", b"curves", b"frames"))
    if len(frames) != 1 or not len(rows) == len(curves) == len(proteins):
        raise InputError(f"{os.fspath(path)} is no summary page of this version")
    return Index(Path(path), tuple(proteins), rows, curves, frames[0])
