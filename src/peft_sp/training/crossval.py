"""Cross-validation over the three homology partitions, resumable, and its report.

- deployed: for each test partition one model learns from the other two, with settings that
  were fixed before: three models, and each protein predicted once by a model that never saw it.
- published: for each ordered pair of test and validation partition one model learns from the
  partition that is left, its epoch chosen on the validation one: six models.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

from peft_sp.biology.grammar import TYPES
from peft_sp.errors import OutputError
from peft_sp.inference.predictor import load
from peft_sp.io.labelled import PARTITIONS, LabelledProtein, partition, read_labelled
from peft_sp.io.models import CONFIG, read_config
from peft_sp.training.card import cross_validated, figures
from peft_sp.training.metrics import Outcomes, Scores, score
from peft_sp.training.recipe import Partitions, Recipe
from peft_sp.training.runs import run
from peft_sp.training.trainer import Progress

Protocol = Literal["deployed", "published"]
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


def folds(protocol: Protocol) -> list[Fold]:
    """The models that a protocol trains."""
    if protocol == "deployed":
        return [
            Fold(f"test-{t}", Partitions(train=tuple(p for p in PARTITIONS if p != t), test=t))
            for t in PARTITIONS
        ]
    return [
        Fold(f"test-{t}-validation-{v}", Partitions(train=(left,), validation=v, test=t))
        for t, v, left in permutations(PARTITIONS)
    ]


def crossvalidate(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    protocol: Protocol = "deployed",
    progress: Callable[[str], Progress] | None = None,
) -> CrossValidation:
    """Train and test a protocol's models, then write predictions, figures and a report.

    Each fold is a model directory; those that are whole are not trained again, so that a run
    that was stopped goes on. progress: gives a fold's name, gets its log. Raises what
    `runs.run` raises, and OutputError for a fold of another recipe.
    """
    place = Path(directory)
    proteins = read_labelled(recipe.data)
    outcomes, restricted, rows = [], [], []
    for fold in folds(protocol):
        settings = recipe.model_copy(update={"partitions": fold.partitions})
        model = place / fold.name
        if (model / CONFIG).exists():
            _check(model, settings)
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
    _write(place, recipe, protocol, result, rows)
    return result


def read_figures(directory: str | os.PathLike[str], recipe: Recipe) -> dict[str, Any]:
    """The figures of a finished cross-validation of a recipe, for the card of its model.

    Raises OutputError where there are none, or they belong to another recipe.
    """
    file = Path(directory, FIGURES)
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        made = found["recipe"]
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{file}: no figures of a cross-validation ({error})") from None
    if _identity(made) != _identity(recipe.model_dump(mode="json")):
        raise OutputError(f"{file}: was made with other settings than '{recipe.name}' has")
    return found


def _identity(values: dict[str, Any]) -> dict[str, Any]:
    """What must be equal of two runs of a recipe on different partitions."""
    apart = ("partitions", "data", "description", "backbone")
    return {key: value for key, value in values.items() if key not in apart}


def _check(model: Path, settings: Recipe) -> None:
    made = read_config(model).get("made", {}).get("recipe", {})
    wanted = settings.model_dump(mode="json")
    if _identity(made) != _identity(wanted) or made["partitions"] != wanted["partitions"]:
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


def _write(
    place: Path, recipe: Recipe, protocol: Protocol, result: CrossValidation, rows: list[str]
) -> None:
    head = ("accession", "partition", *(f"p_{t.lower()}" for t in TYPES), "type", "cleavage_site")
    text = "\n".join(["\t".join(head), *rows]) + "\n"
    # Without a time stamp, so that the same predictions give the same file.
    (place / OUT_OF_FOLD).write_bytes(gzip.compress(text.encode(), mtime=0))
    content = {
        "protocol": protocol,
        "recipe": recipe.model_dump(mode="json", exclude={"data", "backbone"}),
        "pooled": figures(result.pooled),
        "restricted": figures(result.restricted),
        "folds": {
            fold.name: figures(scores)
            for fold, scores in zip(folds(protocol), result.per_fold, strict=True)
        },
    }
    (place / FIGURES).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (place / REPORT).write_text(report(content), encoding="utf-8")


def report(content: dict[str, Any]) -> str:
    """The figures of a cross-validation as Markdown."""
    models = content["folds"]
    lines = [
        f"# Cross-validation of {content['recipe']['name']}",
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
        "| fold | proteins | mean MCC2 | five big classes | multi-class MCC |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, fold in models.items():
        lines.append(
            f"| {name} | {fold['proteins']:,} | {fold['mean_mcc2']:.3f} "
            f"| {fold['big_classes_mcc2']:.3f} | {fold['multiclass_mcc']:.3f} |"
        )
    mean = sum(fold["mean_mcc2"] for fold in models.values()) / len(models)
    lines += ["", f"Mean of the folds' mean MCC2: {mean:.3f}.", ""]
    return "\n".join(lines)
