"""How a run is to predict, which files it is to leave, and what it tells while it works."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peft_sp.biology.organism import Organism, OrganismChoice, parse_choice
from peft_sp.errors import OptionError
from peft_sp.inference.backends import Precision, positive_integer
from peft_sp.inference.cache import CACHED
from peft_sp.inference.predictor import Predictor, require_threshold
from peft_sp.io.plotting import plotter
from peft_sp.io.registry import lookup
from peft_sp.io.results.run_directory import INTERVAL, SHARE, Resume
from peft_sp.io.writers import fasta, genome, gff3, signalp6, tables
from peft_sp.version import __version__

if TYPE_CHECKING:
    from peft_sp.io.genomes.gff import Genes

PLOTS = "plots"
"""Folder of the pictures."""
SUMMARY = "summary.html"


@dataclass(frozen=True)
class Layout:
    """How a command reads its input, which files it leaves, and what they say of it.

    command: its name; tool: name and version that the files give; own: `predictions.tsv` and
    `predictions.gff3` beside SignalP 6's five files; protein_files: SignalP 6's format of the
    files of each protein; mode: what `output.json` calls the model, None for the model's own name;
    whole_headers: the name of a protein is its whole header, not the first word; signs_as_x: what
    is no letter in a sequence is read as X, with a warning, and no error; directory_option: how
    the command's user names the directory, for the words of errors; edited: results of this program
    may be replaced where they were changed since, too.
    """

    command: str = "predict"
    tool: str = f"PEFT-SP-{__version__}"
    own: bool = True
    protein_files: str = "none"
    mode: str | None = None
    whole_headers: bool = False
    signs_as_x: bool = False
    directory_option: str = "-o"
    edited: bool = False


PREDICT = Layout()
SIGNALP6 = Layout(
    *("signalp6", "SignalP-6.0"),
    own=False,
    whole_headers=True,
    signs_as_x=True,
    directory_option="--output_dir",
    edited=True,
)
"""As SignalP 6 leaves its files: parsers look for its name. A pipeline that edits results and calls
again has nowhere to say that they may be replaced."""


ON_DEMAND = (*fasta.FILES, SUMMARY, f"{PLOTS}/")
"""What a run leaves only where that was asked for."""


def every_name() -> tuple[str, ...]:
    """Names of all files that a run may leave, whatever its options; see `RunOptions.written`."""
    whole = (tables.FILE, gff3.FILE, genome.FILE, *signalp6.FILES, *fasta.FILES, SUMMARY)
    kinds = {kind for kinds in signalp6.FORMATS.values() for kind in kinds}
    single = (signalp6.protein_file("output_*", kind) for kind in sorted(kinds))
    return (*whole, *(f"{PLOTS}/*.{kind}" for kind in plotter.KINDS), *single)


@dataclass(frozen=True)
class RunOptions:
    """How to predict, and what to leave.

    model, device, threads, backbone, precision, published_decoding: see `loading.load`. model may
    be what that gave, which many runs may use one after the other; the others and `chunk` are then
    its own.
    organism: "eukarya", "other",
    or "auto" for each header to decide. batch_size: windows a batch, None for what suits the
    model. skip_invalid: leave out records that cannot be predicted, rather than raise an error.
    resume: continue a run that was stopped in the same directory; "if possible": or start anew
    where it was of something else (the notice of `predict_run` says why). force: replace files
    there that were not written by this program, too. plots: a picture of each protein ("png",
    "svg", "pdf", "eps", or "txt" for a table); summary: `summary.html`; fasta: the signal peptides,
    and the proteins without one, as FASTA beside the mature ones. threshold: of P(any signal
    peptide), see `Predictor.predict`. genes: where the proteins lie on a genome, for `genome.gff3`
    (`annotate_run` finds out).

    chunk: proteins that are predicted together, and between whose ends a run can be resumed;
    cached_windows: results kept for later proteins with the same window; journal_interval:
    seconds of work that may be lost, at least, and journal_share: the part of the time that may
    go into recording how far the run got.

    Raises OptionError for a value that an option cannot have.
    """

    model: str | os.PathLike[str] | lookup.Model | Predictor = lookup.DEFAULT
    organism: OrganismChoice | str = Organism.OTHER
    device: str = "auto"
    precision: Precision = "float32"
    threads: int | None = None
    batch_size: int | None = None
    backbone: str | None = None
    skip_invalid: bool = False
    resume: Resume = False
    force: bool = False
    plots: str | None = None
    summary: bool = False
    fasta: bool = False
    threshold: float | None = None
    published_decoding: bool = False
    genes: Genes | None = None
    layout: Layout = PREDICT
    chunk: int | None = None
    cached_windows: int = CACHED
    journal_interval: float = INTERVAL
    journal_share: float = SHARE

    def __post_init__(self) -> None:
        object.__setattr__(self, "organism", parse_choice(self.organism))
        for name in ("threads", "batch_size", "chunk"):
            positive_integer(name, getattr(self, name))
        require_threshold(self.threshold, self.published_decoding)
        if self.plots is not None and self.plots not in plotter.KINDS:
            raise OptionError(f"plots is one of {', '.join(plotter.KINDS)}, not '{self.plots}'")
        if self.layout.protein_files not in signalp6.FORMATS:
            known = ", ".join(signalp6.FORMATS)
            raise OptionError(f"protein_files is one of {known}, not '{self.layout.protein_files}'")

    @property
    def marginals(self) -> bool:
        """Whether the files need what is probable at each residue."""
        return bool(self.plots) or self.summary or self.layout.protein_files != "none"

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of what there is to look at: the page, and the folder of pictures."""
        page = (SUMMARY,) if self.summary else ()
        return (*page, *([f"{PLOTS}/"] if self.plots else []))

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files and folders of the run, but for those of each protein."""
        own: tuple[str, ...] = (tables.FILE, gff3.FILE) if self.layout.own else ()
        own += (genome.FILE,) if self.genes is not None else ()
        sequences = fasta.FILES if self.fasta else ()
        return (*own, *signalp6.FILES, *sequences, *self.pictures)

    @property
    def written(self) -> tuple[str, ...]:
        """Names of all files, in which "*" stands for a protein's name."""
        single = [f"{PLOTS}/*.{self.plots}"] if self.plots else []
        kinds = signalp6.FORMATS[self.layout.protein_files]
        single += [signalp6.protein_file("output_*", kind) for kind in kinds]
        return (*(name for name in self.files if not name.endswith("/")), *single)


Progress = Callable[[int, int], None]
"""Called with the proteins done and their total, batch by batch."""
Notice = Callable[[str], None]
"""Called with what a user should know before the work."""


class Stages:
    """Tells a caller how far a run is: by what is computed or, of two stages, by their mean."""

    def __init__(
        self, progress: Progress | None, total: int, two_stages: bool = False, done: int = 0
    ) -> None:
        self._progress, self._total, self._two_stages = progress, total, two_stages
        self._computed = self._written = done

    def computed(self, number: int) -> None:
        """So many proteins went through the network."""
        self._computed = number
        self._tell()

    def written(self, number: int) -> None:
        """So many proteins are written, and their pictures drawn."""
        if self._two_stages:
            self._written = number
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            done = self._computed + (self._written if self._two_stages else self._computed)
            self._progress(done // 2, self._total)
