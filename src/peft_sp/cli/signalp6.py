"""`peft-sp signalp6`: SignalP 6's command line, for pipelines that call it."""

from __future__ import annotations

import sys
from argparse import (
    SUPPRESS,
    Action,
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import typer

from peft_sp.biology.grammar import NO_SP
from peft_sp.biology.organism import NAMES
from peft_sp.cli.terminal import console
from peft_sp.inference.run import SIGNALP6, UNDECIDED, RunInfo, RunOptions, predict_run
from peft_sp.io.registry import lookup
from peft_sp.io.writers import signalp6
from peft_sp.version import __version__
from peft_sp.wording import counted

NAME = "signalp6"
MODES = {
    "fast": "fast",
    "slow": "slow",
    "slow-sequential": "slow-sequential",
    "slow_sequential": "slow-sequential",
}
"""Names of SignalP 6's models, and what the files call them."""
DESCRIPTION = """Predict with SignalP 6's options, files and names.

A pipeline that calls SignalP 6 can call this instead; peft-sp install-shim gives it that name."""
EXAMPLE = "-ff proteins.faa -org other -od out -fmt txt -m fast"


def add_to(app: typer.Typer) -> None:
    """Register the command; its arguments go to `parser` as they are."""
    as_given = {"ignore_unknown_options": True, "allow_extra_args": True}
    command = app.command(name=NAME, add_help_option=False, context_settings=as_given)
    command(predict_as_signalp6)


class _Parser(ArgumentParser):
    """Python's own, with which SignalP 6 reads its options too; errors are those of a command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.given: dict[str, Any] = {}
        self.register("action", None, _Store)

    def error(self, message: str) -> NoReturn:
        raise typer.BadParameter(message)


class _Store(Action):
    """Keeps an option's value; of several, the last one counts, as in SignalP 6."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(parser, _Parser)
        former = parser.given.setdefault(self.dest, values)
        if former != values:
            if self.required:  # input and output: one of them would be passed over
                parser.error(f"{option_string} {values}: it is {former} already; give one of them")
            console.note(f"{option_string} {values}: in place of {former}, which was given before")
        parser.given[self.dest] = values
        setattr(namespace, self.dest, values)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def parser(name: str = f"peft-sp {NAME}") -> ArgumentParser:
    """SignalP 6's options, with its abbreviations and aliases; name: what the command is called."""
    made = _Parser(
        prog=name,
        description=DESCRIPTION,
        epilog=f"Example: {name} {EXAMPLE}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    _add_names(made)
    help_text = "Windows a batch; default: what suits the model."
    add("--bsize", "-bs", "-batch", type=_positive, metavar="N", help=help_text)
    help_text = "Threads; default: all that the process may use."
    add("--torch_num_threads", "-tt", type=_positive, metavar="N", help=help_text)
    help_text = "Accepted and not needed: one process writes."
    add("--write_procs", "-wp", type=int, metavar="N", help=help_text)
    help_text = "Accepted and not needed: type and site agree."
    add("--skip_resolve", "--skip-resolve", action="store_true", help=help_text)
    # They begin two spellings of one option, of which SignalP 6 has the first alone.
    beginnings = ("--s", "--sk", "--ski", "--skip")
    add(*beginnings, dest="skip_resolve", action="store_true", help=SUPPRESS)
    help_text = "Accepted and not needed: a run that was stopped is continued."
    add("--resume", action="store_true", help=help_text)
    help_text = "Replace files that this program did not write; not an option of SignalP 6."
    add("--force", action="store_true", help=help_text)
    version = f"SignalP 6.0 command line of PEFT-SP {__version__}"
    add("--version", action="version", version=version, help="Show the version.")
    return made


def _add_names(made: ArgumentParser) -> None:
    """The options whose values are files and names; some may stand without their value."""
    add = made.add_argument
    add("--fastafile", "-ff", "-fasta", required=True, metavar="FASTA", help="Protein FASTA file.")
    add("--output_dir", "-od", required=True, metavar="DIR", help="Directory for the results.")

    def add_choice(*spellings: str, among: Iterable[str], default: str, help_text: str) -> None:
        add(*spellings, nargs="?", choices=among, default=default, const=default, help=help_text)

    help_text = "Eukaryotes have no types but Sec/SPI."
    add_choice("--organism", "-org", among=NAMES, default="other", help_text=help_text)
    help_text = "Files of each protein: table, picture."
    spellings = ("--format", "-f", "-fmt", "-format")
    add_choice(*spellings, among=signalp6.FORMATS, default="txt", help_text=help_text)
    # SignalP 6 has no --force: these beginnings of --format are no other option's there.
    add("--fo", "--for", dest="format", choices=signalp6.FORMATS, default=SUPPRESS, help=SUPPRESS)
    help_text = "The bundled model, or the most accurate one that is installed."
    add_choice("--mode", "-m", among=MODES, default="fast", help_text=help_text)
    help_text = "A model of this program instead of a mode's; SignalP 6's own is not read."
    add("--model_dir", "-md", nargs="?", metavar="DIR", help=help_text)


def predict_as_signalp6(context: typer.Context) -> None:
    """Predict with SignalP 6's options, files and names."""
    called_so = context.find_root().info_name == NAME
    given = parser(NAME if called_so else f"peft-sp {NAME}").parse_args(context.args)
    signalp6.require(given.format)
    mode = MODES[given.mode]
    options = RunOptions(
        model=_model_of(mode, given.model_dir),
        organism=given.organism,
        threads=given.torch_num_threads,
        batch_size=given.bsize,
        resume="if possible",
        force=given.force,
        layout=replace(SIGNALP6, protein_files=given.format, mode=mode),
    )
    with console.progress_bar() as progress:
        run = predict_run(given.fastafile, given.output_dir, options, progress, console.note)
    _report(run, given.output_dir)


def _model_of(mode: str, directory: str | None) -> str:
    """The model in a directory, or the one that stands for a mode where none of ours is there.

    Tells which one where it is open. A pipeline's setting may name SignalP 6's own model, and go
    on doing so when that is gone. Raises ModelError.
    """
    there = "is not there"
    with suppress(OSError):  # a name that is too long, a directory that is closed to us
        if directory and Path(directory, lookup.CONFIG).is_file():
            return str(Path(directory).absolute())  # a directory, whatever models have its name
        if directory and Path(directory).is_dir():
            there = "holds no model of this program"
    model = lookup.DEFAULT
    if mode != "fast":
        best = lookup.most_accurate()
        accuracy = best.config.accuracy
        mean_mcc2 = accuracy.figures.mean_mcc2 if accuracy else None
        known = f", mean MCC2 {mean_mcc2:.3f}" if mean_mcc2 is not None else ""
        console.note(f"mode {mode}: using '{best}', the most accurate model installed{known}")
        model = best.name
    if directory:
        console.note(f"--model_dir {directory}: {there}; using '{model}'")
    return model


def _report(run: RunInfo, output_dir: str) -> None:
    """Notes for a terminal; pipelines get silence, unless something was changed or is open."""
    if run.cleaned:
        console.note(f"proteins with a warning: {run.cleaned:,}; the first: {run.changed}")
    console.of_renamed(run, "headers")
    if run.organisms.get(UNDECIDED):
        console.by_header(run)
    console.of_another_organism(run)
    if sys.stderr.isatty():
        positive = run.count - run.types.get(NO_SP, 0)
        console.note(
            f"{counted(run.count, 'protein')}, {positive:,} with a signal peptide; "
            f"written to {output_dir}"
        )
