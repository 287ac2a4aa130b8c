"""Who teaches a student: only models that never saw the proteins it is validated or tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peft_sp.errors import RecipeError
from peft_sp.io.labelled import PARTITIONS
from peft_sp.io.registry import lookup, model_config
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.options import Partitions


@dataclass(frozen=True)
class Teacher:
    """A model that teaches.

    source: its name or directory as the recipe has it. data_sha256: hash of the labelled data
    that it was trained on. record: what a student's settings keep of it; its hash is of all that
    its posterior depends on: tensors, network, settings and temperature.
    """

    source: str
    directory: Path
    data_sha256: str
    record: model_config.Teacher

    @property
    def partitions(self) -> set[int] | None:
        """Those that it was trained on, None where its settings do not say."""
        numbers = self.record.partitions
        return None if numbers is None else set(numbers)

    @property
    def seen(self) -> set[int]:
        """The partitions of which it learned anything, be it from similar proteins alone."""
        apart = self.record.apart_from
        similar = set() if apart is None else set(PARTITIONS) - set(apart)
        return (self.partitions or set()) | similar


def read_teachers(sources: Sequence[str]) -> tuple[tuple[Teacher, ...], str | None]:
    """The teachers of names or directories, and a SHA-256 of all together, None without any.

    Raises ModelError for what is no model.
    """
    teachers, together = [], hashlib.sha256()
    for source in sources:
        directory = lookup.locate(source)
        config = ModelConfig.read(directory)
        own = hashlib.sha256()
        for part in lookup.posterior_inputs(directory, config):
            own.update(part)
            together.update(part)
        record = model_config.Teacher(
            config.name or None,
            config.licence or None,
            config.made.partitions.train,
            own.hexdigest(),
            None if config.made.remainder is None else config.made.remainder.apart_from,
        )
        teachers.append(Teacher(source, directory, config.made.data_sha256, record))
    return tuple(teachers), together.hexdigest() if teachers else None


def teachers_hash(teachers: Sequence[Teacher]) -> str:
    """SHA-256 of what the mean posterior of a split's teachers depends on."""
    return hashlib.sha256(
        "".join(teacher.record.sha256 for teacher in teachers).encode()
    ).hexdigest()


def honest_teachers(
    recipe: str, teachers: Sequence[Teacher], partitions: Partitions, data_sha256: str
) -> tuple[Teacher, ...]:
    """The teachers that never saw the proteins that their student is validated or tested on.

    Of these, the ones that were trained on the same partitions as the student, where there are
    any: so the students of a cross-validation and the one trained on everything are made alike.
    Raises RecipeError, with the recipe's name, where none is honest or where that is unknown.
    """
    held_out = partitions.held_out
    unknown = [
        f"teacher {teacher.source} was trained on other data, so that it is unknown what it has "
        "seen of the validation and test partitions"
        for teacher in teachers
        if held_out and (teacher.partitions is None or teacher.data_sha256 != data_sha256)
    ]
    if unknown:
        raise RecipeError(recipe, unknown)
    honest = [t for t in teachers if not held_out & t.seen]
    if teachers and not honest:
        numbers = " and ".join(map(str, sorted(held_out)))
        problem = (
            f"each of the teachers was trained on partition {numbers}, or on proteins of the "
            "remainder that are similar to it; one must not have been"
        )
        raise RecipeError(recipe, [problem])
    alike = [t for t in honest if (t.partitions or set()) == set(partitions.train)]
    return tuple(alike or honest)
