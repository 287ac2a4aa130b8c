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
from peft_sp.inference.hardware.cluster import LOCAL
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.accuracy import as_text
from peft_sp.io.results.directories import refuse_foreign_file

if TYPE_CHECKING:
    from peft_sp.training.inputs import TrainingInputs
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
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Train so many networks, of folds and their members, at a time, each in a process of "
        "its own, on a GPU of its own where there are several; by default one, on a cluster as "
        "many as it has room for.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processor threads of each network; by default 1 with --parallel or --cluster, else "
        "all.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar=f"{LOCAL}|ADDRESS",
        help="Train on a Ray cluster, whose machines see the working directory, the files of the "
        "recipes and -o under the same names.",
    ),
]
Gpus = Annotated[
    float, typer.Option(min=0, max=1, help="Of each network on a cluster: 1, or a share of one.")
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
    parallel: Parallel = None,
    threads: Threads = None,
    cluster: Cluster = None,
    gpus: Gpus = 0,
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
        from peft_sp.training.runs import crossval as protocols
    except ImportError as error:
        raise MissingExtraError("training", "train", error.name) from None
    if gpus and not cluster:
        raise typer.BadParameter("--gpus is of a cluster; give --cluster, too")
    chosen = _read(recipes, settings, unset, protocol)
    elsewhere = cluster is not None
    places = _places(chosen, output, protocol, elsewhere)
    contents = []
    several = elsewhere or (parallel or 1) > 1
    for recipe, place, inputs in zip(chosen, places, _inputs(chosen), strict=True):
        with training_display() as display:
            result = protocols.crossvalidate(
                recipe,
                place,
                inputs,
                progress=partial(_of_fold, display, recipe.name, several),
                protocol=protocol,  # type: ignore[arg-type]  # checked above
                activation_cache=cache_directory(activation_cache),
                report_to=report_to or (),
                parallel=parallel,
                threads=threads,
                cluster=cluster,
                gpus=gpus,
                notice=display.say,
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


def _places(recipes: list[Recipe], output: str, protocol: str, elsewhere: bool) -> list[Path]:
    """The directory of each, where it can be begun. elsewhere: it is trained on a cluster."""
    from peft_sp.training.evaluation import comparison
    from peft_sp.training.runs.crossval import check_start

    if len(recipes) == 1:
        places = [Path(output)]
    else:
        places = [Path(output, recipe.name) for recipe in recipes]
    for recipe, place in zip(recipes, places, strict=True):
        check_start(recipe, place, protocol, elsewhere=elsewhere)  # type: ignore[arg-type]
    if len(recipes) > 1:
        refuse_foreign_file(Path(output) / comparison.FILE, comparison.BEGINNING)
    return places


def _inputs(recipes: list[Recipe]) -> list[TrainingInputs]:
    """What the recipes name, the same data. Raises typer.BadParameter."""
    from peft_sp.training.fitting.processes import is_first_process
    from peft_sp.training.inputs import read_inputs

    resolved = [read_inputs(recipe) for recipe in recipes]
    data = {inputs.data_sha256: inputs for inputs in resolved}
    for inputs in data.values() if is_first_process() else ():
        report_data(inputs)
    if len(data) > 1:
        raise typer.BadParameter("the recipes name different data, so they cannot be compared")
    return resolved


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
