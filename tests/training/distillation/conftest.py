"""A recipe of a student."""

from __future__ import annotations

import pytest

from peft_sp.training.recipe import Recipe

SMALL = {"width": 16, "hidden": 8, "convolutions": 1}


@pytest.fixture
def recipe(labelled_file, ecoli, folds) -> Recipe:
    return Recipe(
        name="pupil",
        data=str(labelled_file),
        student=SMALL,
        optimisation={
            "epochs": 1,
            "batch_size": 32,
            "chimera_probability": 0.5,
            "truncation_probability": 0.3,
        },
        distillation={"teachers": folds, "unlabelled": [str(ecoli)], "augmented_copies": 1},
    )
