"""A trained model made into one that predicts without torch: an exported directory or file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from peft_sp.errors import ModelError, OutputError
from peft_sp.inference.backends import Backend, EnsembleBackend, OnnxBackend, TorchBackend
from peft_sp.io.atomic import publish, staging, write_text
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry import lookup
from peft_sp.network.backbone import Backbones
from peft_sp.network.checkpoint import HEAD, load_checkpoint
from peft_sp.network.model import SignalPeptideModel
from peft_sp.network.onnx.graph import OPSET, export_onnx
from peft_sp.network.onnx.storage import Precision
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.version import __version__

MCC2_LIMIT = 0.002
"""Largest change of a mean MCC2 that an exported model may show."""
SITES_LIMIT = 0.005
"""Largest share of predicted cleavage sites that may change."""
BATCH_SIZE = 16
"""Windows a batch for a backbone: few enough that what a layer computes stays in the cache."""


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
    def share_changed(self) -> float:
        """Of the predicted cleavage sites, those that changed."""
        return self.sites_changed / max(self.sites, 1)

    @property
    def holds(self) -> bool:
        """Whether the exported model is as good as its original, within the limits."""
        changes = (self.mean_mcc2_change, self.big_classes_mcc2_change)
        # A class that the data do not hold has no MCC.
        worst = max((abs(x) for x in changes if not np.isnan(x)), default=0.0)
        return worst <= MCC2_LIMIT and self.share_changed <= SITES_LIMIT

    def __str__(self) -> str:
        """One line: what changed."""
        return (
            f"{self.sites_changed} of {self.sites:,} cleavage sites ({self.share_changed:.2%}) "
            f"and {self.types_changed} of {self.proteins:,} types changed; mean MCC2 "
            f"{self.mean_mcc2:.4f} ({self.mean_mcc2_change:+.4f})"
        )


@dataclass(frozen=True)
class Exported:
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
) -> Exported:
    """Write a trained model without its need of torch and backbone.

    output: a directory that does not exist or is empty, which `predict` then takes, or a file
    called `*.onnx`, the network alone. backbone: see `load_checkpoint`. labelled: proteins on
    which the result is compared with its original. licence: of the result, by default made up
    from that of the model and the name of the backbone, whose weights are inside.

    Raises ModelError for a model that cannot be exported and for a result beyond `MCC2_LIMIT`
    or `SITES_LIMIT`, OutputError for an output that cannot be written; nothing is left then.
    """
    directory, target = lookup.locate(model), Path(output)
    config = lookup.read_config(directory)
    names = lookup.members(config)
    alone = target.suffix == ".onnx"
    if backbone is not None and "backbone" not in config:
        raise ModelError(f"model '{model}' has no backbone; leave out --backbone")
    _refuse_existing(target, alone)
    with staging(target, "choose another with -o") as folder:
        backbones = Backbones()
        sources = [lookup.locate(directory / name) for name in names or ["."]]
        originals = [_load(source, backbone, backbones) for source in sources]
        difference = export_onnx(originals, folder / lookup.ONNX, precision)
        # A student's usual size is the larger one of `OnnxBackend`.
        on_backbones = any(original.backbone_hash is not None for original in originals)
        size = BATCH_SIZE if on_backbones else None
        check = None
        if labelled is not None:
            together = [TorchBackend(original) for original in originals]
            before = together[0] if len(together) == 1 else EnsembleBackend(together)
            after = OnnxBackend(folder / lookup.ONNX, None, size)
            ((_, check),) = compare(before, {"": after}, labelled)
        if check is not None and not check.holds:
            raise ModelError(
                f"{model}: not exported, for in {precision} {check}; allowed are {MCC2_LIMIT} of "
                f"a mean MCC2 and {SITES_LIMIT:.1%} of sites; choose another --precision"
            )
        if alone:
            publish(folder / lookup.ONNX, target)
            return Exported(target, target.stat().st_size, difference, check)
        _describe(directory, folder, _Made(precision, difference, licence, size, check))
        weight = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        publish(folder, target)
    return Exported(target, weight, difference, check)


def _load(directory: Path, backbone: str | None, backbones: Backbones) -> SignalPeptideModel:
    if not (directory / HEAD).exists() and (directory / lookup.ONNX).exists():
        raise ModelError(
            f"{directory}: is exported already; 'peft-sp predict --model' takes it as it is"
        )
    return load_checkpoint(directory, backbone, backbones)


def compare(
    original: Backend, exported: Mapping[str, Backend], proteins: Sequence[LabelledProtein]
) -> Iterator[tuple[str, Check]]:
    """A check of each exported network against one original, as they are finished."""
    before = Outcomes.predicted(original, proteins)
    exact = score(before, 0)
    for name, backend in exported.items():
        after = Outcomes.predicted(backend, proteins)
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
                big_classes_mcc2=scores.big_mcc2,
                big_classes_mcc2_change=scores.big_mcc2 - exact.big_mcc2,
                largest_probability_change=float(change.max(initial=0.0)),
            ),
        )


@dataclass(frozen=True)
class _Made:
    """What was done to a model: said by its settings and its card."""

    precision: Precision
    difference: float
    licence: str | None
    size: int | None = None
    check: Check | None = None


def _describe(source: Path, place: Path, made: _Made) -> None:
    """Write `config.json` and the card of an exported model: its original's, and more."""
    config = lookup.read_config(source)
    config["licence"] = made.licence or inherited_licence(config)
    if made.size is not None:
        config["batch_size"] = made.size
    figures = None
    if made.check is not None:
        figures = {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(made.check).items()
            if not np.isnan(value)
        }
    config["exported"] = {
        "networks": len(config.pop("members", ["."])),
        "precision": made.precision,
        "largest_emission_difference": float(f"{made.difference:.2g}"),
        "check": figures,
        "opset": OPSET,
        "peft_sp": __version__,
        **{name: version(name) for name in ("torch", "onnx", "onnxruntime")},
    }
    _forget_places(config)
    card = source / "README.md"
    text = card.read_text(encoding="utf-8").rstrip() if card.is_file() else f"# {source.name}"
    write_text(place / "README.md", f"{text}\n\n## Exported\n\n{_section(config, made)}\n")
    lookup.write_config(place, config)


def _forget_places(config: dict[str, Any]) -> None:
    """Call the backbone by its name alone: an exported model may go to other machines."""
    made = config.get("made", {})
    for group, key in (
        (config.get("backbone"), "name"),
        (config.get("settings"), "backbone"),
        (made.get("recipe"), "backbone"),
    ):
        if group and group.get(key):
            group[key] = Path(group[key]).name if Path(group[key]).is_absolute() else group[key]


def _section(config: dict[str, Any], made: _Made) -> str:
    """What a card says of the export."""
    networks = config["exported"]["networks"]
    where = "`model.onnx` holds the whole network"
    if networks > 1:
        where = f"`model.onnx` holds all {networks} networks and gives their mean"
    parts = [
        f"{where}, weights in {made.precision}; without torch, that is enough to predict. Licence: "
        f"{config['licence']}."
    ]
    if "backbone" in config:
        name, found = Path(config["backbone"]["name"]).name, config["backbone"]["sha256"]
        parts.append(f"The backbone {name} (SHA-256 {found[:16]}...) is inside.")
    parts.append(f"On made-up windows its emissions differ by at most {made.difference:.1e}.")
    if made.check is not None:
        parts.append(f"Beside its original on labelled proteins: {made.check}.")
    return " ".join(parts)


def inherited_licence(config: dict[str, Any]) -> str:
    """The licence of an exported model: its own and, of weights that are inside, theirs."""
    own = str(config.get("licence", "not stated"))
    if "backbone" not in config:
        return own
    name = Path(config["backbone"]["name"]).name
    return f"{own}, and that of the backbone {name}, whose weights are inside"


def _refuse_existing(target: Path, alone: bool) -> None:
    if alone and target.is_dir():
        raise OutputError(f"{target} is a directory; a file is called *.onnx")
    if not alone and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} exists already; give another with -o or remove it")
