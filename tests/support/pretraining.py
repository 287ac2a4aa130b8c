"""A small pretraining run: windows in files, a recipe, and its parts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.training.pretraining.recipe import PretrainingRecipe

ORGANISMS = (" OS=Homo sapiens OX=9606", " OS=Escherichia coli OX=562", "")


def write_windows(file: Path, count: int = 40, seed: int = 0) -> Path:
    """A FASTA file of random proteins of 40 to 90 residues, of three kinds of headers."""
    draw = random.Random(seed)
    records = []
    for number in range(count):
        sequence = "M" + "".join(draw.choices(AMINO_ACIDS, k=draw.randint(39, 89)))
        records.append(f">p{number}{ORGANISMS[number % 3]}\n{sequence}\n")
    file.write_text("".join(records))
    return file


def small_recipe(folder: Path, backbone: str, **fitting: Any) -> PretrainingRecipe:
    """A recipe for 34 windows in 5 batches, with 6 held out."""
    return PretrainingRecipe.model_validate(
        {
            "name": "small-windows",
            "backbone": backbone,
            "origin": "Random numbers.",
            "windows": {"unlabelled": [str(write_windows(folder / "w.faa"))], "held_out": 6},
            "fitting": {"batch_size": 8, "epochs": 2, "evaluations": 1, **fitting},
        }
    )
