"""`peft-sp pretrain`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from peft_sp.cli.recipes import RecipeName, Set, Unset
from peft_sp.cli.terminal import console
from peft_sp.cli.terminal.training_display import TrainingDisplay, training_display
from peft_sp.errors import MissingExtraError
from peft_sp.wording import counted

if TYPE_CHECKING:
    from peft_sp.training.fitting.progress import Report
    from peft_sp.training.pretraining.windows import PretrainingWindows


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(pretrain)


def pretrain(
    recipe: RecipeName,
    output: Annotated[str, typer.Option("--output", "-o", help="Directory of the backbone.")],
    settings: Set = None,
    unset: Unset = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network; default: all.")
    ] = None,
    minutes: Annotated[
        float,
        typer.Option("--checkpoint-minutes", min=0, help="Minutes between two checkpoints."),
    ] = 10.0,
) -> None:
    """Train a backbone further, on hidden residues of proteins without labels.

    The result is a directory that transformers loads and that other recipes take as backbone. A
    run that was stopped is resumed by the same command: from the step at which it was stopped by
    SIGTERM or Ctrl-C, from its last checkpoint where it was killed.

    Example: [bold]peft-sp pretrain pretrain-8M --set backbone=esm2_t6_8M
    --set 'windows.unlabelled=["swissprot.fasta.gz"]' -o esm2-8M-windows[/bold]
    """
    try:
        from peft_sp.inference.hardware.processors import limit_torch
        from peft_sp.training.pretraining.recipe import read_pretraining_recipe
        from peft_sp.training.pretraining.run import pretrain as run
    except ImportError as error:
        raise MissingExtraError("pretraining", "train", error.name) from None
    limit_torch(threads)
    chosen = read_pretraining_recipe(recipe, settings or (), unset or ())
    with training_display() as display, _Stops() as stops:
        record = run(
            chosen,
            output,
            announce=_announce,
            progress=partial(_report, display),
            stop=lambda: bool(stops.asked),
            minutes=minutes,
        )
    if record is None:
        stops.obey("the same command goes on from this step")
    assert record is not None
    found = record["figures"]
    console.say(
        f"residues of held-out windows: perplexity {found['eval_perplexity']:.3f}, accuracy "
        f"{found['eval_accuracy']:.3f}"
    )
    console.say(
        f"backbone written to {output.rstrip('/')}/; train on it with --set backbone={output}"
    )


class _Stops:
    """Notes signals that ask the command to end, so that a step is not left half done.

    A second signal is obeyed at once.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._before: dict[int, Callable[[int, Any], Any]] = {}

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows knows no SIGHUP, and nohup ignores it
            if number is not None and callable(handler := signal.getsignal(number)):
                self._before[number] = handler
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def obey(self, note: str) -> None:
        """End as the first signal would have; note: said beside it."""
        try:
            self._before[self.asked[0]](self.asked[0], None)
        except BaseException as error:
            error.add_note(note)
            raise

    def _note(self, number: int, frame: Any) -> None:
        self.asked.append(number)
        if len(self.asked) > 1:
            self._before[number](number, frame)


def _announce(windows: PretrainingWindows) -> None:
    """One line on standard error of what became of the windows."""
    counts = windows.counts
    console.log(
        f"{counted(counts.train, 'window')} to train on and {counts.held_out:,} held out, of "
        f"{counts.records:,}; {counts.excluded:,} excluded, {counts.repeated:,} repeated"
    )


def _report(display: TrainingDisplay, report: Report) -> None:
    """Show a report, and a line of its own for what held-out windows say."""
    display(report)
    found = report.figures
    if "eval_perplexity" in found:
        display.say(
            f"epoch {report.epoch:.3g}  held-out windows: perplexity "
            f"{found['eval_perplexity']:.3f}, accuracy {found['eval_accuracy']:.3f}"
        )
