"""Pictures of single predictions as files: PNG, SVG, PDF, EPS, or SignalP 6's table of residues.

`draw` makes one, `Plotter` many. SVG and the table need no drawing library; the others need
`peft-sp[plot]`.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.errors import OutputError
from peft_sp.io.plotting import drawing_library
from peft_sp.io.plotting.residue_table import residue_table
from peft_sp.io.writers.names import FreeNames

if TYPE_CHECKING:
    from concurrent.futures import Future

    from peft_sp.io.child import Children

KINDS = ("png", "svg", "pdf", "txt", "eps")
_DRAWN_BY_MATPLOTLIB = ("png", "pdf", "eps")
_BATCH = 16
"""Pictures that a process draws at once."""
_ALONE = 64
"""Pictures that take less time than starting another process."""
_LONGEST_NAME = 120
"""Letters of an id in a file's name; some file systems hold 143 bytes, most 255."""
_STRANGE = re.compile("[^A-Za-z0-9]")
_DEVICE = re.compile("(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)

Job = tuple[Prediction, Path]


def require(kind: str) -> None:
    """Make sure that pictures of a kind can be drawn, before any work.

    Raises ValueError for a kind that is none of `KINDS`, and as `drawing_library.load`.
    """
    if kind not in KINDS:
        raise ValueError(f"a picture is one of {', '.join(KINDS)}, not '{kind}'")
    if kind in _DRAWN_BY_MATPLOTLIB:
        drawing_library.load(f"drawing {kind} pictures")


def draw(prediction: Prediction, path: str | os.PathLike[str]) -> None:
    """Draw a prediction into a file of the format that its suffix names.

    Without marginals a picture shows the title, residues and regions, but no probabilities.

    Raises MissingExtraError and ValueError as `require`, ValueError for a table of residues
    without marginals, OutputError where the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.removeprefix(".").lower()
    require(kind)
    try:
        target.write_bytes(_content(prediction, kind))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror})") from None


def _content(prediction: Prediction, kind: str) -> bytes:
    if kind == "txt":
        if prediction.marginals is None:
            raise ValueError("a table of residues needs predict(..., marginals=True)")
        return residue_table(prediction, prediction.marginals)
    # Most runs draw nothing: what draws is loaded by those that do.
    if kind == "svg":
        from peft_sp.io.plotting import svg

        return svg.picture(prediction).encode()
    from peft_sp.io.plotting import matplotlib_backend
    from peft_sp.io.plotting.protein import scene

    frame, content = scene(prediction)
    if kind == "png":
        return matplotlib_backend.png(frame, frame.fill(content))
    return matplotlib_backend.vector(frame, frame.fill(content), kind)


class Plotter:
    """Draws many predictions into files of an existing directory, one a protein.

    A context manager: files are whole when it ends. processes: that share the work of many
    pictures. Raises as `require`.
    """

    def __init__(
        self, directory: str | os.PathLike[str], kind: str, processes: int | None = None
    ) -> None:
        require(kind)
        self._directory, self._kind = Path(directory), kind
        shared = kind in _DRAWN_BY_MATPLOTLIB and (processes or 1) > 1
        self._processes = processes if shared and processes else 0
        self._names = FreeNames(fold=True)
        self._waiting: list[Job] = []
        self._children: Children | None = None
        self._drawing: deque[Future[None]] = deque()

    def __enter__(self) -> Plotter:
        return self

    def add(self, prediction: Prediction) -> str:
        """Have a prediction drawn; the name of its file.

        Raises ValueError for one without marginals, OutputError where a file cannot be written.
        """
        if prediction.marginals is None:
            raise ValueError("a picture needs predict(..., marginals=True)")
        name = f"{self._names(stem(prediction.id))}.{self._kind}"
        self._waiting.append((prediction, self._directory / name))
        if not self._processes:
            self._draw_here()
        elif len(self._waiting) >= (_BATCH if self._children else _ALONE):
            self._share()
        return name

    def pass_over(self, protein: Protein) -> None:
        """Skip a protein whose picture an earlier run drew, under the name that `add` gives."""
        self._names(stem(protein.id))

    def drain(self) -> None:
        """Wait until all pictures so far are drawn."""
        self._draw_here()
        while self._drawing:
            self._drawing.popleft().result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.drain()
        finally:
            if self._children is not None:
                self._children.close()

    def _draw_here(self) -> None:
        waiting, self._waiting = self._waiting, []
        _draw_all(waiting)

    def _share(self) -> None:
        if self._children is None:
            from peft_sp.io.child import Children

            self._children = Children(self._processes)
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            self._drawing.append(self._children.submit(_draw_all, batch))
        while len(self._drawing) > 4 * self._processes:
            self._drawing.popleft().result()


def _draw_all(jobs: Sequence[Job]) -> None:
    for prediction, path in jobs:
        draw(prediction, path)


def stem(name: str) -> str:
    """A name as a file's: ASCII letters, digits and "_", and no device of Windows."""
    plain = _STRANGE.sub("_", name)[:_LONGEST_NAME] or "unnamed"
    return f"{plain}_" if _DEVICE.fullmatch(plain) else plain
