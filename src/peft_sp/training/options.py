"""Groups of a recipe's options: partitions, optimisation, distillation, search."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from peft_sp.io.labelled import PARTITIONS
from peft_sp.network.settings import Settings

Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Value = StrictBool | Number | StrictStr
WeightDecay = Annotated[
    float, Field(ge=0, description="weight decay of matrices; vectors have none")
]
MaxGradNorm = Annotated[
    float, Field(gt=0, description="gradients of a larger norm are scaled down to this norm")
]
WarmupFraction = Annotated[
    float,
    Field(ge=0, lt=1, description="fraction of the steps in which the learning rates rise from 0"),
]
Schedule = Annotated[
    Literal["cosine", "linear", "constant"],
    Field(description="how the learning rates go on after the warm-up"),
]


class Partitions(Settings):
    """Partitions of the labelled data for training, validation and test."""

    train: tuple[int, ...] = Field(
        default=PARTITIONS, min_length=1, description="partitions that the model is trained on"
    )
    validation: int | None = Field(
        default=None,
        description="partition whose scores choose the epoch; without one the last is taken",
    )
    test: int | None = Field(
        default=None, description="partition that the finished model is tested on"
    )

    @property
    def held_out(self) -> set[int]:
        """The partitions that nothing is learned from."""
        return {n for n in (self.validation, self.test) if n is not None}

    @model_validator(mode="after")
    def _apart(self) -> Partitions:
        used = [*self.train, *(n for n in (self.validation, self.test) if n is not None)]
        if wrong := sorted(set(used) - set(PARTITIONS)):
            raise ValueError(f"partitions are 0, 1 and 2; there is no {wrong[0]}")
        if len(used) != len(set(used)):
            raise ValueError("train, validation and test must be different partitions")
        return self


class Remainder(Settings):
    """Labelled proteins of no partition, which are trained on beside those of the partitions.

    One is left out of a run that validates or tests on a partition that it is similar to.
    """

    data: str = Field(description="labelled proteins of no partition, three-line format")
    homology: str = Field(
        description="table of their similarity to each partition: accession, identity_0 ... and "
        "evalue_0 ..., separated by tabs"
    )
    max_identity: float = Field(
        default=0.36,
        gt=0,
        le=1,
        description="identity to the nearest protein of a validation or test partition must be "
        "below this; two unrelated windows reach 0.30 to 0.36",
    )
    max_evalue: float = Field(
        default=0.01,
        ge=0,
        allow_inf_nan=False,
        description="E-value of the best alignment with such a protein must be above this",
    )


class Optimisation(Settings):
    """How the parameters are fitted."""

    epochs: float = Field(
        default=1.0, gt=0, description="passes over the training data; may be a fraction"
    )
    batch_size: int = Field(default=32, ge=1, description="proteins in a batch")
    accumulation: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="batches whose gradients are averaged before a step, for batches that do not "
        "fit the memory",
    )
    optimiser: Literal["adamw", "adamax"] = "adamw"
    learning_rate: float = Field(
        default=2e-3, gt=0, description="learning rate of the encoder's trained parameters"
    )
    head_learning_rate: float = Field(
        default=5e-3, gt=0, description="learning rate of the linear head and the CRF"
    )
    weight_decay: WeightDecay = 0.01
    max_grad_norm: MaxGradNorm = 1.0
    warmup_fraction: WarmupFraction = 0.1
    schedule: Schedule = "cosine"
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32",
        description="numbers that the network computes in; the CRF keeps float64. float16 is for "
        "GPUs without bfloat16",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="compute each layer a second time in the backward pass, to save memory",
    )
    cache_activations: bool = Field(
        default=True,
        description="compute the layers below the first trained one once, and store their output "
        "in bfloat16; has no effect with augmentation, which makes new windows",
    )
    class_balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="a class (organism group and type) of n proteins is drawn in proportion to "
        "n^(1 - class_balance): 0 draws as the data are, 1 draws all classes alike",
    )
    rare_class_size: int | None = Field(
        default=None,
        ge=1,
        description="with class_balance, only classes smaller than this are drawn more often; the "
        "larger ones keep their proportions to each other",
    )
    truncation_probability: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that a window is cut short behind its signal peptide",
    )
    substitution_probability: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that a residue is replaced by one of similar residues",
    )
    chimera_probability: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that a signal peptide is joined to another protein's mature part",
    )
    region_weight: float = Field(
        default=0.5, ge=0, description="weight of the region term in the loss"
    )
    ema_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the exponential moving average of the weights, which is evaluated "
        "and saved in place of the weights; 0 for none",
    )

    @property
    def augmentation(self) -> tuple[float, float, float]:
        """Probabilities of truncation, substitution and chimeras."""
        return self.truncation_probability, self.substitution_probability, self.chimera_probability

    @model_validator(mode="after")
    def _used(self) -> Optimisation:
        if self.rare_class_size is not None and not self.class_balance:
            raise ValueError(
                "rare_class_size limits class_balance to small classes; give class_balance as well"
            )
        return self


class Distillation(Settings):
    """Teachers, and the windows on which a student is trained by them beside the labelled ones.

    A teacher that was trained on the run's validation or test partition is left out. If any of
    the others were trained on exactly the student's training partitions, only these are used.
    """

    teachers: tuple[str, ...] = Field(min_length=1, description="names or directories of models")
    teacher_backbone: str | None = Field(
        default=None,
        description="directory of the teachers' backbone, if it has moved since their training",
    )
    teacher_precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="numbers that teachers on torch compute in"
    )
    temperature: float = Field(
        default=1.0,
        gt=0,
        description="divides the teachers' log probabilities of the types, in addition to each "
        "teacher's own temperature; more than 1 makes teachers less certain",
    )
    unlabelled: tuple[str, ...] = Field(
        default=(), description="FASTA files of unlabelled proteins"
    )
    augmented_copies: int = Field(
        default=0,
        ge=0,
        description="draws of all labelled windows that are augmented once, and keep their labels",
    )
    min_hydropathy: float | None = Field(
        default=None,
        description="unlabelled proteins are used only if the mean hydropathy (Kyte and Doolittle) "
        "of some 9 of their first 45 residues is at least this; others cannot have a signal "
        "peptide and teach little",
    )
    recombinants: int = Field(
        default=0,
        ge=0,
        description="draws of all labelled windows that are crossed with each other and mutated, "
        "and lose their labels",
    )
    mosaics: int = Field(
        default=0,
        ge=0,
        description="draws of windows that are assembled from pieces of many labelled windows of "
        "a class, further from each of them than recombinants are, and have no labels",
    )
    class_balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="as optimisation.class_balance, for the labelled windows that augmented "
        "copies, recombinants and mosaics are made from",
    )
    rare_class_size: int | None = Field(
        default=None, ge=1, description="as optimisation.rare_class_size, for the same windows"
    )
    fresh_fraction: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="fraction of the labelled windows that are augmented anew each time they are "
        "drawn, and learned from their labels alone",
    )
    label_weight: float = Field(
        default=0.5,
        ge=0,
        description="weight of the loss of the labels; the loss of the teachers has weight 1",
    )

    @model_validator(mode="after")
    def _something_to_screen(self) -> Distillation:
        if self.min_hydropathy is not None and not self.unlabelled:
            raise ValueError(
                "min_hydropathy selects unlabelled proteins; name files of them in unlabelled"
            )
        return self


class Candidates(Settings):
    """Values of one option that a search may try: some choices, or a range.

    A range includes its bounds; two integers are a range of integers.
    """

    low: Number | None = Field(default=None, description="lower bound of the range")
    high: Number | None = Field(default=None, description="upper bound of the range")
    log: bool = Field(
        default=False, description="draw values of the range by their logarithms, evenly"
    )
    choices: tuple[Value, ...] | None = None

    @model_validator(mode="after")
    def _either(self) -> Candidates:
        bounds = (self.low, self.high)
        problems = []
        if self.choices is not None:
            if bounds != (None, None):
                problems.append("give either choices or low and high, and not both")
            if self.log:
                problems.append("log goes with low and high, not with choices")
            if len(set(self.choices)) < max(2, len(self.choices)):
                problems.append("choices must be two or more different values")
        elif self.low is None or self.high is None:
            problems.append("give either choices or both low and high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            problems.append(f"low must be less than high, not {self.low} and {self.high}")
        if self.low is not None and self.log and self.low <= 0:
            problems.append(f"with log, low must be more than 0, not {self.low}")
        if problems:
            raise ValueError(", and ".join(problems))
        return self

    def extremes(self) -> tuple[Value, ...]:
        """The choices or the two bounds."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None and self.high is not None
        return self.low, self.high
