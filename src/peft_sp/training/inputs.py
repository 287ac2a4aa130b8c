"""What a recipe names, read once: labelled proteins, backbone, teachers, unlabelled proteins.

Runs, folds, members and trials of one recipe are handed the same `TrainingInputs`, and each the
`Split` of its partitions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from torch import Tensor

from peft_sp.errors import InputError
from peft_sp.io.fasta import open_input
from peft_sp.io.labelled import PARTITIONS, UNPARTITIONED, LabelledProtein, data_hash, read_labelled
from peft_sp.io.labelled.partitions import own_or_made
from peft_sp.io.labelled.remainder import Remainder, read_remainder
from peft_sp.network.backbone import Backbones
from peft_sp.training.dataset import WindowTable, tabulate
from peft_sp.training.distillation.teachers import (
    Teacher,
    honest_teachers,
    read_teachers,
)
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import Recipe


@dataclass(frozen=True)
class UnlabelledFile:
    """A FASTA file of proteins without labels."""

    path: str
    sha256: str


@dataclass(frozen=True)
class TrainingInputs:
    """Everything that a recipe names, with SHA-256 checksums.

    recipe: its name, for messages. data: path of the labelled proteins. made_partitions: a
    sentence on the partitions that were made, "" where the file has its own. remainder: proteins
    of no partition, with the limits of their similarity to what is held out. backbone: name and
    precision, None for a student. backbones: encoders that were read, whose frozen tensors the
    networks share; None where each network reads its own. Encoded windows, the backbone's hash
    and unlabelled windows are computed when first needed.
    """

    recipe: str
    data: str
    data_sha256: str
    proteins: tuple[LabelledProtein, ...]
    made_partitions: str = ""
    remainder: Remainder | None = field(default=None, repr=False)
    limits: tuple[float, float] = (1.0, 0.0)
    backbone: tuple[str, str] | None = None
    backbones: Backbones | None = field(default=None, repr=False)
    teachers: tuple[Teacher, ...] = ()
    teachers_sha256: str | None = None
    unlabelled: tuple[UnlabelledFile, ...] = ()

    @cached_property
    def table(self) -> WindowTable:
        """All labelled windows with their allowed states. Raises InputError, see `tabulate`."""
        return tabulate(self.labelled)

    @cached_property
    def labelled(self) -> tuple[LabelledProtein, ...]:
        """The proteins, and behind them those of the remainder."""
        return (*self.proteins, *(self.remainder.proteins if self.remainder else ()))

    @cached_property
    def backbone_sha256(self) -> str | None:
        """Hash of the backbone's weights, None for a student. Raises ModelError."""
        if self.backbone is None:
            return None
        return (self.backbones or Backbones()).take(*self.backbone)[1]

    @cached_property
    def unlabelled_windows(self) -> tuple[str, ...]:
        """Distinct windows of the unlabelled proteins, in their order. Raises InputError."""
        if not self.unlabelled:
            return ()
        with open_input([file.path for file in self.unlabelled]) as source:
            source.survey(skip_invalid=True)
            return tuple(dict.fromkeys(p.window for p in source.proteins()))

    @property
    def labelled_sha256(self) -> str:
        """Of the labelled proteins; with a remainder, of all its files together."""
        if (more := self.remainder) is None:
            return self.data_sha256
        together = f"{self.data_sha256} {more.sha256} {more.homology_sha256}"
        return hashlib.sha256(together.encode()).hexdigest()

    @property
    def hashes(self) -> dict[str, str | None]:
        """What a recipe's settings only name, as `metrics.json` has it."""
        found = {"data_sha256": self.data_sha256, "backbone_sha256": self.backbone_sha256}
        if self.remainder is not None:
            found["remainder_sha256"] = self.remainder.sha256
            found["homology_sha256"] = self.remainder.homology_sha256
        return found | ({"teachers_sha256": self.teachers_sha256} if self.teachers else {})

    def split(self, partitions: Partitions) -> Split:
        """The proteins to train on, to validate and to test by; no window is in two of them.

        Where the file has no partitions and nothing is held out, all are trained on.
        Raises InputError where a partition that is named has no protein, RecipeError where no
        teacher is honest.
        """

        def rows(numbers: Collection[int | None], avoid: set[str]) -> list[int]:
            proteins = enumerate(self.proteins)
            return [n for n, p in proteins if p.partition in numbers and p.sequence not in avoid]

        def windows(chosen: list[int]) -> set[str]:
            return {self.proteins[row].sequence for row in chosen}

        test = rows((partitions.test,), set())
        validation = rows((partitions.validation,), windows(test))
        learned: set[int | None] = set(partitions.train)
        if self.made_partitions and partitions.validation is None and partitions.test is None:
            # Which of them were made is then nobody's concern.
            learned = {*PARTITIONS, UNPARTITIONED}
        avoid = windows(test) | windows(validation)
        train = rows(learned, avoid)
        more = self._remainder_rows(partitions)
        train += [row for row in more if self.labelled[row].sequence not in avoid]
        for name, chosen, wanted in (
            ("training", train, True),
            ("validation", validation, partitions.validation is not None),
            ("test", test, partitions.test is not None),
        ):
            if wanted and not chosen:
                raise InputError(f"no {name} proteins in the chosen partitions", path=self.data)
        teachers = honest_teachers(self.recipe, self.teachers, partitions, self.data_sha256)
        return Split(self, partitions, train, validation, test, teachers)

    def _remainder_rows(self, partitions: Partitions) -> list[int]:
        """Rows of `labelled` of the remainder's proteins that are unlike what is held out."""
        if self.remainder is None:
            return []
        first = len(self.proteins)
        return [first + n for n in self.remainder.apart_from(partitions.held_out, *self.limits)]

    def within(self, partitions: Collection[int]) -> TrainingInputs:
        """The inputs with the proteins of some partitions alone, without windows that also stand
        in another one; of the remainder, those apart from all others. Raises InputError for a
        partition without any.
        """
        avoid = {p.sequence for p in self.proteins if p.partition not in partitions}
        proteins = tuple(p for p in self.proteins if p.sequence not in avoid)
        for number in partitions:
            if all(p.partition != number for p in proteins):
                raise InputError(f"no proteins to be used in partition {number}", path=self.data)
        remainder = self.remainder
        if remainder is not None:
            others = set(PARTITIONS) - set(partitions)
            remainder = remainder.take(remainder.apart_from(others, *self.limits))
        return replace(self, proteins=proteins, remainder=remainder)


@dataclass(frozen=True)
class Split:
    """The inputs of one run: rows of `inputs.labelled`, and the teachers that are honest for it."""

    inputs: TrainingInputs
    partitions: Partitions
    train_rows: list[int]
    validation_rows: list[int]
    test_rows: list[int]
    teachers: tuple[Teacher, ...]

    @property
    def holds_nothing_out(self) -> bool:
        """Whether no protein is kept to validate or test by."""
        return not self.validation_rows and not self.test_rows

    @property
    def train(self) -> list[LabelledProtein]:
        """The proteins that the network is trained on."""
        return [self.inputs.labelled[row] for row in self.train_rows]

    @property
    def validation(self) -> list[LabelledProtein]:
        """The proteins by which the epoch is chosen; none without a validation partition."""
        return [self.inputs.proteins[row] for row in self.validation_rows]

    @property
    def test(self) -> list[LabelledProtein]:
        """The proteins of the test partition; none without one."""
        return [self.inputs.proteins[row] for row in self.test_rows]

    @property
    def remainder_count(self) -> int:
        """How many of the training proteins belong to no partition."""
        return sum(row >= len(self.inputs.proteins) for row in self.train_rows)

    @property
    def residues(self) -> Tensor:
        """Codes (N, WINDOW) of all the split's labelled windows."""
        rows = [*self.train_rows, *self.validation_rows, *self.test_rows]
        return self.inputs.table.residues[rows]

    @property
    def train_table(self) -> WindowTable:
        """The training proteins' windows."""
        return self.inputs.table.take(self.train_rows)

    @property
    def unlabelled_windows(self) -> list[str]:
        """Windows of unlabelled proteins that are none of the split's labelled ones."""
        avoid = {p.sequence for p in (*self.train, *self.validation, *self.test)}
        return [window for window in self.inputs.unlabelled_windows if window not in avoid]


def read_inputs(recipe: Recipe) -> TrainingInputs:
    """Read and hash what a recipe names.

    Raises InputError for unusable data, ModelError for a teacher that is no model.
    """
    options = recipe.distillation
    teachers, teachers_sha256 = read_teachers(options.teachers if options else ())
    unlabelled = options.unlabelled if options else ()
    whole = recipe.tuning is not None and recipe.tuning.trained == "backbone"
    backbone = None
    if recipe.backbone is not None:
        backbone = (recipe.backbone, recipe.backbone_precision)
    if not Path(recipe.data).exists():  # shipped recipes name a file that few have there
        raise InputError(
            "no such file; give the labelled proteins by --set data=FILE", path=recipe.data
        )
    proteins, made_partitions = own_or_made(read_labelled(recipe.data))
    more = recipe.remainder
    if more is not None:
        for option, path in (("data", more.data), ("homology", more.homology)):
            if not Path(path).exists():
                raise InputError(
                    f"no such file; give it by --set remainder.{option}=FILE, or train without the "
                    "proteins of no partition: --unset remainder",
                    path=path,
                )
    return TrainingInputs(
        recipe=recipe.name,
        data=recipe.data,
        proteins=proteins,
        made_partitions=made_partitions,
        remainder=None if more is None else read_remainder(more.data, more.homology),
        limits=(1.0, 0.0) if more is None else (more.max_identity, more.max_evalue),
        data_sha256=data_hash(recipe.data),
        backbone=backbone,
        # What is trained whole cannot be shared.
        backbones=None if whole or backbone is None else Backbones(),
        teachers=teachers,
        teachers_sha256=teachers_sha256,
        unlabelled=tuple(UnlabelledFile(path, data_hash(path)) for path in unlabelled),
    )
