"""Cross-validation over the three homology partitions, resumable, and its report.

The deployed protocol: for each test partition one model learns from the other two, with
settings that were fixed before. Three models, and each protein is predicted once, by a model
that never saw it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft_sp.biology.grammar import TYPES
from peft_sp.errors import OutputError
from peft_sp.inference.predictor import load
from peft_sp.io.labelled import PARTITIONS, LabelledProtein, data_hash, partition, read_labelled
from peft_sp.io.models import CONFIG, read_config
from peft_sp.io.output import write_bytes, write_text
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.training.card import as_text, cross_validated, figures
from peft_sp.training.metrics import Outcomes, Scores, score
from peft_sp.training.recipe import Partitions, Recipe
from peft_sp.training.runs import run
from peft_sp.training.trainer import Progress

PROTOCOL = "deployed"
OUT_OF_FOLD = "oof.tsv.gz"
FIGURES = "metrics.json"
REPORT = "report.md"
RESAMPLES = 1000


@dataclass(frozen=True)
class Fold:
    """One model of a cross-validation."""

    name: str
    partitions: Partitions


@dataclass(frozen=True)
class CrossValidation:
    """Pooled scores: over all folds' predictions in one table; restricted: with eukaryotes
    given NO_SP and SP alone, as `--organism eukarya` does; per_fold in the order of `folds`.
    """

    pooled: Scores
    restricted: Scores
    per_fold: tuple[Scores, ...]


def folds() -> list[Fold]:
    """The models that the protocol trains."""
    return [
        Fold(f"test-{t}", Partitions(train=tuple(p for p in PARTITIONS if p != t), test=t))
        for t in PARTITIONS
    ]


def crossvalidate(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    progress: Callable[[str], Progress] | None = None,
) -> CrossValidation:
    """Train and test the protocol's models, then write predictions, figures and a report.

    Each fold is a model directory; those that are whole are not trained again, so that a run
    that was stopped goes on. progress: gives a fold's name, gets its log. Raises what
    `runs.run` raises, and OutputError for a fold of another recipe.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise OutputError("crossval runs in one process; give torchrun the folds with 'train'")
    place = Path(directory)
    proteins, digest = read_labelled(recipe.data), data_hash(recipe.data)
    outcomes, restricted, rows = [], [], []
    for fold in folds():
        settings = recipe.model_copy(update={"partitions": fold.partitions})
        model = place / fold.name
        if (model / CONFIG).exists():
            _check(model, settings, digest)
        else:
            run(settings, model, progress(fold.name) if progress else None)
        assert fold.partitions.test is not None
        tested = partition(proteins, [fold.partitions.test])
        backend = load(model, backbone=recipe.backbone).backend
        found = Outcomes.predicted(backend, tested)
        outcomes.append(found)
        restricted.append(Outcomes.predicted(backend, tested, restrict=True))
        rows += _rows(tested, found)
    result = CrossValidation(
        score(Outcomes.concatenate(outcomes), RESAMPLES),
        score(Outcomes.concatenate(restricted), RESAMPLES),
        tuple(score(found, RESAMPLES) for found in outcomes),
    )
    _write(place, recipe, result, rows)
    return result


def read_figures(directory: str | os.PathLike[str], recipe: Recipe) -> dict[str, Any]:
    """The figures of a finished cross-validation of a recipe, for the card of its model.

    Raises OutputError where there are none, or they are of other settings, data or backbone.
    """
    file = Path(directory, FIGURES)
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        made, sources = found["recipe"], found["sources"]
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{file}: no figures of a cross-validation ({error})") from None
    wanted = recipe.model_dump(mode="json")
    if _identity(made) != _identity(wanted) or sources != _sources(recipe):
        raise OutputError(f"{file}: was made with other settings or data than '{recipe.name}' has")
    return found


def _identity(values: dict[str, Any]) -> dict[str, Any]:
    """The settings that must be equal of two runs of a recipe on different partitions."""
    apart = ("partitions", "data", "description", "backbone")
    return {key: value for key, value in values.items() if key not in apart}


def _sources(recipe: Recipe) -> dict[str, str | None]:
    """What the settings only name: hashes of the labelled data and of the backbone's weights."""
    backbone = None
    if recipe.backbone is not None:
        backbone = weights_hash(load_encoder(recipe.backbone))
    return {"data_sha256": data_hash(recipe.data), "backbone_sha256": backbone}


def _check(model: Path, settings: Recipe, digest: str) -> None:
    made = read_config(model)["made"]
    wanted = settings.model_dump(mode="json")
    same = _identity(made["recipe"]) == _identity(wanted)
    if not same or (made["partitions"], made["data_sha256"]) != (wanted["partitions"], digest):
        raise OutputError(f"{model} holds a model of another recipe; give another directory")


def _rows(proteins: Sequence[LabelledProtein], found: Outcomes) -> list[str]:
    return [
        "\t".join(
            (
                protein.accession,
                str(protein.partition),
                *(f"{share:.6f}" for share in shares),
                TYPES[kind],
                str(site or ""),
            )
        )
        for protein, shares, kind, site in zip(
            proteins,
            found.probabilities.tolist(),
            found.type.tolist(),
            found.site.tolist(),
            strict=True,
        )
    ]


def _write(place: Path, recipe: Recipe, result: CrossValidation, rows: list[str]) -> None:
    head = ("accession", "partition", *(f"p_{t.lower()}" for t in TYPES), "type", "cleavage_site")
    text = "\n".join(["\t".join(head), *rows]) + "\n"
    # Without a time stamp, so that the same predictions give the same file.
    write_bytes(place / OUT_OF_FOLD, gzip.compress(text.encode(), mtime=0))
    content = {
        "protocol": PROTOCOL,
        "recipe": recipe.model_dump(mode="json", exclude={"data", "backbone", "partitions"}),
        "sources": _sources(recipe),
        "pooled": figures(result.pooled),
        "restricted": figures(result.restricted),
        "folds": {
            fold.name: figures(scores)
            for fold, scores in zip(folds(), result.per_fold, strict=True)
        },
    }
    write_text(place / FIGURES, json.dumps(content, indent=1) + "\n")
    write_text(place / REPORT, report(content))


def report(content: dict[str, Any]) -> str:
    """The figures of a cross-validation as Markdown."""
    models = content["folds"]
    lines = [
        f"# Cross-validation of {content['recipe']['name']}",
        "",
        content["recipe"]["description"],
        "",
        f"{len(models)} models; no window is learned from and tested on. Intervals: bootstrap "
        f"over proteins, {RESAMPLES:,} resamples.",
        "",
        "## Pooled out-of-fold predictions",
        "",
        cross_validated(content),
        "",
        "## Fold by fold",
        "",
        "| fold | proteins | classes | their mean MCC2 | five big classes | multi-class MCC |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, fold in models.items():
        shown = ("mean_mcc2", "big_classes_mcc2", "multiclass_mcc")
        cells = [f"{fold['proteins']:,}", str(len(fold["classes"]))]
        lines.append(" | ".join(["| " + name, *cells, *(as_text(fold[x]) for x in shown)]) + " |")
    lines.append("")
    return "\n".join(lines)
