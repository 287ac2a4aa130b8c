"""A run to look at: one page that needs no network, with every protein's picture inside.

Data are written as predictions come, in blocks of base64 whose letters mean nothing to HTML, so
that no header can break out of the page; the browser unpacks them. A block holds
  rows    JSON, one list a column: what the table shows;
  curves  the windows' letters, then, for each protein, its curves but the last (which is what
          remains) and its cleavage probabilities, residue by residue, in steps of 1/255.
Both are compressed (zlib). Charts are drawn here, the table and the pictures in the browser.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import TYPES
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.io.plotting.curves import CURVES, curves
from peft_sp.io.plotting.protein import LOOKS, strip
from peft_sp.io.plotting.summary import charts
from peft_sp.io.plotting.summary.statistics import Statistics

FILE = "summary.html"
BLOCK = 512
"""Proteins that are packed together; a whole number of times into what is predicted at once, so
that a run which is gone on with packs the same ones."""
_PAGE = Path(__file__).parent / "static"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class About:
    """What the page says of its run: tool and version, model, input as the user named it."""

    tool: str
    model: str
    source: str
    organism: str
    types: tuple[str, ...] = TYPES
    skipped: int = 0


class SummaryWriter:
    """Writes the page to a text stream. Call `write` for each prediction, then `finish`.

    begun: the `state` of an earlier writer, whose text the stream goes on behind.
    """

    def __init__(self, file: TextIO, about: About, begun: Mapping[str, Any] | None = None) -> None:
        self._file, self._about = file, about
        self._block: list[Prediction] = []
        self._statistics = Statistics()
        script = _read("summary.js")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        head, self._tail = _read("summary.html").split("{{data}}")
        values = {"title": html.escape(f"Signal peptides of {about.source}"), "hash": digest}
        if begun is None:
            file.write(_filled(head, {**values, "style": _read("summary.css")}))
        else:
            self._statistics.restore(begun)

    def write(self, prediction: Prediction) -> None:
        """Add one prediction. Raises ValueError if it has no marginals."""
        if prediction.marginals is None:
            raise ValueError("the summary needs predict(..., marginals=True)")
        self._block.append(prediction)
        if len(self._block) == BLOCK:
            self._flush()

    def state(self) -> dict[str, Any]:
        """What was counted so far, as plain data; all predictions so far are in the stream."""
        if self._block:
            self._flush()
        return self._statistics.state()

    def finish(self) -> None:
        """Write what comes after the last prediction."""
        if self._block:
            self._flush()
        about, counted = self._about, self._statistics
        run = {
            "types": [[name, MECHANISM_OF_TYPE[name]] for name in TYPES],
            "shown": [TYPES.index(name) for name in about.types],
            "looks": [{"name": name, **asdict(LOOKS[name])} for name in CURVES],
        }
        found = [name for name in about.types[1:] if counted.types[name]]
        logos = [(name, charts.logo(counted, name)) for name in found]
        words = {
            "title": f"Signal peptides of {about.source}",
            "subtitle": f"{_proteins(counted.count)}, model {about.model}, organism "
            f"{about.organism}, {about.tool}",
            "notes": _notes(counted, about.skipped),
            "background": _background(counted),
        }
        values = {key: html.escape(text) for key, text in words.items()}
        values |= {
            "run": _json(run),
            "script": _read("summary.js"),
            "counts": _counts(counted, about.types),
            "signal": charts.histogram(
                counted.signal, "Proteins by probability of a signal peptide", logarithmic=True
            ),
            "sites": charts.histogram(counted.sites, "Cleavage sites by probability"),
            "lengths": charts.region_lengths(counted, found, [TYPES.index(n) for n in found])
            if found
            else "<p>No signal peptide was predicted.</p>",
            "logos": "".join(_logo(counted, name, chart) for name, chart in logos)
            or "<p>No signal peptide was predicted.</p>",
        }
        self._file.write(_filled(self._tail, values))

    def _flush(self) -> None:
        block, self._block = self._block, []
        self._statistics.add(block)
        for kind, content in (("rows", _rows(block)), ("curves", _curves(block))):
            packed = base64.b64encode(zlib.compress(content, 6)).decode()
            self._file.write(
                f'<script type="application/octet-stream" class="{kind}">{packed}</script>\n'
            )


def _rows(block: Sequence[Prediction]) -> bytes:
    """The table's columns; probabilities in steps of a millionth, a picture's strip as numbers."""
    columns: dict[str, list[Any]] = {
        "header": [p.protein.header for p in block],
        "type": [TYPES.index(p.type) for p in block],
        "shares": [[round(1e6 * share) for share in p.probabilities.values()] for p in block],
        "site": [p.cleavage_site or 0 for p in block],
        "chance": [round(1e6 * (p.cleavage_probability or 0.0)) for p in block],
        "strip": [
            [number for name, *ends in strip(p) for number in (CURVES.index(name), *ends)]
            for p in block
        ],
        "length": [len(p.protein.sequence) for p in block],
        "warnings": ["; ".join(p.protein.warnings) for p in block],
    }
    return json.dumps(columns, separators=(",", ":")).encode()


def _curves(block: Sequence[Prediction]) -> bytes:
    windows = [prediction.protein.window for prediction in block]
    marginals = [p.marginals for p in block if p.marginals is not None]
    parts = curves(np.concatenate([found.regions for found in marginals]))[:, :-1]
    cleavage = np.concatenate([found.cleavage for found in marginals])[:, None]
    steps = np.rint(255 * np.concatenate([parts, cleavage], axis=1).clip(0, 1)).astype(np.uint8)
    ends = np.cumsum([len(window) for window in windows])[:-1]
    planes = b"".join(own.T.tobytes() for own in np.split(steps, ends))
    return "".join(windows).encode("latin-1", "replace") + planes


def _counts(counted: Statistics, types: Sequence[str]) -> str:
    rows = []
    for name in types:
        number = counted.types[name]
        share = number / max(counted.count, 1)
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{MECHANISM_OF_TYPE[name] or "none"}</td>'
            f'<td class="number">{number:,}</td><td class="number">{share:.1%}</td>'
            f'<td class="share"><div style="width:{100 * share:.2f}%"></div></td></tr>'
        )
    return "".join(rows)


def _logo(counted: Statistics, name: str, chart: str) -> str:
    number = counted.types[name]
    title = f"{name} <small>{MECHANISM_OF_TYPE[name]}, n = {number:,}</small>"
    return f"<figure><figcaption>{title}</figcaption>{chart or '<p>Too few.</p>'}</figure>"


def _proteins(count: int) -> str:
    return f"{count:,} protein{'' if count == 1 else 's'}"


def _notes(counted: Statistics, skipped: int) -> str:
    notes = []
    if skipped:
        notes.append(f"Records that could not be predicted: {skipped:,}.")
    if counted.warned:
        notes.append(f"Proteins with a warning: {counted.warned:,}; see the table's last column.")
    return " ".join(notes)


def _background(counted: Statistics) -> str:
    shares = counted.background
    order = np.argsort(-shares)
    return ", ".join(f"{AMINO_ACIDS[n]} {shares[n]:.1%}" for n in order.tolist())


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with values at their places; values are not looked through for more."""
    return _PLACE.sub(lambda found: values[found[1]], template)


@cache
def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
