"""`peft-sp signalp6`: SignalP 6's command line, for pipelines that call it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from peft_sp.biology.grammar import NO_SP
from peft_sp.biology.organism import SIGNALP6_NAMES
from peft_sp.cli import console
from peft_sp.errors import ModelError
from peft_sp.inference.run import SIGNALP6, RunInfo, RunOptions, predict_run
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.writers import signalp6
from peft_sp.version import __version__

MODES = {
    "fast": "fast",
    "slow": "slow",
    "slow-sequential": "slow-sequential",
    "slow_sequential": "slow-sequential",
}
"""Names of SignalP 6's models, and what the files call them."""
DESCRIPTION = """Predict with SignalP 6's options, files and names.

A pipeline that calls SignalP 6 can call this instead; peft-sp install-shim gives it that name."""
EXAMPLE = "Example: peft-sp signalp6 -ff proteins.faa -org other -od out -fmt txt -m fast"


def add_to(app: typer.Typer) -> None:
    """Register the command; its arguments go to `parser` as they are."""
    as_given = {"ignore_unknown_options": True, "allow_extra_args": True}
    command = app.command(name="signalp6", add_help_option=False, context_settings=as_given)
    command(predict_as_signalp6)


class _Parser(ArgumentParser):
    """Python's own, with which SignalP 6 reads its options too; errors are those of a command."""

    def error(self, message: str) -> NoReturn:
        raise typer.BadParameter(message)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def parser() -> ArgumentParser:
    """SignalP 6's options, with its abbreviations and aliases, and --resume."""
    made = _Parser(
        prog="peft-sp signalp6",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    _add_names(made)
    help_text = "Windows a batch; default: what suits the model."
    add("--bsize", "-bs", "-batch", type=_positive, metavar="N", help=help_text)
    help_text = "Threads; default: all."
    add("--torch_num_threads", "-tt", type=_positive, metavar="N", help=help_text)
    help_text = "Accepted and not needed: one process writes."
    add("--write_procs", "-wp", type=int, metavar="N", help=help_text)
    help_text = "Accepted and not needed: type and site agree."
    add("--skip_resolve", action="store_true", help=help_text)
    help_text = "Continue a run that was stopped; not an option of SignalP 6."
    add("--resume", action="store_true", help=help_text)
    version = f"SignalP 6.0 command line of PEFT-SP {__version__}"
    add("--version", action="version", version=version, help="Show the version.")
    return made


def _add_names(made: ArgumentParser) -> None:
    """The options whose values are files and names."""
    add = made.add_argument
    add("--fastafile", "-ff", "-fasta", required=True, metavar="FASTA", help="Protein FASTA file.")
    add("--output_dir", "-od", required=True, metavar="DIR", help="Directory for the results.")
    help_text = "Eukaryotes have no types but Sec/SPI."
    add("--organism", "-org", choices=SIGNALP6_NAMES, default="other", help=help_text)
    help_text = "Files of each protein: table, picture."
    add("--format", "-fmt", "-format", choices=signalp6.FORMATS, default="txt", help=help_text)
    help_text = "The bundled model, or the most accurate one that is installed."
    add("--mode", "-m", choices=MODES, default="fast", help=help_text)
    add("--model_dir", "-md", metavar="DIR", help="A model of this program instead of a mode's.")


def predict_as_signalp6(context: typer.Context) -> None:
    """Predict with SignalP 6's options, files and names."""
    given = parser().parse_args(context.args)
    signalp6.require(given.format)
    mode = MODES[given.mode]
    model = _model_of(mode) if given.model_dir is None else _own_model(given.model_dir, mode)
    options = RunOptions(
        model=model,
        organism=SIGNALP6_NAMES[given.organism],
        threads=given.torch_num_threads,
        batch_size=given.bsize,
        resume=given.resume,
        layout=replace(SIGNALP6, protein_files=given.format, mode=mode),
    )
    with console.progress_bar() as progress:
        run = predict_run(given.fastafile, given.output_dir, options, progress)
    _report(run, given.output_dir)


def _model_of(mode: str) -> str:
    """The model that stands for a mode; tells which one where the mode leaves it open."""
    if mode == "fast":
        return lookup.DEFAULT
    best = lookup.most_accurate()
    accuracy = best.config.accuracy
    mean_mcc2 = accuracy.figures.mean_mcc2 if accuracy else None
    known = f", mean MCC2 {mean_mcc2:.3f}" if mean_mcc2 is not None else ""
    console.note(f"mode {mode}: using '{best}', the most accurate model installed{known}")
    return best.name


def _own_model(directory: str, mode: str) -> str:
    """A model's directory; the mode's model where it holds SignalP 6's own. Raises ModelError."""
    if any(Path(directory).glob("*signalp6*")):
        name = _model_of(mode)
        console.note(f"{directory} holds SignalP 6's own model, which is not read; using '{name}'")
        return name
    try:
        ModelConfig.read(lookup.locate(directory))
    except ModelError as error:
        raise ModelError(
            f"{error}; give a model of this program, or leave out --model_dir"
        ) from None
    return directory


def _report(run: RunInfo, output_dir: str) -> None:
    """Notes for a terminal; pipelines get silence, unless proteins were changed."""
    if run.warnings:
        console.note(f"proteins with a warning: {run.warnings}; peft-sp predict lists them")
    if sys.stderr.isatty():
        positive = run.count - run.types.get(NO_SP, 0)
        console.note(
            f"{run.count:,} proteins, {positive:,} with a signal peptide; written to {output_dir}"
        )
