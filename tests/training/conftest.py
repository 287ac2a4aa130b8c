"""Few proteins, and a small network that was cross-validated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peft_sp.io.labelled import LabelledProtein, partition, write_labelled

if TYPE_CHECKING:
    from peft_sp.training.recipe import Recipe


@pytest.fixture(scope="session")
def small_recipe(labelled_file: Path) -> Recipe:
    """Of a student that is trained in a second."""
    from peft_sp.training.recipe import Recipe

    return Recipe(
        name="tiny",
        data=str(labelled_file),
        student={"width": 16, "hidden": 8, "convolutions": 1},
        optimisation={"epochs": 1, "batch_size": 32},
    )


@pytest.fixture(scope="session")
def few(labelled: list[LabelledProtein]) -> list[LabelledProtein]:
    """Proteins enough to train on, few enough to be quick, all classes in each partition."""
    return [p for n in (0, 1, 2) for p in partition(labelled, [n])[::3]]


@pytest.fixture(scope="session")
def few_file(few: list[LabelledProtein], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "few.fasta"
    write_labelled(path, few)
    return path


@pytest.fixture(scope="session")
def crossvalidated(small_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small recipe's cross-validation, with everything that it writes; tests change copies."""
    from peft_sp.training.runs.crossval import crossvalidate

    directory = tmp_path_factory.mktemp("crossvalidated") / "cv"
    crossvalidate(small_recipe, directory)
    return directory


@pytest.fixture(scope="session")
def folds(crossvalidated: Path) -> list[str]:
    """Teachers: the models of a cross-validation."""
    return [str(crossvalidated / f"test-{number}") for number in range(3)]
