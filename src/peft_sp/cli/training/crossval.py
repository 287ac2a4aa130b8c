"""`peft-sp crossval`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.recipes import Set, Unset, read
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.scores import print_scores
from peft_sp.cli.terminal.training_display import TrainingDisplay, training_display
from peft_sp.cli.training.arguments import ActivationCache, ReportTo, cache_directory, report_data
from peft_sp.errors import MissingExtraError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.accuracy import as_text
from peft_sp.io.results.directories import refuse_foreign_file

if TYPE_CHECKING:
    from peft_sp.training.recipe import Recipe
    from peft_sp.training.runs.crossval import CrossValidation

Recipes = Annotated[
    list[str], typer.Argument(metavar="RECIPE...", help="Recipes, by name or TOML file.")
]
Protocol = Annotated[
    str,
    typer.Option(
        help="deployed: three models, each trained on two partitions; published: six models, "
        "each trained on one partition, with its epoch chosen by another."
    ),
]


Parallel = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Train so many networks, of folds and their members, at a time, each in a process of "
        "its own, on a GPU of its own where there are several.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processor threads of each network; by default 1 with --parallel, else all.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(name="crossval")(crossvalidate)


def crossvalidate(
    recipes: Recipes,
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the results.")],
    settings: Set = None,
    unset: Unset = None,
    protocol: Protocol = "deployed",
    activation_cache: ActivationCache = None,
    report_to: ReportTo = None,
    parallel: Parallel = 1,
    threads: Threads = None,
) -> None:
    """Measure the accuracy of recipes by cross-validation.

    Each model is tested on a partition that it was not trained on. Writes the out-of-fold
    predictions (oof.tsv.gz), metrics.json, report.md and, if matplotlib is installed, figures.
    Several recipes get a directory each, by their names, and a comparison.md beside them. A run
    that was stopped is resumed by the same command.

    Example: [bold]peft-sp crossval small --set data=train_set.fasta -o small-cv[/bold]
    """
    try:
        from peft_sp.training.evaluation import comparison
        from peft_sp.training.fitting.processes import is_first_process
        from peft_sp.training.inputs import read_inputs
        from peft_sp.training.runs import crossval as protocols
    except ImportError as error:
        raise MissingExtraError("training", "train", error.name) from None
    chosen = _read(recipes, settings, unset, protocol)
    places = [Path(output, one.name) if len(chosen) > 1 else Path(output) for one in chosen]
    for recipe, place in zip(chosen, places, strict=True):
        protocols.check_start(recipe, place, protocol)  # type: ignore[arg-type]  # checked above
    if len(chosen) > 1:
        refuse_foreign_file(Path(output) / comparison.FILE, comparison.BEGINNING)
    resolved = [read_inputs(recipe) for recipe in chosen]
    data = {inputs.data_sha256: inputs for inputs in resolved}
    for inputs in data.values() if is_first_process() else ():
        report_data(inputs)
    if len(data) > 1:
        raise typer.BadParameter("the recipes name different data, so they cannot be compared")
    contents = []
    for recipe, place, inputs in zip(chosen, places, resolved, strict=True):
        with training_display() as display:
            result = protocols.crossvalidate(
                recipe,
                place,
                inputs,
                progress=partial(_of_fold, display, recipe.name, parallel > 1),
                protocol=protocol,  # type: ignore[arg-type]  # checked above
                activation_cache=cache_directory(activation_cache),
                report_to=report_to or (),
                parallel=parallel,
                threads=threads,
            )
        contents.append(result.content)
        _print_result(recipe.name, result)
    if not is_first_process():
        return
    if len(chosen) > 1:
        write_text(Path(output) / comparison.FILE, comparison.comparison(contents))
    console.say(f"written to {output.rstrip('/')}/")


def _read(
    recipes: list[str], settings: list[str] | None, unset: list[str] | None, protocol: str
) -> list[Recipe]:
    """The recipes, each with a name of its own. Raises typer.BadParameter."""
    if protocol not in ("deployed", "published"):
        raise typer.BadParameter(f"--protocol is deployed or published, not '{protocol}'")
    chosen = [read(recipe, settings, unset) for recipe in recipes]
    names = [one.name for one in chosen]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise typer.BadParameter(
            f"two of the recipes are named '{repeated[0]}'; each needs its own name"
        )
    return chosen


def _of_fold(display: TrainingDisplay, recipe: str, several: bool, fold: str) -> TrainingDisplay:
    """The display, with the fold announced that it is to show; one of its own beside others."""
    if several:
        return display.beside(f"{recipe}, fold {fold}")
    display.begin(f"{recipe}, fold {fold}")
    return display


def _print_result(name: str, result: CrossValidation) -> None:
    from peft_sp.training.fitting.processes import is_first_process

    if not is_first_process():
        return
    print_scores(f"{name}: out-of-fold predictions, pooled", result.pooled)
    if result.content["protocol"] == "published":
        mean = result.content["mean_over_models"]["mean_mcc2"]
        console.say(f"mean over the models, as published: MCC2 {as_text(mean['mean'])}")
    if not result.pictures:
        console.log("no pictures; they need: pip install 'peft-sp[plot]'")
