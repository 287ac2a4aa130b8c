"""`peft-sp train`, `peft-sp crossval` and `peft-sp evaluate`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.models import chosen
from peft_sp.cli.recipes import RecipeName, Set, Unset, read
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.options import Replace
from peft_sp.cli.terminal.training_display import TrainingDisplay, training_display
from peft_sp.errors import MissingExtraError, RecipeError
from peft_sp.io.atomic import write_text
from peft_sp.io.registry.accuracy import CLASS_METRICS, as_text, summary
from peft_sp.io.results.protection import check_outputs, files_of

if TYPE_CHECKING:
    from peft_sp.io.labelled import LabelledProtein
    from peft_sp.io.registry.model_config import Made
    from peft_sp.training.crossval import CrossValidation
    from peft_sp.training.evaluation.metrics import Scores
    from peft_sp.training.evaluation.regions import RegionScores
    from peft_sp.training.inputs import TrainingInputs
    from peft_sp.training.recipe import Recipe


ActivationCache = Annotated[
    str | None,
    typer.Option(
        "--activation-cache",
        metavar="DIR|none",
        help="Directory where the output of untrained layers and of teachers is stored for the "
        "next run; by default in the user's cache directory.",
    ),
]


ReportTo = Annotated[
    list[str] | None,
    typer.Option(
        "--report-to",
        metavar="NAME",
        help="Follow the run in tensorboard, wandb or mlflow, too, as these are set up; may be "
        "repeated. By default a run is reported nowhere.",
    ),
]


Crossval = Annotated[
    str | None, typer.Option(help="Directory of a finished cross-validation of the recipe.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(train)
    app.command()(distill)
    app.command(name="crossval")(crossvalidate)
    app.command()(evaluate)


def train(
    recipe: RecipeName,
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the model.")],
    settings: Set = None,
    unset: Unset = None,
    crossval: Crossval = None,
    activation_cache: ActivationCache = None,
    report_to: ReportTo = None,
) -> None:
    """Train a model from a recipe.

    A run that was stopped is resumed from its last epoch by the same command. With --crossval,
    the model card states the accuracy that 'peft-sp crossval' measured for the same recipe.

    Example: [bold]peft-sp train lora-8M --set data=train_set.fasta
    --set backbone=esm2_t6_8M --set "partitions.train=[1, 2]" --set partitions.test=0
    -o my-model[/bold]
    """
    _train(read(recipe, settings, unset), output, crossval, activation_cache, report_to)


def distill(
    recipe: RecipeName,
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the model.")],
    teachers: Annotated[
        list[str] | None,
        typer.Option("--teacher", help="A model's name or directory; may be repeated."),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled", metavar="FASTA", help="Proteins without labels; may be repeated."
        ),
    ] = None,
    settings: Set = None,
    unset: Unset = None,
    crossval: Crossval = None,
    activation_cache: ActivationCache = None,
    report_to: ReportTo = None,
) -> None:
    """Train a small network, the student, by the predictions of other models, its teachers.

    Teachers that were trained on the student's validation or test partition are left out. So
    'peft-sp crossval' of such a recipe is unbiased if the teachers are the models of a
    cross-validation. A run that was stopped is resumed by the same command; the teachers'
    predictions are computed once.

    Example: [bold]peft-sp distill fast --set data=train_set.fasta
    --teacher lora-cv/test-0 --teacher lora-cv/test-1 --teacher lora-cv/test-2
    --unlabelled ecoli.faa -o my-fast[/bold]
    """
    given = {"teachers": teachers, "unlabelled": unlabelled}
    more = [f"distillation.{key}={json.dumps(names)}" for key, names in given.items() if names]
    student = read(recipe, [*(settings or []), *more], unset)
    if student.distillation is None:
        problem = "has no teachers; name them by --teacher or in its table [distillation]"
        raise RecipeError(recipe, [problem])
    _train(student, output, crossval, activation_cache, report_to)


def _train(
    recipe: Recipe,
    output: str,
    crossval: str | None,
    activation_cache: str | None,
    report_to: Sequence[str] | None,
) -> None:
    try:
        from peft_sp.training import crossval as protocols
        from peft_sp.training import runs
        from peft_sp.training.fitting.checkpoints import is_first_process
        from peft_sp.training.inputs import read_inputs
    except ImportError as error:
        raise MissingExtraError("training", "train", error.name) from None
    inputs = read_inputs(recipe)
    if is_first_process():
        report_data(inputs)
    measured = None if crossval is None else protocols.read_figures(crossval, recipe, inputs)
    with training_display() as display:
        held_out = runs.run(
            recipe,
            output,
            inputs,
            progress=display,
            measured=measured,
            activation_cache=cache_directory(activation_cache),
            report_to=report_to or (),
        )
    if not is_first_process():
        return
    for title, found in (("validation", held_out.validation), ("test", held_out.test)):
        if found is not None:
            _print_scores(f"{title} partition", found.scores)
    console.say(f"model written to {output.rstrip('/')}/")


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


def crossvalidate(
    recipes: Recipes,
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the results.")],
    settings: Set = None,
    unset: Unset = None,
    protocol: Protocol = "deployed",
    activation_cache: ActivationCache = None,
    report_to: ReportTo = None,
) -> None:
    """Measure the accuracy of recipes by cross-validation.

    Each model is tested on a partition that it was not trained on. Writes the out-of-fold
    predictions (oof.tsv.gz), metrics.json, report.md and, if matplotlib is installed, figures.
    Several recipes get a directory each, by their names, and a comparison.md beside them. A run
    that was stopped is resumed by the same command.

    Example: [bold]peft-sp crossval small --set data=train_set.fasta -o small-cv[/bold]
    """
    try:
        from peft_sp.training import crossval as protocols
        from peft_sp.training.evaluation.comparison import comparison
        from peft_sp.training.inputs import read_inputs
    except ImportError as error:
        raise MissingExtraError("training", "train", error.name) from None
    if protocol not in ("deployed", "published"):
        raise typer.BadParameter(f"--protocol is deployed or published, not '{protocol}'")
    chosen = [read(recipe, settings, unset) for recipe in recipes]
    names = [one.name for one in chosen]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise typer.BadParameter(
            f"two of the recipes are named '{repeated[0]}'; each needs its own name"
        )
    resolved = [read_inputs(recipe) for recipe in chosen]
    for inputs in {inputs.data_sha256: inputs for inputs in resolved}.values():
        report_data(inputs)
    if len({inputs.data_sha256 for inputs in resolved}) > 1:
        raise typer.BadParameter("the recipes name different data, so they cannot be compared")
    contents = []
    for recipe, inputs in zip(chosen, resolved, strict=True):
        place = Path(output) if len(chosen) == 1 else Path(output) / recipe.name
        with training_display() as display:
            result = protocols.crossvalidate(
                recipe,
                place,
                inputs,
                progress=partial(_of_fold, display, recipe.name),
                protocol=protocol,  # type: ignore[arg-type]  # checked above
                activation_cache=cache_directory(activation_cache),
                report_to=report_to or (),
            )
        contents.append(result.content)
        _print_result(recipe.name, result)
    if len(chosen) > 1:
        write_text(Path(output) / "comparison.md", comparison(contents))
    console.say(f"written to {output.rstrip('/')}/")


def _of_fold(display: TrainingDisplay, recipe: str, fold: str) -> TrainingDisplay:
    """The display, with the fold announced that it is to show."""
    display.begin(f"{recipe}, fold {fold}")
    return display


def cache_directory(choice: str | None) -> str | None:
    """Directory of the activation cache; None where nothing shall be stored."""
    if choice is not None:
        return None if choice == "none" else choice
    place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "peft-sp", "activations")
    try:
        place = place.expanduser()  # made when there is something to store
    except RuntimeError as error:  # nobody's home is known
        console.log(f"activations are not cached: {error}")
        return None
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        console.log(f"activations are not cached: {there} cannot be written")
        return None
    return str(place)


def evaluate(
    model: Annotated[str, typer.Argument(help="A model's name, directory or hub id.")],
    labelled: Annotated[str, typer.Argument(help="Labelled proteins (three-line format).")],
    partitions: Annotated[
        list[int] | None,
        typer.Option("--partition", help="Only this partition; may be given more than once."),
    ] = None,
    restrict: Annotated[
        bool,
        typer.Option(
            "--restrict-eukaryotes", help="Eukaryotes have SP alone, as with predict --organism."
        ),
    ] = False,
    backbone: Annotated[
        str | None,
        typer.Option(help="Where the model's backbone is, if not where it was when trained."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples.")] = 1000,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
    force: Replace = False,
) -> None:
    """Measure a model on labelled proteins, per organism group and type.

    Example: [bold]peft-sp evaluate my-model train_set.fasta --partition 0[/bold]
    """
    from peft_sp.inference.loading import load
    from peft_sp.io.labelled import data_hash, of_partitions, read_labelled
    from peft_sp.io.labelled.partitions import own_or_made

    try:
        from peft_sp.training.evaluation.metrics import Outcomes, decode, score
        from peft_sp.training.evaluation.regions import region_scores
    except ImportError as error:
        raise MissingExtraError("evaluation", "train", error.name) from None
    check_outputs({"--json": json_file}, files_of(labelled), force)
    proteins = tuple(read_labelled(labelled))
    predictor = load(chosen(model), backbone=backbone)
    made = predictor.config.made
    own = made.data_sha256 == data_hash(labelled)
    if own:
        proteins, said = own_or_made(proteins)  # as they were for training
        if said:
            console.note(f"{labelled} {said}")
    measured = of_partitions(proteins, partitions, labelled)
    if warning := _learned_from(made, measured, own):
        console.note(f"{model} {warning}")
    decoded = decode(predictor.backend, measured, restrict)
    scores = score(Outcomes.of(measured, decoded), resamples)
    _print_scores(f"{model} on {labelled}", scores)
    _print_regions(region_scores([p.sequence for p in measured], decoded))
    if json_file is not None:
        write_text(Path(json_file), json.dumps(scores.figures.to_json(), indent=2) + "\n")


def _learned_from(made: Made, measured: Sequence[LabelledProtein], own: bool) -> str:
    """What to know of a model's figures on proteins that it may have learned from, "" for nothing.

    own: they are of the very file that it was trained on. Models of earlier versions know no more
    of what they learned from than that file and its partitions.
    """
    from peft_sp.io.registry.learned import recorded

    remembers = "these figures say how well it remembers, not how well it predicts"
    if made.trained_windows:
        known = recorded((p.sequence for p in measured), made.trained_windows)
        of_them = f"{known:,} of these {len(measured):,} proteins"
        return f"learned from {of_them}: {remembers}" if known else ""
    if own:
        numbers = sorted(set(made.partitions.train or ()) & {p.partition for p in measured})
        named = f"partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return f"learned from {named} of this file: {remembers}" if numbers else ""
    source = f" ({made.data})" if made.data else ""
    return (
        f"does not record which proteins it learned from{source}: on those, figures say how well "
        "it remembers, not how well it predicts"
    )


def _print_result(name: str, result: CrossValidation) -> None:
    _print_scores(f"{name}: out-of-fold predictions, pooled", result.pooled)
    if result.content["protocol"] == "published":
        mean = result.content["mean_over_models"]["mean_mcc2"]
        console.say(f"mean over the models, as published: MCC2 {as_text(mean['mean'])}")
    if not result.pictures:
        console.log("no pictures; they need: pip install 'peft-sp[plot]'")


def report_data(inputs: TrainingInputs) -> None:
    """Say on standard error which partitions were made, and how often windows repeat."""
    from peft_sp.io.labelled import repeats, without_cysteine

    if inputs.made_partitions:
        console.note(f"{inputs.data} {inputs.made_partitions}")
    found = repeats(inputs.proteins)
    if found.groups:
        console.log(
            f"{found.groups} windows stand more than once; of these, {len(found.labels_differ)} "
            f"differ in labels, {len(found.types_differ)} in type, and "
            f"{len(found.partitions_differ)} lie across partitions"
        )
    if doubtful := without_cysteine(inputs.proteins):
        named = ", ".join(doubtful[:3]) + (", ..." if len(doubtful) > 3 else "")
        console.log(
            f"lipoproteins whose labels end before another residue than cysteine: "
            f"{len(doubtful):,} ({named})"
        )


def _print_scores(title: str, scores: Scores) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("organism", "type"):
        table.add_column(column)
    table.add_column("proteins", justify="right")
    for metric in CLASS_METRICS:
        for column in metric.columns:
            table.add_column(column, justify="right")
    for c in scores.classes:
        cells = [cell for metric in CLASS_METRICS for cell in metric.cells(c)]
        table.add_row(c.organism, c.type, f"{c.proteins:,}", *cells)
    console.screen().print(table)
    console.say(summary(scores))


def _print_regions(regions: list[RegionScores]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="regions of what is predicted", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("type")
    for column in ("proteins", "n length", "h length", "c length", "cos n/h", "cos h/c"):
        table.add_column(column, justify="right")
    for r in regions:
        lengths = (r.n_length, r.h_length, r.c_length)
        cosines = (r.n_h_cosine, r.h_c_cosine)
        row = [*(f"{x:.1f}" for x in lengths), *(f"{x:.2f}" for x in cosines)]
        table.add_row(r.type, f"{r.count:,}", *("-" if x == "nan" else x for x in row))
    console.screen().print(table)
