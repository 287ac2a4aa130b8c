"""A run to look at: one page that needs no network, with every protein's picture inside.

Data are written as predictions come, in blocks of base64 whose letters mean nothing to HTML, so
that no header can break out of the page; the browser unpacks them. A block holds
  rows    JSON, one list a column: what the table shows, and the number of the picture's frame;
  curves  the windows' letters, then, for each protein, its curves but the last (which is what
          remains) and its cleavage probabilities, residue by residue, in steps of 1/255.
Behind the blocks stand the pictures' frames, as JSON. All are compressed (zlib). Charts are drawn
here, the table and the pictures in the browser, which fills the frames as `layers` does.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.biology.notes import warning_kinds
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.io.plotting import protein
from peft_sp.io.plotting.curves import CURVES, curves
from peft_sp.io.plotting.palette import style_sheet
from peft_sp.io.plotting.shapes import CORNERS, plain
from peft_sp.io.plotting.summary import charts
from peft_sp.io.plotting.summary.statistics import Statistics
from peft_sp.io.plotting.svg import HALF_LETTER, TYPEWRITER
from peft_sp.io.run_info import RunInfo

_FrameKey = tuple[int, tuple[int, ...]]
"""Length of a window, and which curves are shown."""
BLOCK = 512
"""Proteins that are packed together, at most."""
_STATIC = Path(__file__).parent / "static"
_FIELD = re.compile(r"\{\{(\w+)\}\}")


class SummaryWriter:
    """Writes the page to a text stream. Call `write` for each prediction, then `finish`.

    begun: the `state` of an earlier writer, whose text the stream continues. block: proteins that
    are packed together, at most.
    """

    def __init__(
        self,
        file: TextIO,
        run: RunInfo,
        begun: Mapping[str, Any] | None = None,
        *,
        block: int = BLOCK,
    ) -> None:
        self._file, self._run = file, run
        self._size = block
        self._block: list[Prediction] = []
        self._statistics = Statistics()
        self._frames: dict[_FrameKey, int] = {}
        script = _read("summary.js")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        head, self._tail = _read("summary.html").split("{{data}}")
        values = {"title": html.escape(f"Signal peptides of {run.source}"), "hash": digest}
        if begun is None:
            values["style"] = style_sheet() + _read("summary.css")
            file.write(_filled(head, values))
        else:
            self._statistics.restore(begun["statistics"])
            keys = ((length, tuple(shown)) for length, shown in begun["frames"])
            self._frames = {key: number for number, key in enumerate(keys)}

    def write(self, prediction: Prediction) -> None:
        """Add one prediction. Raises ValueError if it has no marginals."""
        if prediction.marginals is None:
            raise ValueError("the summary needs predict(..., marginals=True)")
        self._block.append(prediction)
        if len(self._block) == self._size:
            self._flush()

    def end_block(self) -> None:
        """Have all predictions so far in the stream, wherever a resumed run may begin.

        It then packs the same proteins together.
        """
        if self._block:
            self._flush()

    def state(self) -> dict[str, Any]:
        """What was counted up to the end of the last block, as plain data."""
        return {"statistics": self._statistics.state(), "frames": list(self._frames)}

    def finish(self) -> None:
        """Write what comes after the last prediction."""
        self.end_block()
        run, counted = self._run, self._statistics
        types = run.layout.types
        self._pack("frames", _json([plain(protein.frame(*key)) for key in self._frames]).encode())
        predicted = [name for name in types[1:] if counted.types[name]]
        words = {
            "title": f"Signal peptides of {run.source}",
            "subtitle": f"{_proteins(counted.count)}, {run.settings}, {run.tool}",
            "skipped": f"Records that could not be predicted: {run.unusable:,}."
            if run.unusable
            else "",
            "background": _background(counted),
        }
        values = {key: html.escape(text) for key, text in words.items()}
        values |= {
            "run": _json(_run(types, counted)),
            "warnings": _warnings(counted),
            "script": _read("summary.js"),
            "counts": _counts(counted, types),
            "signal": charts.histogram(
                counted.signal, "Proteins by probability of a signal peptide", logarithmic=True
            ),
            "sites": charts.histogram(counted.sites, "Cleavage sites by probability"),
            "lengths": charts.region_lengths(
                counted, predicted, [TYPES.index(n) for n in predicted]
            )
            if predicted
            else "<p>No signal peptide was predicted.</p>",
            "logos": _logos(counted, predicted),
        }
        self._file.write(_filled(self._tail, values))

    def _flush(self) -> None:
        block, self._block = self._block, []
        self._statistics.add(block)
        marginals = [p.marginals for p in block if p.marginals is not None]
        values = curves(np.concatenate([own.regions for own in marginals]))
        ends = np.cumsum([len(prediction.protein.window) for prediction in block])
        keys = [(len(own), protein.drawn_curves(own)) for own in np.split(values, ends[:-1])]
        numbers = [self._frames.setdefault(key, len(self._frames)) for key in keys]
        self._pack("rows", _rows(block, numbers))
        self._pack("curves", _curves(block, values, ends))

    def _pack(self, kind: str, content: bytes) -> None:
        packed = base64.b64encode(zlib.compress(content, 6)).decode()
        self._file.write(
            f'<script type="application/octet-stream" class="{kind}">{packed}</script>\n'
        )


def check_state(state: Mapping[str, Any]) -> None:
    """Raise ValueError, or what its parts raise, where no `SummaryWriter` gave this state."""
    Statistics().restore(state["statistics"])
    for length, shown in state["frames"]:
        if length not in range(1, WINDOW + 1) or any(n not in range(len(CURVES)) for n in shown):
            raise ValueError("no frame of a picture")


def drawing() -> dict[str, Any]:
    """What a script needs to know of all types and pictures, whatever the run."""
    return {
        "types": [[name, MECHANISM_OF_TYPE[name]] for name in TYPES],
        "names": protein.NAMES,
        "curves": [
            {"name": name, "colour": style.colour}
            for name, style in zip(CURVES, protein.STYLES, strict=True)
        ],
        "texts": protein.TEXTS,
        "between": protein.BETWEEN,
        "least": protein.LEAST,
        "corners": CORNERS,
        "typewriter": TYPEWRITER,
        "halfLetter": HALF_LETTER,
    }


def _run(types: Sequence[str], counted: Statistics) -> dict[str, Any]:
    """What the script needs to know of the run and of all pictures."""
    return {
        **drawing(),
        "shown": [TYPES.index(name) for name in types],
        "warnings": [kind for kind, _ in counted.warnings.most_common()],
    }


def _rows(block: Sequence[Prediction], frames: Sequence[int]) -> bytes:
    """The table's columns; probabilities in steps of a millionth, regions as numbers in a row."""
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
        "frame": list(frames),
    }
    return json.dumps(columns, separators=(",", ":")).encode()


def _curves(block: Sequence[Prediction], values: NDArray[np.float32], ends: Any) -> bytes:
    windows = "".join(prediction.protein.window for prediction in block)
    cleavage = np.concatenate([p.marginals.cleavage for p in block if p.marginals is not None])
    planes = np.concatenate([values[:, :-1], cleavage[:, None]], axis=1)
    steps = np.rint(255 * planes.clip(0, 1)).astype(np.uint8)
    packed = b"".join(own.T.tobytes() for own in np.split(steps, ends[:-1]))
    return windows.encode("latin-1", "replace") + packed


def _counts(counted: Statistics, types: Sequence[str]) -> str:
    rows = []
    for name in types:
        number = counted.types[name]
        fraction = number / max(counted.count, 1)
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{MECHANISM_OF_TYPE[name]}</td>'
            f'<td class="number">{number:,}</td><td class="number">{fraction:.1%}</td>'
            f'<td class="fraction">{_bar(fraction) if number else ""}</td></tr>'
        )
    return "".join(rows)


def _bar(fraction: float) -> str:
    return f'<div style="width:{100 * fraction:.2f}%"></div>'


def _logos(counted: Statistics, types: Sequence[str]) -> str:
    """A card for each type that has enough signal peptides, and a line for the others."""
    if not types:
        return "<p>No signal peptide was predicted.</p>"
    made = {name: charts.logo(counted, name) for name in types}
    cards = "".join(
        f"<figure><figcaption>{name} <small>{MECHANISM_OF_TYPE[name]}, "
        f"n = {counted.types[name]:,}</small></figcaption>{chart}</figure>"
        for name, chart in made.items()
        if chart
    )
    few = ", ".join(f"{name} ({counted.types[name]})" for name, chart in made.items() if not chart)
    line = f"<p>Fewer than {charts.FEWEST}, and so without a logo: {few}.</p>" if few else ""
    return f'<div class="cards">{cards}</div>{line}' if cards else line


def _proteins(count: int) -> str:
    return f"{count:,} protein{'' if count == 1 else 's'}"


def _warnings(counted: Statistics) -> str:
    """How many proteins have which kind of warning; the script makes each a filter."""
    if not counted.warned:
        return ""
    kinds_of_them = ", ".join(
        f'<button type="button" data-warning="{html.escape(kind)}">{html.escape(kind)}</button>: '
        f"{number:,}"
        for kind, number in counted.warnings.most_common()
    )
    return f"Proteins with a warning: {counted.warned:,} ({kinds_of_them})."


def _background(counted: Statistics) -> str:
    fractions = counted.background
    order = np.argsort(-fractions)
    return ", ".join(f"{AMINO_ACIDS[n]} {fractions[n]:.1%}" for n in order.tolist())


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with values in its fields; values are not looked through for more."""
    return _FIELD.sub(lambda match: values[match[1]], template)


@cache
def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")
