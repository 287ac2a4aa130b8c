"""A recipe's groups of options: what is learned from, how parameters are fitted, and teachers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from peft_sp.io.labelled import PARTITIONS
from peft_sp.network.settings import Settings


class Partitions(Settings):
    """Which partitions a run learns from, chooses its epoch by, and is tested on.

    Without `validation` the last epoch is taken; without `test` nothing is tested.
    """

    train: tuple[int, ...] = Field(default=PARTITIONS, min_length=1)
    validation: int | None = None
    test: int | None = None

    @model_validator(mode="after")
    def _apart(self) -> Partitions:
        used = [*self.train, *(n for n in (self.validation, self.test) if n is not None)]
        if wrong := sorted(set(used) - set(PARTITIONS)):
            raise ValueError(f"partitions are 0, 1 and 2; there is no {wrong[0]}")
        if len(used) != len(set(used)):
            raise ValueError("train, validation and test must be different partitions")
        return self


class Optimisation(Settings):
    """How the parameters are fitted."""

    epochs: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=32, ge=1)
    optimiser: Literal["adamw", "adamax"] = "adamw"
    learning_rate: float = Field(default=2e-3, gt=0, description="of the encoder")
    head_learning_rate: float = Field(default=5e-3, gt=0, description="of head and CRF")
    weight_decay: float = Field(default=0.01, ge=0, description="of weight matrices")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the steps")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    precision: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = Field(
        default=False, description="compute each layer twice and keep less in memory"
    )
    keep_frozen: bool = Field(
        default=True,
        description="compute layers below the first trained one once, in bfloat16; not where "
        "augmentation makes new windows",
    )
    balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="classes (organism group x type) are drawn in proportion to "
        "count^(1 - balance): 0 as they are, 1 all alike",
    )
    rare: int | None = Field(
        default=None,
        ge=1,
        description="with balance, classes of as many proteins or more keep their proportions",
    )
    truncation: float = Field(
        default=0.0, ge=0, le=1, description="share of windows cut short behind the signal peptide"
    )
    substitution: float = Field(
        default=0.0, ge=0, le=1, description="share of residues drawn anew from their kind"
    )
    chimeras: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of signal peptides set before another protein's mature part",
    )
    region_weight: float = Field(default=0.5, ge=0, description="of the region term in the loss")
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of a moving average of the weights, which replaces them at the end "
        "and whenever they are judged; 0 for none",
    )

    @model_validator(mode="after")
    def _used(self) -> Optimisation:
        if self.rare is not None and not self.balance:
            raise ValueError("rare says which classes balance evens out; give balance as well")
        return self


class Distillation(Settings):
    """Teachers, and what a student is asked beside the labelled windows.

    A teacher that learned from a partition which the run is judged or tested on is left out; of
    the others those that learned from just the student's partitions are asked, or all if none did.
    """

    teachers: tuple[str, ...] = Field(min_length=1, description="names or directories of models")
    backbone: str | None = Field(
        default=None, description="where theirs is, if not where it was when they were trained"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="in which teachers on torch compute"
    )
    temperature: float = Field(
        default=1.0,
        gt=0,
        description="by which log probabilities of the teachers' types are divided, beside the "
        "temperature that each has of its own; more than 1 for less sure ones",
    )
    unlabelled: tuple[str, ...] = Field(default=(), description="FASTA files")
    copies: int = Field(
        default=0,
        ge=0,
        description="draws of all labelled windows, varied by truncation, substitution, chimeras",
    )
    hydropathy: float | None = Field(
        default=None,
        description="least mean hydropathy (Kyte and Doolittle) that some 9 of the first 45 "
        "residues of an unlabelled protein must have; what has less is no signal peptide and "
        "teaches little",
    )
    mutants: int = Field(
        default=0,
        ge=0,
        description="draws of all labelled windows, crossed with each other and mutated until "
        "their labels no longer count",
    )
    mosaics: int = Field(
        default=0,
        ge=0,
        description="draws of windows that are put together from pieces of many labelled ones of "
        "a class, further from each of them than mutants are; without labels as well",
    )
    balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="as optimisation.balance, for the draws of copies, mutants and mosaics: "
        "what they hold more of is then drawn as it stands",
    )
    rare: int | None = Field(
        default=None, ge=1, description="as optimisation.rare, for copies, mutants, mosaics"
    )
    fresh: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the labelled windows that are varied anew whenever they are drawn, "
        "and learned from their labels alone",
    )
    labels: float = Field(
        default=0.5, ge=0, description="of the labels' likelihood, beside the teachers' 1"
    )

    @model_validator(mode="after")
    def _something_to_screen(self) -> Distillation:
        if self.hydropathy is not None and not self.unlabelled:
            raise ValueError("hydropathy screens unlabelled proteins; name files of them, too")
        return self
