"""A trained model made into one that predicts without torch: an exported directory or file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from peft_sp.errors import ModelError, OutputError
from peft_sp.inference.backends import Backend, EnsembleBackend, OnnxBackend, TorchBackend
from peft_sp.io.atomic import publish, staging, write_text
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry import lookup
from peft_sp.io.registry.checksums import ONNX
from peft_sp.io.registry.graph_check import OPSET
from peft_sp.io.registry.model_config import Exported, ModelConfig
from peft_sp.io.results.directories import refuse_other_encodings, refuse_unwritable
from peft_sp.network.backbone import Backbones
from peft_sp.network.checkpoint import HEAD, load_checkpoint
from peft_sp.network.model import SignalPeptideModel
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.onnx.storage import Precision
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.evaluation.model_card import (
    beside,
    licence_text,
    use_text,
    with_section,
)
from peft_sp.training.fitting.history import CURVES, HISTORY
from peft_sp.training.fitting.progress import Progress, Watched
from peft_sp.version import __version__
from peft_sp.wording import NOT_STATED

MCC2_LIMIT = 0.002
"""Largest change of a mean MCC2 that an exported model may show."""
SITES_LIMIT = 0.005
"""Largest fraction of predicted cleavage sites that may change."""
BACKBONE_BATCH_SIZE = 16
"""Windows a batch of an exported backbone: few enough that a layer's output stays in the cache."""


@dataclass(frozen=True)
class Check:
    """An exported model beside its original, on the same labelled proteins.

    types_changed, sites_changed: proteins with another predicted type, another cleavage site
    (one that came or went included); sites: proteins with a site by either. mean_mcc2 and
    big_classes_mcc2: of the exported model, and what they changed by.
    """

    proteins: int
    types_changed: int
    sites: int
    sites_changed: int
    mean_mcc2: float
    mean_mcc2_change: float
    big_classes_mcc2: float
    big_classes_mcc2_change: float
    largest_probability_change: float

    @property
    def fraction_changed(self) -> float:
        """Of the predicted cleavage sites, those that changed."""
        return self.sites_changed / max(self.sites, 1)

    @property
    def holds(self) -> bool:
        """Whether the exported model is as good as its original, within the limits."""
        changes = (self.mean_mcc2_change, self.big_classes_mcc2_change)
        # A class that the data do not hold has no MCC.
        worst = max((abs(x) for x in changes if not np.isnan(x)), default=0.0)
        return worst <= MCC2_LIMIT and self.fraction_changed <= SITES_LIMIT

    def __str__(self) -> str:
        """One line: what changed."""
        return (
            f"{self.sites_changed} of {self.sites:,} cleavage sites ({self.fraction_changed:.2%}) "
            f"and {self.types_changed} of {self.proteins:,} types changed; mean MCC2 "
            f"{self.mean_mcc2:.4f} ({self.mean_mcc2_change:+.4f})"
        )


@dataclass(frozen=True)
class ExportedModel:
    """What was written: path, bytes, the largest difference of an emission, and the check."""

    path: Path
    size: int
    difference: float
    check: Check | None


def export(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    precision: Precision = "float32",
    backbone: str | None = None,
    labelled: Sequence[LabelledProtein] | None = None,
    licence: str | None = None,
    progress: Progress | None = None,
) -> ExportedModel:
    """Write a trained model without its need of torch and backbone.

    output: a directory that does not exist or is empty, which `predict` then takes, or a file
    called `*.onnx`, the network alone. backbone: see `load_checkpoint`. labelled: proteins on
    which the result is compared with its original. licence: of the result, by default made up
    from that of the model and the name of the backbone, whose weights are inside. progress: gets
    reports of the comparison.

    Raises ModelError for a model that cannot be exported and for a result beyond `MCC2_LIMIT`
    or `SITES_LIMIT`, OutputError for an output that cannot be written; nothing is left then.
    """
    check_start(output)
    target = Path(output)
    alone = target.suffix == ".onnx"
    directory = lookup.locate(model)
    config = ModelConfig.read(directory)
    if backbone is not None and config.backbone is None:
        raise ModelError(f"model '{model}' has no backbone; leave out --backbone")
    with staging(target, "choose another with -o") as folder:
        backbones = Backbones(dequantized=True)  # products in 4 bits are in no graph
        sources = [member for member, _ in lookup.member_configs(directory, config)] or [directory]
        originals = [_load(source, backbone, backbones) for source in sources]
        difference = export_onnx(originals, folder / ONNX, precision)
        # A student has the default size of `OnnxBackend`, which is larger.
        on_backbones = any(original.backbone_hash is not None for original in originals)
        size = BACKBONE_BATCH_SIZE if on_backbones else None
        check = None
        if labelled is not None:
            together = [TorchBackend(original) for original in originals]
            before = together[0] if len(together) == 1 else EnsembleBackend(together)
            after = OnnxBackend(folder / ONNX, None, size)
            ((_, check),) = compare(before, {"": after}, labelled, progress)
        if check is not None and not check.holds:
            raise ModelError(
                f"{model}: not exported, for in {precision} {check}; allowed are {MCC2_LIMIT} of "
                f"a mean MCC2 and {SITES_LIMIT:.1%} of sites; choose another --precision"
            )
        if alone:
            publish(folder / ONNX, target)
            return ExportedModel(target, target.stat().st_size, difference, check)
        result = _Result(precision, difference, licence, size, check)
        _describe(directory, config, folder, target, result)
        weight = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        publish(folder, target)
    return ExportedModel(target, weight, difference, check)


def _load(directory: Path, backbone: str | None, backbones: Backbones) -> SignalPeptideModel:
    if not (directory / HEAD).exists() and (directory / ONNX).exists():
        raise ModelError(
            f"{directory}: is exported already; 'peft-sp predict --model' takes it as it is"
        )
    return load_checkpoint(directory, backbone, backbones)


def compare(
    original: Backend,
    exported: Mapping[str, Backend],
    proteins: Sequence[LabelledProtein],
    progress: Progress | None = None,
) -> Iterator[tuple[str, Check]]:
    """A check of each exported network against one original, as they are finished."""

    def predicted(backend: Backend) -> Outcomes:
        watched = Watched(backend, len(proteins), progress, backend.concurrency)
        return Outcomes.predicted(watched, proteins)

    before = predicted(original)
    exact = score(before, 0)
    for name, backend in exported.items():
        after = predicted(backend)
        scores = score(after, 0)
        change = np.abs(after.probabilities - before.probabilities)
        yield (
            name,
            Check(
                proteins=len(proteins),
                types_changed=int((after.type != before.type).sum()),
                sites=int(((after.site > 0) | (before.site > 0)).sum()),
                sites_changed=int((after.site != before.site).sum()),
                mean_mcc2=scores.mean_mcc2,
                mean_mcc2_change=scores.mean_mcc2 - exact.mean_mcc2,
                big_classes_mcc2=scores.big_classes_mcc2,
                big_classes_mcc2_change=scores.big_classes_mcc2 - exact.big_classes_mcc2,
                largest_probability_change=float(change.max(initial=0.0)),
            ),
        )


@dataclass(frozen=True)
class _Result:
    """What was done to a model: written into its settings and its card."""

    precision: Precision
    difference: float
    licence: str | None
    batch_size: int | None = None
    check: Check | None = None


def _describe(
    source: Path, config: ModelConfig, directory: Path, target: Path, result: _Result
) -> None:
    """Write `config.json` and the card of an exported model: its original's, and more.

    directory: where they are written; target: what it will be called.
    """
    figures = None
    if result.check is not None:
        figures = {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(result.check).items()
            if not np.isnan(value)
        }
    exported = Exported(
        networks=max(len(config.members), 1),
        precision=result.precision,
        largest_emission_difference=float(f"{result.difference:.2g}"),
        check=figures,
        opset=OPSET,
        peft_sp=__version__,
        torch=version("torch"),
        onnx=version("onnx"),
        onnxruntime=version("onnxruntime"),
    )
    written = replace(
        _without_backbone_path(config),
        licence=result.licence or inherited_licence(config),
        batch_size=result.batch_size or config.batch_size,
        members=(),
        exported=exported,
    )
    card = source / "README.md"
    text = card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {source.name}"
    for title, body in (
        ("Use", use_text(beside(target), None)),
        ("Licence", licence_text(written.licence, written.made.data_sha256)),
        ("Exported", _section(written, exported.networks, result)),
    ):
        text = with_section(text, title, body)
    write_text(directory / "README.md", text)
    # What the card shows and names.
    for folder in ("", *config.members):
        for name in (CURVES, HISTORY):
            if (source / folder / name).is_file():
                (directory / folder).mkdir(exist_ok=True)
                shutil.copyfile(source / folder / name, directory / folder / name)
    written.write(directory)


def _without_backbone_path(config: ModelConfig) -> ModelConfig:
    """Call the backbone by its name alone: an exported model may go to other machines."""
    if config.backbone is None:
        return config
    return config.with_backbone_named(_name_of(config.backbone.name))


def _name_of(backbone: str) -> str:
    """A backbone's name or hub id; of a directory the last part."""
    return Path(backbone).name if Path(backbone).is_absolute() else backbone


def _section(config: ModelConfig, networks: int, result: _Result) -> str:
    """The text of a card on the export."""
    where = "`model.onnx` holds the whole network"
    if networks > 1:
        where = f"`model.onnx` holds all {networks} networks and gives their mean"
    parts = [f"{where}, weights in {result.precision}; without torch, that is enough to predict."]
    if config.backbone is not None:
        name, checksum = Path(config.backbone.name).name, config.backbone.sha256
        parts.append(f"The backbone {name} (SHA-256 {checksum[:16]}...) is inside.")
    parts.append(f"On made-up windows its emissions differ by at most {result.difference:.1e}.")
    if result.check is not None:
        parts.append(f"Beside its original on labelled proteins: {result.check}.")
    return " ".join(parts)


def inherited_licence(config: ModelConfig) -> str:
    """The licence of an exported model: its own and, of weights that are inside, theirs."""
    if config.backbone is None:
        return config.licence
    name = Path(config.backbone.name).name
    own = config.licence or NOT_STATED
    return f"{own}, and that of the backbone {name}, whose weights are inside"


def check_start(output: str | os.PathLike[str]) -> None:
    """Raise OutputError where the result cannot be written, or would replace something."""
    target = Path(output)
    alone = target.suffix == ".onnx"
    refuse_other_encodings(target)
    if alone and target.is_dir():
        raise OutputError(f"{target} is a directory; a file is called *.onnx")
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} exists already; give another with -o or remove it")
    refuse_unwritable(target.parent if alone else target)
