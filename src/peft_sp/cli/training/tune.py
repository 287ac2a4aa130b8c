"""`peft-sp tune`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peft_sp.cli.recipes import RecipeName, Set, Unset, read
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.training_display import TrainingDisplay, training_display
from peft_sp.cli.training.arguments import ActivationCache, cache_directory, report_data
from peft_sp.errors import MissingExtraError
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.training.fitting.progress import Report
    from peft_sp.training.search.trials import Tried

SHOWN = 5
"""Trials in the table."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(tune)


def tune(
    recipe: RecipeName,
    trials: Annotated[
        int,
        typer.Option("--trials", min=1, help="Number of trials, including those of earlier runs."),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the search.")],
    settings: Set = None,
    unset: Unset = None,
    activation_cache: ActivationCache = None,
) -> None:
    """Search for better settings of a recipe.

    Each trial is validated on each of the recipe's train and validation partitions in turn; its
    test partition is not used. The recipe's table 'search' names the options to vary; without
    one these are the learning rates and the options of the tuning method. Writes trials.tsv and
    best.json. A search that was stopped is resumed by the same command, and a finished one is
    continued with a larger number of trials.

    Example: [bold]peft-sp tune lora-8M --trials 20 --set data=train_set.fasta
    -o lora-search[/bold]
    """
    try:
        from peft_sp.training.inputs import read_inputs
        from peft_sp.training.search import trials as searches
    except ImportError as error:
        raise MissingExtraError("tune", "train", error.name) from None
    searched = read(recipe, settings, unset)
    partitions = searches.usable(searched)
    searches.check_start(searched, output)
    inputs = read_inputs(searched)
    report_data(inputs)
    _announce(partitions)

    with training_display() as display:

        def progress(tried: Tried, report: Report | None) -> None:
            _report(tried, report, len(partitions), display)

        cache = cache_directory(activation_cache)
        found = searches.search(searched, output, trials, progress, cache, inputs=inputs)
    _print_trials(found, partitions)
    console.say(f"\nTo use trial {found[0].number}:")
    console.say("  " + " \\\n  ".join(found[0].settings))
    console.say(f"written to {output.rstrip('/')}/")


def _announce(partitions: Sequence[int]) -> None:
    used = " and ".join((", ".join(map(str, partitions[:-1])), str(partitions[-1])))
    rest = ", ".join(str(n) for n in range(3) if n not in partitions)
    end = f"partition {rest} is not used" if rest else "none is left to test on"
    console.log(f"trials are validated on partitions {used}; {end}")


def _report(tried: Tried, report: Report | None, folds: int, display: TrainingDisplay) -> None:
    """Progress within a fold, and a line for each fold and each trial."""
    if report is not None:
        run = f"trial {tried.number}, fold {len(tried.folds) + 1}/{folds}"
        if run != display.run:
            display.begin(run)
        display(report)
        return
    line = f"trial {tried.number}"
    if tried.state == "running":
        line += f", fold {len(tried.folds)}/{folds}: {tried.folds[-1]:.4f}"
    elif tried.problem is not None:
        line += f" refused: {tried.problem}"
    else:
        values = ", ".join(f"{key} {_short(value)}" for key, value in tried.parameters.items())
        result = "" if tried.value is None else f" {tried.value:.4f}"
        line += f" {tried.state}{result} ({values})"
    display.say(line)


def _print_trials(found: Sequence[Tried], partitions: Sequence[int]) -> None:
    """The best trials side by side: parameters have long names."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    best = [tried for tried in found if tried.value is not None][:SHOWN]
    table = Table(
        title="best trials, by mean MCC2 + mean cleavage-site recall",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("trial", overflow="fold")
    for tried in best:
        table.add_column(str(tried.number), justify="right", overflow="fold")
    table.add_row("mean", *(_short(tried.value) for tried in best))
    for place, number in enumerate(partitions):
        table.add_row(f"partition {number}", *(_short(tried.folds[place]) for tried in best))
    for key in best[0].parameters:
        table.add_row(key, *(_short(tried.parameters.get(key)) for tried in best))
    console.screen().print(table)
    counts = {
        state: sum(tried.state == state for tried in found) for state in ("pruned", "refused")
    }
    others = "".join(f", {count} {state}" for state, count in counts.items() if count)
    complete = sum(tried.value is not None for tried in found)
    console.say(f"{counted(complete, 'trial')} complete{others}")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
