"""A run to look at: one page that needs no network, with every protein's picture inside.

Data are written as predictions come, in the blocks that `blocks` packs: base64, whose letters mean
nothing to HTML, so that no header can break out of the page. Charts are drawn here, the table and
the pictures in the browser, by the modules in `static` that the web page has as well: they stand
in the file as one script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.biology.prediction import MECHANISM_OF_TYPE, Prediction
from peft_sp.io.plotting.curves import CURVES
from peft_sp.io.plotting.palette import style_sheet
from peft_sp.io.plotting.summary import blocks, charts
from peft_sp.io.plotting.summary.statistics import Statistics
from peft_sp.io.results.run_info import RunInfo
from peft_sp.wording import printable

BLOCK = 512
"""Proteins that are packed together, at most."""
SHARED = Path(__file__).parent / "static"
"""Files that the summary page and the web page have in common."""
_MODULES = ("blocks.js", "picture.js", "table.js", "summary.js")
"""In an order in which each stands behind what it imports."""
_MODULE_WORDS = re.compile(r"^(?:import .*;\n|export (?=async |class |const |function ))", re.M)
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
        self._frames: dict[blocks.FrameKey, int] = {}
        digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
        head, self._tail = _read("summary.html").split("{{data}}")
        values = {"title": html.escape(_title(run)), "hash": digest}
        if begun is None:
            values["style"] = style_sheet() + _read("table.css") + _read("summary.css")
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
        self._file.write(blocks.element("frames", blocks.frames(list(self._frames))))
        predicted = [name for name in types[1:] if counted.types[name]]
        words = {
            "title": _title(run),
            "subtitle": f"{_proteins(counted.count)}, {run.settings}, {run.tool}",
            "skipped": f"Records that could not be predicted: {run.unusable:,}."
            if run.unusable
            else "",
            "background": _background(counted),
        }
        values = {key: html.escape(text) for key, text in words.items()}
        values |= {
            "run": blocks.to_json(_run(types, counted)),
            "warnings": _warnings(counted),
            "script": _script(),
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
        curves, keys = blocks.profiles(block)
        numbers = [self._frames.setdefault(key, len(self._frames)) for key in keys]
        self._file.write(blocks.element("rows", blocks.rows(block, numbers), len(block)))
        self._file.write(blocks.element("curves", curves))


def check_state(state: Mapping[str, Any]) -> None:
    """Raise ValueError, or what its parts raise, where no `SummaryWriter` gave this state."""
    Statistics().restore(state["statistics"])
    for length, shown in state["frames"]:
        if length not in range(1, WINDOW + 1) or any(n not in range(len(CURVES)) for n in shown):
            raise ValueError("no frame of a picture")


def _title(run: RunInfo) -> str:
    return f"Signal peptides of {printable(run.source)}"


def _run(types: Sequence[str], counted: Statistics) -> dict[str, Any]:
    """What the script needs to know of the run and of all pictures."""
    return {
        **blocks.drawing(),
        "shown": [TYPES.index(name) for name in types],
        "warnings": [kind for kind, _ in counted.warnings.most_common()],
    }


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
        f'<a href="#proteins-title" data-warning="{html.escape(kind)}">{html.escape(kind)}</a>: '
        f"{number:,}"
        for kind, number in counted.warnings.most_common()
    )
    return f"Proteins with a warning: {counted.warned:,} ({kinds_of_them})."


def _background(counted: Statistics) -> str:
    fractions = counted.background
    order = np.argsort(-fractions)
    return ", ".join(f"{AMINO_ACIDS[n]} {fractions[n]:.1%}" for n in order.tolist())


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with values in its fields; values are not looked through for more."""
    return _FIELD.sub(lambda match: values[match[1]], template)


@cache
def _read(name: str) -> str:
    return (SHARED / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """The modules as one script: without the words that join them, closed to other scripts."""
    parts = "".join(_MODULE_WORDS.sub("", _read(name)) for name in _MODULES)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'
