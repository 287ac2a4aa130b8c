"""`peft-sp signalp6`: SignalP 6's command line, for pipelines that call it."""

from __future__ import annotations

import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from peft_sp.biology.grammar import NO_SP
from peft_sp.cli.output import Look, identity, now, write
from peft_sp.errors import ModelError
from peft_sp.inference.cache import Memory
from peft_sp.inference.loading import load
from peft_sp.io import signalp6
from peft_sp.io.fasta import Survey, open_input
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.run_directory import OutputFiles, refuse_unfinished
from peft_sp.version import __version__

TOOL = "SignalP-6.0"
"""What the files call the tool: parsers look for it."""
OUTPUT = "--output_dir"


class Organism(StrEnum):
    """SignalP 6's organisms with the aliases in use; all but eukaryotes are one group."""

    other = "other"
    eukarya = "eukarya"
    euk = "euk"
    arch = "arch"
    gram_positive = "gram+"
    gram_negative = "gram-"


class Format(StrEnum):
    """Which files there are of each protein."""

    txt = "txt"
    png = "png"
    eps = "eps"
    all = "all"
    none = "none"


class Mode(StrEnum):
    """SignalP 6's models."""

    fast = "fast"
    slow = "slow"
    slow_sequential = "slow-sequential"
    slow_sequential_alias = "slow_sequential"


class SignalP6Command(TyperCommand):
    """Reads arguments as Python's argparse does, with which SignalP 6 reads its own."""

    # Newer releases of typer carry a click of their own: the context is of either one's type.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Complete the beginnings of long options, and part `-m=fast` into option and value."""
        names = [name for option in self.params for name in option.opts]
        given: list[str] = []
        for argument in args:
            name, equals, value = argument.partition("=")
            whole = name if name in names else _completed(name, names)
            given += [whole, value] if equals and whole in names else [whole + equals + value]
        return super().parse_args(ctx, given)


def _completed(begun: str, names: list[str]) -> str:
    """The one long option that begins so; what was given where there is none or several."""
    fitting = [name for name in names if name.startswith(begun)]
    return fitting[0] if len(fitting) == 1 and len(begun) > 2 and begun[:2] == "--" else begun


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    helps = {"help_option_names": ["-h", "--help"]}
    app.command(name="signalp6", cls=SignalP6Command, context_settings=helps)(predict_as_signalp6)


def _version(asked: bool) -> None:
    if asked:
        print(f"SignalP 6.0 command line of PEFT-SP {__version__}")
        raise typer.Exit


def predict_as_signalp6(
    fastafile: Annotated[
        str, typer.Option("--fastafile", "-ff", "-fasta", help="Protein FASTA file.")
    ],
    output_dir: Annotated[
        str, typer.Option("--output_dir", "-od", help="Directory for the results.")
    ],
    organism: Annotated[
        Organism,
        typer.Option("--organism", "-org", help="Eukaryotes have no types but Sec/SPI."),
    ] = Organism.other,
    plots: Annotated[
        Format,
        typer.Option("--format", "-fmt", "-format", help="Files of each protein: table, picture."),
    ] = Format.txt,
    mode: Annotated[
        Mode,
        typer.Option("--mode", "-m", help="The bundled model, or the most accurate one at hand."),
    ] = Mode.fast,
    model_dir: Annotated[
        str | None,
        typer.Option("--model_dir", "-md", help="A model of this program, in place of a mode's."),
    ] = None,
    bsize: Annotated[
        int | None,
        typer.Option("--bsize", "-bs", "-batch", min=1, help="Default: what suits the model."),
    ] = None,
    torch_num_threads: Annotated[
        int | None,
        typer.Option("--torch_num_threads", "-tt", min=1, help="Threads; default: all."),
    ] = None,
    write_procs: Annotated[
        int | None,
        typer.Option("--write_procs", "-wp", help="Taken and not needed: one process writes."),
    ] = None,
    skip_resolve: Annotated[
        bool,
        typer.Option("--skip_resolve", help="Taken and not needed: type and site agree."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped; not SignalP 6's.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Predict with SignalP 6's options, files and names.

    A pipeline that calls SignalP 6 can call this instead; peft-sp install-shim gives it that name.

    Example: [bold]peft-sp signalp6 -ff proteins.faa -org other -od out -fmt txt -m fast[/bold]
    """
    if mode is Mode.slow_sequential_alias:
        mode = Mode.slow_sequential
    signalp6.require(plots.value)
    if not resume:
        refuse_unfinished(output_dir, OUTPUT)
    started = now()
    model = _model_of(mode) if model_dir is None else _own_model(model_dir, mode)
    with open_input([fastafile]) as source:
        survey = source.survey()
        predictor = load(model, threads=torch_num_threads)
        run = signalp6.Run(
            tool=TOOL,
            organism="eukarya" if organism in (Organism.eukarya, Organism.euk) else "other",
            count=survey.count,
            directory=output_dir,
            mode=mode.value,
            plots=plots.value,
            unique=survey.unique,
            time=started,
        )
        proteins, memory = source.proteins(), Memory()
        predictions = predictor.predict(
            proteins, run.organism, bsize, plots is not Format.none, memory
        )
        look = Look(fastafile, tidy=False)
        known = identity("signalp6", survey, model, predictor, run.organism, bsize, look)
        known |= {"format": plots.value, "mode": mode.value}
        with OutputFiles(output_dir, known, resume, OUTPUT) as files:
            counts = write(files, run, predictions, proteins, memory, predictor.chunk, look)
    _report(counts, survey, output_dir)


def _model_of(mode: Mode) -> str:
    """The model that stands for a mode; says which one where the mode leaves it open."""
    if mode is Mode.fast:
        return lookup.DEFAULT
    best = lookup.most_accurate()
    accuracy = best.config.accuracy
    mean_mcc2 = accuracy.figures.mean_mcc2 if accuracy else None
    known = f", mean MCC2 {mean_mcc2:.3f}" if mean_mcc2 is not None else ""
    print(
        f"peft-sp: mode {mode.value}: using '{best}', the most accurate model installed{known}",
        file=sys.stderr,
    )
    return best.name


def _own_model(directory: str, mode: Mode) -> str:
    """A model's directory; the mode's model where it holds SignalP 6's own. Raises ModelError."""
    if any(Path(directory).glob("*signalp6*")):
        name = _model_of(mode)
        print(
            f"peft-sp: {directory} holds SignalP 6's own model, which is not read; using '{name}'",
            file=sys.stderr,
        )
        return name
    try:
        ModelConfig.read(lookup.locate(directory))
    except ModelError as error:
        raise ModelError(
            f"{error}; give a model of this program, or leave out --model_dir"
        ) from None
    return directory


def _report(counts: Counter[str], survey: Survey, output_dir: str) -> None:
    """What a terminal is told; pipelines get silence, unless proteins were changed."""
    if counts["warnings"]:
        print(
            f"peft-sp: proteins with a warning: {counts['warnings']}; peft-sp predict lists them",
            file=sys.stderr,
        )
    if sys.stderr.isatty():
        print(
            f"{survey.count:,} proteins, {survey.count - counts[NO_SP]:,} with a signal peptide; "
            f"written to {output_dir}",
            file=sys.stderr,
        )
