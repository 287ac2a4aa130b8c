"""Cross-validation over the three homology partitions, resumable, in two protocols.

deployed: for each test partition one model learns from the other two, with settings that were
fixed before. Three models, and each protein is predicted once, by a model that never saw it.
published: for each ordered pair of a test and a validation partition one model learns from the
one that is left, its epoch chosen by the validation partition. Six models, each protein
predicted twice, and figures are means over the models.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft_sp.errors import MissingExtraError, OptionError, OutputError
from peft_sp.inference.hardware.processors import limit_torch
from peft_sp.inference.loading import load
from peft_sp.io.atomic import write_bytes, write_text
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import Figures, summary
from peft_sp.io.registry.lookup import CONFIG
from peft_sp.io.registry.model_config import Calibration, ModelConfig, Parameters
from peft_sp.io.results.directories import refuse_foreign_directory, refuse_foreign_file
from peft_sp.training.evaluation.calibration import Reliability, reliability
from peft_sp.training.evaluation.evaluate import (
    RESAMPLES,
    Evaluation,
    evaluate,
    read_evaluation,
    write_evaluation,
)
from peft_sp.training.evaluation.figures import draw
from peft_sp.training.evaluation.metrics import Outcomes, Scores, score
from peft_sp.training.evaluation.out_of_fold import (
    COLUMNS,
    Calibrated,
    probability_figures,
    table_rows,
)
from peft_sp.training.evaluation.published import is_comparable
from peft_sp.training.evaluation.regions import region_lengths
from peft_sp.training.evaluation.report import HEADING, mean_over_models, report
from peft_sp.training.evaluation.temperatures import fit_calibration, site_probabilities, tempered
from peft_sp.training.fitting.precision import refuse_precision
from peft_sp.training.fitting.processes import decided_by_first, is_first_process, process_count
from peft_sp.training.fitting.progress import Progress
from peft_sp.training.fitting.trackers import MLFLOW, TENSORBOARD, WANDB, check
from peft_sp.training.inputs import TrainingInputs, read_inputs
from peft_sp.training.recipe import NOT_RECORDED, Recipe
from peft_sp.training.runs.cluster import MARK, Workers, run_on_cluster
from peft_sp.training.runs.folds import (
    EVALUATION,
    Fold,
    Protocol,
    folds,
    make_fold,
    of_fold,
    outstanding,
)
from peft_sp.training.runs.parallel import run_in_parallel
from peft_sp.training.runs.run import check_made, comparable_settings

OUT_OF_FOLD = "oof.tsv.gz"
FIGURES = "metrics.json"
REPORT = "report.md"


@dataclass(frozen=True)
class FoldResult:
    """A fold's model and what it says of its test partition.

    calibration: of that model; from_remainder: proteins of no partition that it learned from;
    calibrated: its predictions where its temperatures come from the other folds.
    """

    fold: Fold
    proteins: list[LabelledProtein]
    evaluation: Evaluation
    calibration: Calibration | None
    parameters: Parameters
    from_remainder: int = 0
    calibrated: Calibrated | None = None

    @property
    def tempered(self) -> Outcomes:
        """The outcomes with probabilities at the fold's temperatures."""
        return tempered(self.evaluation.outcomes, self.calibration)


@dataclass(frozen=True)
class CrossValidation:
    """Scores of all folds' predictions in one table, and what `metrics.json` holds.

    directory: with the report, the predictions and a model directory for each fold.
    """

    directory: Path
    pooled: Scores
    content: dict[str, Any]
    pictures: bool

    @property
    def models(self) -> list[Path]:
        """The folds' models, which `peft_sp.load` takes."""
        return [self.directory / name for name in self.content["folds"]]

    def __str__(self) -> str:
        """Where it is, and how good."""
        return f"{self.content['recipe']['name']} in {self.directory}: {summary(self.pooled)}"


def crossvalidate(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    inputs: TrainingInputs | None = None,
    *,
    protocol: Protocol = "deployed",
    progress: Callable[[str], Progress] | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    report_to: Sequence[str] = (),
    parallel: int | None = None,
    threads: int | None = None,
    cluster: str | None = None,
    gpus: float = 0,
    notice: Callable[[str], None] | None = None,
) -> CrossValidation:
    """Train and test the protocol's models, then write predictions, figures, report, pictures.

    Each fold is a model directory; those that are whole are not trained again, so that a run
    that was stopped is resumed. inputs: what the recipe names, read here where not given.
    progress: gives a fold's name, gets its reports. activation_cache, report_to: see `runs.run`.
    parallel: how many networks, of folds and their members, are trained beside each other, each
    in a process of its own on so many threads (by default 1; see `parallel.run_in_parallel`).
    cluster: address of a Ray cluster that trains them instead, as many as it has room for or
    `parallel` says, each with a share of so many GPUs (see `cluster.run_on_cluster`); notice: is
    told what is tried again. Raises what `run` raises, and OutputError for a fold of another
    recipe, OptionError for what cannot be done on a cluster.
    """
    directory = Path(directory)
    check_start(recipe, directory, protocol, elsewhere=cluster is not None)
    beside = cluster is not None or (parallel or 1) > 1
    if beside and process_count() > 1:
        option = "--parallel" if cluster is None else "--cluster"
        raise OutputError(f"give {option} to one process, which starts the others")
    if cluster is not None:
        _refuse_trackers(report_to)
    options: dict[str, Any] = {"activation_cache": activation_cache, "report_to": report_to}
    inputs = inputs or read_inputs(recipe)
    _check_whole(recipe, directory, protocol, inputs)
    while beside and (jobs := outstanding(recipe, directory, protocol, options)):
        if cluster is None:
            run_in_parallel(jobs, parallel or 1, threads or 1, progress)
        else:
            workers = Workers(parallel, threads or 1, gpus)
            run_on_cluster(jobs, directory, cluster, workers, progress, notice=notice)
    if not beside and threads is not None:
        limit_torch(threads)
    for fold in folds(protocol):
        if not (directory / fold.name / CONFIG).exists():
            log = progress(fold.name) if progress and is_first_process() else None
            own = of_fold(recipe, fold)
            make_fold(own, directory / fold.name, inputs=inputs, progress=log, **options)
    _check_whole(recipe, directory, protocol, inputs)
    # The figures of all folds are the affair of one process.
    return decided_by_first(lambda: _concluded(recipe, directory, protocol, inputs))


def _check_whole(
    recipe: Recipe, directory: Path, protocol: Protocol, inputs: TrainingInputs
) -> None:
    """Raise OutputError where a fold that is whole is one of another recipe."""
    for fold in folds(protocol):
        if (directory / fold.name / CONFIG).exists():
            split = inputs.split(fold.partitions)
            check_made(directory / fold.name, of_fold(recipe, fold), split)


def _refuse_trackers(names: Sequence[str]) -> None:
    """Raise OptionError for those that the machines of a cluster do not know."""
    for name in names:
        if name in (WANDB, MLFLOW):
            raise OptionError(
                f"{name} is set up on this machine, and not on those of a cluster, whose runs are "
                f"reported to {TENSORBOARD} or nowhere; leave out --report-to {name}, or --cluster"
            )
    check(names)


def _concluded(
    recipe: Recipe, directory: Path, protocol: Protocol, inputs: TrainingInputs
) -> CrossValidation:
    """What the folds, all of which are there, add up to."""
    results = []
    for fold in folds(protocol):
        model, split = directory / fold.name, inputs.split(fold.partitions)
        if not (model / EVALUATION).exists():
            backend = load(model, backbone=recipe.backbone, temperature=1.0).backend
            write_evaluation(evaluate(backend, split.test), model / EVALUATION)
        config = ModelConfig.read(model)
        assert config.parameters is not None, model
        stored = read_evaluation(model / EVALUATION)
        results.append(
            FoldResult(
                fold,
                split.test,
                stored,
                config.calibration,
                config.parameters,
                split.remainder_count,
            )
        )
    if protocol == "deployed":
        results = _calibrated(results, directory)
    return _conclude(directory, recipe, protocol, inputs, results)


def _calibrated(results: list[FoldResult], place: Path) -> list[FoldResult]:
    """Each fold's temperatures from the other folds' predictions, also in its `config.json`.

    Two thirds of the data trained a fold's model, so that none is left to fit it on; the other
    folds' models were made in the same way and tested on proteins that it is not tested on.
    """
    changed = []
    for result in results:
        others = Evaluation.concatenate([r.evaluation for r in results if r is not result])
        found = Calibrated.by(result.evaluation, others, "the other folds' test partitions")
        config, block = ModelConfig.read(place / result.fold.name), found.calibration
        if config.calibration != block:
            replace(config, calibration=block).write(place / result.fold.name)
        changed.append(replace(result, calibration=block, calibrated=found))
    return changed


def read_figures(
    directory: str | os.PathLike[str], recipe: Recipe, inputs: TrainingInputs
) -> dict[str, Any]:
    """The figures of a finished cross-validation of a recipe, for the card of its model.

    inputs: what the recipe names. Raises OutputError where there are no figures, or they are of
    other settings, data or backbone.
    """
    file = Path(directory, FIGURES)
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        made, found_sources = found["recipe"], found["sources"]
        for key in {"pooled", "restricted"} & set(found):
            Figures.of(found[key], key)  # refuses what no figures can be
        Calibration.of(found["calibration"]["pooled"], "calibration.pooled")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{file}: no figures of a cross-validation ({error})") from None
    wanted = recipe.model_dump(mode="json")
    if comparable_settings(made) != comparable_settings(wanted) or found_sources != inputs.hashes:
        raise OutputError(f"{file}: was made with other settings or data than '{recipe.name}' has")
    return found


def check_start(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    protocol: Protocol,
    *,
    elsewhere: bool = False,
) -> None:
    """What can keep a cross-validation from starting, as far as it is known before all else.

    elsewhere: it is trained on other machines than this one. Raises OutputError for a directory
    that cannot be written, that holds something else, or whose figures are of the other protocol,
    RecipeError for numbers that the device does not have.
    """
    place = Path(directory)
    if not elsewhere:
        refuse_precision(recipe.name, "optimisation.precision", recipe.optimisation.precision)
    names = (fold.name for known in ("deployed", "published") for fold in folds(known))
    refuse_foreign_directory(place, *names, FIGURES, f"{MARK}*")
    refuse_foreign_file(place / FIGURES, '{\n "protocol": ')
    refuse_foreign_file(place / REPORT, HEADING)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found = json.loads((place / FIGURES).read_text(encoding="utf-8")).get("protocol")
        if found != protocol:
            raise OutputError(
                f"{place} holds a cross-validation of protocol '{found}'; give another directory"
            )


def _conclude(
    place: Path,
    recipe: Recipe,
    protocol: Protocol,
    inputs: TrainingInputs,
    results: Sequence[FoldResult],
) -> CrossValidation:
    """Write what the folds add up to."""
    together = Evaluation.concatenate([r.evaluation for r in results])
    # Each protein twice is not twice as much to be sure of: no intervals then.
    resamples = RESAMPLES if protocol == "deployed" else 0
    pooled, outcomes = score(together.outcomes, resamples), together.outcomes
    at_temperatures = Outcomes.concatenate([r.tempered for r in results])
    before, after = (
        reliability(found.probabilities, found.true_type) for found in (outcomes, at_temperatures)
    )
    per_fold = {r.fold.name: r.evaluation.scores.figures for r in results}
    content: dict[str, Any] = {
        "protocol": protocol,
        "recipe": recipe.model_dump(mode="json", exclude={**NOT_RECORDED, "backbone": True}),
        "sources": inputs.hashes,
        "made_partitions": inputs.made_partitions,
        "remainder": {r.fold.name: r.from_remainder for r in results} if inputs.remainder else {},
        "parameters": results[0].parameters.to_json(),
        "pooled": pooled.figures.to_json(),
        "restricted": score(together.restricted, resamples).figures.to_json(),
        "viterbi": score(together.viterbi).figures.to_json(),
        "calibration": _calibration_figures(results, together, before, after),
        "mean_over_models": mean_over_models(per_fold),
        "folds": {name: figures.to_json() for name, figures in per_fold.items()},
    }
    _write_predictions(place, protocol, results)
    write_text(place / FIGURES, json.dumps(content, indent=1) + "\n")
    try:
        names = draw(
            place,
            outcomes,
            pooled,
            region_lengths(outcomes.type, together.lengths),
            before,
            after,
            published=is_comparable(inputs.hashes),
        )
    except MissingExtraError:
        names = []
    write_text(place / REPORT, report(content, names))
    return CrossValidation(place, pooled, content, bool(names))


def _reliability_figures(found: Reliability) -> dict[str, float]:
    return {
        "expected_calibration_error": round(found.expected_calibration_error, 6),
        "negative_log_likelihood": round(found.negative_log_likelihood, 6),
    }


def _calibration_figures(
    results: Sequence[FoldResult], together: Evaluation, before: Reliability, after: Reliability
) -> dict[str, Any]:
    """Temperatures, of each fold and for a model of everything, and what they do."""
    everyone = fit_calibration(together)
    return {
        "folds": {r.fold.name: r.calibration.to_json() for r in results if r.calibration},
        "pooled": everyone.calibration("out-of-fold predictions of a cross-validation").to_json(),
        "wrong_labels": {
            "all": round(everyone.every.noise, 6),
            "eukaryotes": round(everyone.eukarya.noise, 6),
        },
        "groups": probability_figures([r.calibrated for r in results if r.calibrated]),
        "before": _reliability_figures(before),
        "after": _reliability_figures(after),
    }


def _write_predictions(place: Path, protocol: Protocol, results: Sequence[FoldResult]) -> None:
    """The out-of-fold table, its probabilities at each fold's temperatures."""
    rows = ["\t".join(COLUMNS if protocol == "deployed" else (*COLUMNS, "model"))]
    for result in results:
        more = [] if protocol == "deployed" else [result.fold.name]
        sites = site_probabilities(result.evaluation, result.calibration)
        found = table_rows(result.proteins, result.tempered, sites)
        rows += ["\t".join((*row, *more)) for row in found]
    # Without a time stamp, so that the same predictions give the same file.
    text = "\n".join(rows) + "\n"
    write_bytes(place / OUT_OF_FOLD, gzip.compress(text.encode(), mtime=0))
