"""`peft-sp train` and `peft-sp distill`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from peft_sp.cli.recipes import RecipeName, Set, Unset, read
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.scores import print_scores
from peft_sp.cli.terminal.training_display import training_display
from peft_sp.cli.training.arguments import (
    ActivationCache,
    Crossval,
    ReportTo,
    cache_directory,
    report_data,
)
from peft_sp.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from peft_sp.training.recipe import Recipe


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(train)
    app.command()(distill)


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

    Example: [bold]peft-sp distill fast --set data=train_set.fasta --unset remainder
    --teacher lora-cv/test-0 --teacher lora-cv/test-1 --teacher lora-cv/test-2
    --unlabelled ecoli.faa -o my-fast[/bold]
    """
    given = {"teachers": teachers, "unlabelled": unlabelled}
    lists = {key: json.dumps(names, ensure_ascii=False) for key, names in given.items() if names}
    more = [f"distillation.{key}={names}" for key, names in lists.items()]
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
        from peft_sp.training.fitting.processes import is_first_process
        from peft_sp.training.runs import train as training
    except ImportError as error:
        raise MissingExtraError("training", "train", error.name) from None
    with training_display() as display:
        trained = training.train(
            recipe,
            output,
            crossval=crossval,
            progress=display,
            activation_cache=cache_directory(activation_cache),
            report_to=report_to or (),
            notice=report_data,
        )
    if not is_first_process():
        return
    for title, scores in (("validation", trained.validation), ("test", trained.test)):
        if scores is not None:
            print_scores(f"{title} partition", scores)
    console.say(f"model written to {output.rstrip('/')}/")
