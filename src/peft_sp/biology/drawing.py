"""How a prediction finds what draws it, which stands on a higher floor.

The package's front door, through which every import passes, registers it. So biology
imports nothing of pictures, and no drawing library is loaded before a picture is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Drawing(NamedTuple):
    """What draws predictions.

    svg: a prediction -> the text of an SVG picture. plot: a prediction and an Axes, or None
    for a new one -> the Axes it was drawn on.
    """

    svg: Callable[[Any], str]
    plot: Callable[[Any, Any], Any]


_registered: list[Drawing] = []


def register(drawing: Drawing) -> None:
    """Draw all predictions so from now on."""
    _registered[:] = [drawing]


def registered() -> Drawing:
    """What draws predictions. Raises LookupError where nothing was registered."""
    if not _registered:
        raise LookupError("nothing that draws predictions is registered; import peft_sp does it")
    return _registered[0]
