"""What stands in a model's `config.json`: one typed `ModelConfig`, read and written only here.

The file may be anybody's, so every value is checked when it is read; one that is not what its
key must hold is a ModelError that names file, key, what was expected and what stands there. Keys
that this version does not know are kept and written back; a file of a newer format is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import GRAMMAR_VERSION, WINDOW
from peft_sp.errors import ModelError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry import fields
from peft_sp.io.registry.accuracy import Accuracy, Figures
from peft_sp.io.registry.checksums import CONFIG
from peft_sp.io.registry.fields import Table, optional, required
from peft_sp.io.registry.learned import check_record
from peft_sp.io.registry.migrations import with_current_names
from peft_sp.io.registry.strict_json import FieldError, JsonError, read_json

FORMAT = 2
"""The format that is written; format 1 is read too, see `migrations.py`."""

_TEMPERATURE = fields.number(0.001, 1000)
_COUNT = fields.integer(0)
_PARTITION = fields.integer(0)
_SPECIAL = {"/", "\\", "\n", "\t"}


def _member(value: Any, key: str) -> str:
    """The name of a directory inside the model's own; never a path, a model's name or a hub id."""
    name = fields.text(value, key)
    if not name or name.startswith(".") or len(name) > 100 or _SPECIAL & set(name):
        raise FieldError(key, "the name of a directory inside the model's own", value)
    return name


def _members(value: Any, key: str) -> tuple[str, ...]:
    names: tuple[str, ...] = fields.listed(_member)(value, key)
    if len(set(names)) < len(names):
        raise FieldError(key, "a list of different directories", value)
    return names


@dataclass(frozen=True)
class Backbone(Table):
    """The language model that a network adapts. sha256: of its weights."""

    name: str = required(fields.text)
    sha256: str = required(fields.sha256)


@dataclass(frozen=True)
class Parameters(Table):
    """How many parameters a model has, and how many of them were trained."""

    trained: int = required(_COUNT)
    all: int = required(_COUNT)


@dataclass(frozen=True)
class Calibration(Table):
    """By which log probabilities are divided.

    temperature: those of types; eukarya: the same of eukaryotes, None for no other; sites: those of
    the cleavage sites of a type; fitted_on: which proteins.
    """

    temperature: float = required(_TEMPERATURE)
    eukarya: float | None = optional(_TEMPERATURE)
    sites: float = optional(_TEMPERATURE, 1.0)
    fitted_on: str = optional(fields.text, "")


@dataclass(frozen=True)
class CrossValidatedFigures(Table):
    """Figures of a cross-validation of the model's recipe.

    pooled: all folds' predictions in one table; restricted: with eukaryotes given NO_SP and SP.
    """

    protocol: str = optional(fields.text, "")
    pooled: Figures | None = optional(Figures.of)
    restricted: Figures | None = optional(Figures.of)


@dataclass(frozen=True)
class Metrics(Table):
    """Figures by the proteins that they were measured on."""

    validation: Figures | None = optional(Figures.of)
    test: Figures | None = optional(Figures.of)
    cross_validation: CrossValidatedFigures | None = optional(CrossValidatedFigures.of)


@dataclass(frozen=True)
class UsedPartitions(Table):
    """The homology partitions that a model was trained, validated and tested on."""

    train: tuple[int, ...] | None = optional(fields.listed(_PARTITION))
    validation: int | None = optional(_PARTITION, always_written=True)
    test: int | None = optional(_PARTITION, always_written=True)


@dataclass(frozen=True)
class Teacher(Table):
    """A model that a student was distilled from. sha256: of all that its posterior depends on.

    partitions: those that the teacher was trained on, None where its settings do not say;
    apart_from: see `RemainderSource`, None where it learned from no remainder.
    """

    name: str | None = optional(fields.text, always_written=True)
    licence: str | None = optional(fields.text, always_written=True)
    partitions: tuple[int, ...] | None = optional(fields.listed(_PARTITION), always_written=True)
    sha256: str = optional(fields.sha256, "")
    apart_from: tuple[int, ...] | None = optional(fields.listed(_PARTITION))


@dataclass(frozen=True)
class SourceFile(Table):
    """A FASTA file of unlabelled proteins; sha256: of its records."""

    file: str = required(fields.text)
    sha256: str = optional(fields.sha256, "")


@dataclass(frozen=True)
class DistillationSources(Table):
    """What a student was trained on beside the labelled proteins."""

    teachers: tuple[Teacher, ...] = optional(fields.listed(Teacher.of), (), always_written=True)
    unlabelled: tuple[SourceFile, ...] = optional(
        fields.listed(SourceFile.of), (), always_written=True
    )


@dataclass(frozen=True)
class RemainderSource(Table):
    """Labelled proteins of no partition that a model was trained on, beside those of partitions.

    homology_sha256: of the table of their similarity to each partition; apart_from: partitions
    that those which were used are unlike; proteins: how many were used.
    """

    file: str = required(fields.text)
    sha256: str = required(fields.sha256)
    homology_sha256: str = required(fields.sha256)
    proteins: int = required(_COUNT)
    apart_from: tuple[int, ...] = optional(fields.listed(_PARTITION), (), always_written=True)


@dataclass(frozen=True)
class Made(Table):
    """How a model was made.

    recipe: the options of its training run as plain data, without where files lie; data: name of
    the file of labelled proteins; data_sha256: of its records; command: what trains it again;
    world_size: processes that trained it together; global_batch_size: proteins of a step, of all
    processes and accumulated batches; device: what they computed on; duration: in
    seconds; commit: of this package in git, None for a release; trained_windows: hashes of what it
    learned from (`learned.record`), "" where that is not known; the rest are versions.
    """

    recipe: Mapping[str, Any] | None = optional(fields.plain_table)
    partitions: UsedPartitions = optional(UsedPartitions.of, UsedPartitions())
    distillation: DistillationSources | None = optional(DistillationSources.of)
    remainder: RemainderSource | None = optional(RemainderSource.of)
    data: str = optional(fields.text, "")
    data_sha256: str = optional(fields.sha256, "")
    command: str = optional(fields.text, "")
    world_size: int | None = optional(fields.integer(1))
    global_batch_size: int | None = optional(fields.integer(1))
    device: str = optional(fields.text, "")
    duration: float | None = optional(fields.number(0, 1e300))
    commit: str | None = optional(fields.text, always_written=True)
    peft_sp: str = optional(fields.text, "")
    torch: str = optional(fields.text, "")
    transformers: str = optional(fields.text, "")
    python: str = optional(fields.text, "")
    trained_windows: str = optional(check_record, "")


@dataclass(frozen=True)
class Imported(Table):
    """The file of another program that a model was read from, as it was trained there.

    program: by its name; sha256: of the file; peft_sp: the version that read it.
    """

    program: str = required(fields.text)
    file: str = required(fields.text)
    sha256: str = required(fields.sha256)
    peft_sp: str = optional(fields.text, "")


@dataclass(frozen=True)
class Exported(Table):
    """How `model.onnx` was made from the trained network or networks.

    largest_emission_difference: between the two on made-up windows; check: the comparison on
    labelled proteins as plain data, None where there was none; the rest are versions.
    """

    networks: int = required(fields.integer(1))
    precision: str = required(fields.text)
    largest_emission_difference: float | None = optional(fields.number(0, 1e300))
    check: Mapping[str, Any] | None = optional(fields.plain_table, always_written=True)
    opset: int | None = optional(fields.integer(1))
    peft_sp: str = optional(fields.text, "")
    torch: str = optional(fields.text, "")
    onnx: str = optional(fields.text, "")
    onnxruntime: str = optional(fields.text, "")


@dataclass(frozen=True)
class ModelConfig(Table):
    """The settings file of a model; empty where it does not say.

    settings: how the network is put together, as plain data that `network.settings` checks, None
    for an ensemble; members: directories of an ensemble's networks, inside its own; batch_size:
    windows a batch that suit an exported network; residues, window: the alphabet in the order of
    its codes and the residues that are read, the same for all models of a grammar version;
    citation: who wants to be cited.
    """

    name: str = optional(fields.text, "")
    description: str = optional(fields.text, "")
    licence: str = optional(fields.text, "")
    metrics: Metrics = optional(Metrics.of, Metrics())
    parameters: Parameters | None = optional(Parameters.of)
    calibration: Calibration | None = optional(Calibration.of)
    made: Made = optional(Made.of, Made())
    members: tuple[str, ...] = optional(_members, ())
    backbone: Backbone | None = optional(Backbone.of)
    settings: Mapping[str, Any] | None = optional(fields.plain_table)
    residues: str | None = optional(fields.exactly(RESIDUES))
    window: int | None = optional(fields.exactly(WINDOW))
    batch_size: int | None = optional(fields.integer(1))
    imported: Imported | None = optional(Imported.of)
    exported: Exported | None = optional(Exported.of)
    origin: str = optional(fields.text, "")
    citation: tuple[str, ...] = optional(fields.one_or_listed(fields.text), ())

    @property
    def temperature(self) -> float:
        """By which log probabilities of types are divided; 1 where the model is uncalibrated."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    @property
    def accuracy(self) -> Accuracy | None:
        """The most trustworthy figures: cross-validated, else of a test or validation partition."""
        metrics, partitions = self.metrics, self.made.partitions
        if (validated := metrics.cross_validation) is not None and validated.pooled is not None:
            how = f"cross-validation ({validated.protocol})" if validated.protocol else ""
            return Accuracy(how or "cross-validation", True, validated.pooled)
        for name in ("test", "validation"):
            if (figures := getattr(metrics, name)) is not None:
                number = getattr(partitions, name)
                how = f"{name} partition" + ("" if number is None else f" {number}")
                return Accuracy(how, False, figures)
        return None

    @staticmethod
    def read(directory: Path) -> ModelConfig:
        """The settings of the model in a directory.

        Raises ModelError where there are none, for another format or grammar, and for content
        that no settings can have.
        """
        file = directory / CONFIG
        try:
            return _checked(read_json(file), file)
        except FieldError as error:
            raise ModelError(f"{file}: {error}") from None
        except JsonError as error:
            raise ModelError(f"{file}: not a model's settings ({error})") from None
        except OSError as error:
            raise ModelError(f"{file}: not a model's settings ({error.strerror})") from None

    def with_backbone_named(self, name: str) -> ModelConfig:
        """The settings with another name of the backbone wherever they name it, if there is one."""

        def named(options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
            if options is None or not isinstance(options.get("backbone"), str):
                return options
            return {**options, "backbone": name}

        return replace(
            self,
            backbone=self.backbone and replace(self.backbone, name=name),
            settings=named(self.settings),
            made=replace(self.made, recipe=named(self.made.recipe)),
        )

    def text(self, directory: Path) -> str:
        """What the settings file of a directory holds.

        Raises ModelError for content that could not be read again.
        """
        content = {"format": FORMAT, "grammar": GRAMMAR_VERSION, **self.to_json()}
        try:
            _checked(json.loads(json.dumps(content, allow_nan=False)), directory / CONFIG)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{directory / CONFIG}: cannot be written ({error})") from None
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, directory: Path) -> None:
        """Write the settings of the model in a directory. Raises as `text`, and OutputError."""
        write_text(directory / CONFIG, self.text(directory))


def _checked(content: Any, file: Path) -> ModelConfig:
    """The settings in a document. Raises ModelError (version), FieldError and JsonError."""
    if not isinstance(content, dict):
        raise JsonError("not a table")
    rest = dict(content)
    versions = [rest.pop(key, None) for key in ("format", "grammar")]
    for key, version in zip(("format", "grammar"), versions, strict=True):
        if type(version) is not int:
            raise JsonError(f"{key} must be an integer" if version else f"{key} is missing")
    if versions[1] != GRAMMAR_VERSION or not 1 <= versions[0] <= FORMAT:
        raise ModelError(
            f"{file}: model format {versions[0]} with grammar {versions[1]}; this version reads "
            f"formats 1 to {FORMAT} with grammar {GRAMMAR_VERSION}; use the version that made it"
        )
    config = ModelConfig.of(rest, "")
    if versions[0] == 1 and config.made.recipe is not None:
        recipe = with_current_names(config.made.recipe)
        config = replace(config, made=replace(config.made, recipe=recipe))
    return config
