"""What is known of a prediction run.

Defined here because writers of files need it; `inference.run` makes it and is where to import it
from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from peft_sp.biology.organism import BY_HEADER, Organism, OrganismChoice
from peft_sp.errors import InputError


@dataclass(frozen=True)
class RunInfo:
    """A run, before its predictions and, with what was counted, after them.

    tool: name and version, as in "SignalP-6.0"; model: its name, in a SignalP 6 run its mode;
    source: the input and directory: the output as the user named them, "" for a stream; organism:
    as it was asked for; threshold: from which probability of a signal peptide on one is called,
    None where the most probable type is; published_decoding: whether the decision rule was that of
    the published PEFT-SP; count: proteins predicted; unusable: records that could
    not be, and skipped: the errors of the first 1,000 of them; cleaned: proteins that were changed
    while they were read, and changed: the warning of the first, and where it stands; protein_files:
    SignalP 6's format of the files of each protein ("none", "txt", "png", "eps" or "all"); time:
    when the run was first started.

    After the run: types: proteins by predicted type; organisms: by "eukarya", "other" and
    "undecided" (predicted as other because the header does not decide); warnings: proteins with
    a warning; notes: with each kind of it (`warning_kinds`); renamed: proteins that have a number
    behind their name, since it stood before, and renaming: the first of them, and where it
    stands; files: names of what was written, folders with a "/".
    """

    tool: str
    model: str
    organism: OrganismChoice
    count: int
    source: str = ""
    directory: str = ""
    unusable: int = 0
    skipped: tuple[InputError, ...] = ()
    cleaned: int = 0
    changed: str = ""
    protein_files: str = "none"
    time: datetime | None = None
    types: Mapping[str, int] = field(default_factory=dict)
    organisms: Mapping[str, int] = field(default_factory=dict)
    warnings: int = 0
    renamed: int = 0
    renaming: str = ""
    notes: Mapping[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    threshold: float | None = None
    published_decoding: bool = False

    @property
    def settings(self) -> str:
        """What decides the predictions, for a reader."""
        organism = "by header" if self.organism == BY_HEADER else self.organism
        cutoff = "" if self.threshold is None else f", threshold {self.threshold:g}"
        rule = ", decoded as published" if self.published_decoding else ""
        return f"model {self.model}, organism {organism}{cutoff}{rule}"

    @property
    def layout(self) -> Organism:
        """The organism whose columns the files have: all types where headers decide."""
        return Organism.OTHER if self.organism == BY_HEADER else Organism(self.organism)
