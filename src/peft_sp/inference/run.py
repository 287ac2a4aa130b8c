"""A whole prediction run: read, predict, write files that appear whole, and resume.

The commands, a service, a worker of a cluster and a user of the library all call `predict_run`
or `predict_stream`. Nothing is printed; progress comes through a callback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from peft_sp.biology.organism import parse_choice
from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.errors import OptionError
from peft_sp.inference.backends import runtime
from peft_sp.inference.cache import WindowCache
from peft_sp.inference.hardware.processors import available_processors
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.recorded import UNDECIDED, Counts, Recorded
from peft_sp.inference.run_options import (
    PLOTS,
    SIGNALP6,
    SUMMARY,
    Layout,
    Notice,
    Progress,
    RunOptions,
    Stages,
    every_name,
)
from peft_sp.io.fasta import STANDARD_INPUT, FastaInput, Survey, open_input
from peft_sp.io.plotting import plotter
from peft_sp.io.registry import lookup
from peft_sp.io.results.protection import Protection, files_of, refuse_input
from peft_sp.io.results.run_directory import RunDirectory, refuse_unfinished
from peft_sp.io.results.run_info import RunInfo
from peft_sp.io.writers import fasta, genome, gff3, signalp6, tables
from peft_sp.version import __version__

__all__ = ["PLOTS", "SIGNALP6", "SUMMARY", "UNDECIDED", "Layout", "RunInfo", "RunOptions"]
__all__ += ["Notice", "Progress", "predict_run", "predict_stream"]

Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def predict_run(
    sources: Sources,
    directory: str | os.PathLike[str],
    options: RunOptions | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
    *,
    names: Sequence[str] | None = None,
) -> RunInfo:
    """Predict all proteins of FASTA files into the files of a directory.

    sources: a path or several, "-" for standard input. The files appear together when they are
    whole; a run that was stopped or killed is continued with `resume`, and gives the same bytes.
    The time that files give is that of the first start, or SOURCE_DATE_EPOCH. notice: is told
    which unfinished run is discarded, before the work that takes its place. names: what messages
    and results call the sources, None for their paths.

    Raises InputError, ModelError, OutputError, MissingExtraError; each leaves either nothing or
    a run that can be resumed.

        info = predict_run("proteins.faa", "results", RunOptions(organism="eukarya"))
        print(info.count, dict(info.types), info.files)
    """
    options = options or RunOptions()
    layout, started = options.layout, now()
    if options.plots:
        plotter.require(options.plots)
    signalp6.require(layout.protein_files)
    if os.fspath(directory) in ("", STANDARD_INPUT):  # not set, or meant as standard output
        raise OptionError(
            f"the directory is named '{directory}'; give another with {layout.directory_option}"
        )
    if not options.resume:
        refuse_unfinished(directory, layout.directory_option)
    genes_of = options.genes.files if options.genes is not None else ()
    with _opened(sources, layout, names) as source:
        protection = Protection(
            *(Path(directory), options.written, {**source.files, **files_of(*genes_of)}),
            force=options.force,
            option=layout.directory_option,
            edited=layout.edited,
            known=every_name(),
        )
        protection.check()
        run = _prepared(source, options)
        run.info = replace(run.info, directory=os.fspath(directory), time=started)
        with RunDirectory(
            directory,
            run.identity(),
            options.resume,
            protection=protection,
            read=lambda found: Recorded.of(found, options.cached_windows, options.summary),
            interval=options.journal_interval,
            share=options.journal_share,
        ) as files:
            if files.restarted and notice is not None:
                notice(files.restarted)
            return _write(files, run, progress)


def predict_stream(
    sources: Sources,
    stream: TextIO,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> RunInfo:
    """Predict all proteins of FASTA files into a stream: the rows of `predictions.tsv`.

    Raises OptionError for options that need a directory, OSError where the stream cannot be
    written, and what `predict_run` raises.
    """
    options = options or RunOptions()
    if options.resume or options.marginals or options.fasta:
        raise OptionError(
            "resume, plots, summary, fasta and files of each protein need a directory"
        )
    with _opened(sources, options.layout) as source:
        refuse_input(stream, source.files)
        run = _prepared(source, options)
        counts, table = Counts(), tables.TableWriter(stream)
        cache = WindowCache(options.cached_windows)
        tell = Stages(progress, run.info.count)
        for prediction in run.predictions(run.source.proteins(), cache, tell.computed):
            table.write(prediction)
            counts.add(prediction)
        stream.flush()
        return replace(counts.added_to(run.info), **source.renamed())


def now() -> datetime:
    """The time that files give as theirs; SOURCE_DATE_EPOCH may set it, as in package builds.

    Raises OptionError where that is no number of seconds.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        return datetime.now()
    try:
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError):
        raise OptionError(
            f"the environment variable SOURCE_DATE_EPOCH is '{given}'; give it in seconds"
        ) from None


@dataclass
class _Run:
    """A run whose input is open and checked, and whose model is loaded."""

    options: RunOptions
    source: FastaInput
    survey: Survey
    predictor: Predictor
    info: RunInfo

    def identity(self) -> dict[str, str]:
        """All that decides the output of a run, by name, for one that resumes it."""
        options, survey, layout = self.options, self.survey, self.options.layout
        backend = self.predictor.backend
        pictures = (*([options.plots] if options.plots else []), *options.pictures)
        known = {
            "command": layout.command,
            "version": __version__,
            "input": f"{survey.count:,} proteins with hash {survey.fingerprint}",
            "number of skipped records": str(survey.unusable),
            "model": f"hash {self.predictor.fingerprint}",
            "organism": str(options.organism),
            "decision rule": "published" if self.info.published_decoding else "own",
            "threshold": "none" if options.threshold is None else repr(float(options.threshold)),
            "batch size": str(options.batch_size or backend.batch_size),
            "chunk": f"{self.predictor.chunk:,} proteins, "
            f"{options.cached_windows:,} windows cached",
            "pictures": ", ".join(pictures) or "none",
            "fasta": "with signal peptides" if options.fasta else "none",
            "genes": f"hash {options.genes.fingerprint()}" if options.genes else "none",
            "runtime": f"{runtime(backend)}, numpy {np.__version__}",
        }
        if layout.mode is not None:
            known |= {"format": layout.protein_files, "mode": layout.mode}
        return known

    def predictions(
        self,
        proteins: Iterator[Protein],
        cache: WindowCache,
        report: Callable[[int], None],
    ) -> Iterator[Prediction]:
        """Predictions of the proteins behind those that are done.

        report: called after each batch with the proteins that are computed, the done ones included.
        """
        done = cache.settled
        return self.predictor.predict(
            proteins,
            self.info.organism,
            self.options.batch_size,
            self.options.marginals,
            cache,
            threshold=self.options.threshold,
            report=lambda computed: report(done + computed),
        )


def _opened(
    sources: Sources, layout: Layout, names: Sequence[str] | None = None
) -> AbstractContextManager[FastaInput]:
    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    return open_input(paths, layout.whole_headers, layout.signs_as_x, names)


def _prepared(source: FastaInput, options: RunOptions) -> _Run:
    """Check the whole input, then load the model."""
    layout, given = options.layout, options.model
    survey = source.survey(options.skip_invalid)
    if isinstance(given, Predictor):
        predictor = given
    else:
        predictor = load(
            given if isinstance(given, lookup.Model) else lookup.find(given),
            device=options.device,
            threads=options.threads,
            backbone=options.backbone,
            precision=options.precision,
            chunk=options.chunk,
            published_decoding=options.published_decoding,
        )
    info = RunInfo(
        tool=layout.tool,
        model=predictor.config.name if layout.mode is None else layout.mode,
        organism=parse_choice(options.organism),
        threshold=options.threshold,
        published_decoding=predictor.published_decoding,
        count=survey.count,
        source=", ".join(source.names),
        skipped=survey.skipped,
        unusable=survey.unusable,
        cleaned=survey.cleaned,
        changed=survey.changed,
        protein_files=layout.protein_files,
    )
    return _Run(options, source, survey, predictor, info)


def _write(files: RunDirectory, run: _Run, progress: Progress | None) -> RunInfo:
    """Write all files, behind the last whole chunk of an earlier run where one is resumed.

    How far the run got is recorded by the batch: of a chunk, its results so far.
    """
    options, info = run.options, replace(run.info, files=run.options.files)
    counts, cache = Counts(), WindowCache(options.cached_windows)
    earlier: Recorded | None = files.earlier
    if earlier is not None:
        info = replace(info, time=earlier.time, directory=earlier.directory, source=earlier.source)
        counts, cache = earlier.counts, earlier.cache
        if earlier.renamed is not None:  # all but the moving of the files was done
            return counts.added_to(replace(info, **earlier.renamed))
    assert info.time is not None
    about = {"time": info.time.isoformat(), "directory": info.directory, "source": info.source}
    with ExitStack() as drawing:
        outputs = _Outputs(files, info, options, drawing)

        def state() -> dict[str, Any]:
            page = outputs.state()
            content = {"counts": counts.state(), "windows": cache.state(), "page": page}
            return {**about, **content, "read": run.source.read_so_far()}

        # Drawing takes as long as predicting, or longer: where there is any, both advance.
        drawn = bool(options.plots) or options.layout.protein_files != "none"
        tell = Stages(progress, info.count, drawn, cache.settled)

        def after_batch(computed: int) -> None:
            tell.computed(computed)
            files.mark(cache.settled, state)

        proteins = run.source.proteins(earlier.read if earlier else None)
        for protein in islice(proteins, files.done):
            outputs.pass_over(protein)
        predictions = run.predictions(proteins, cache, after_batch)
        for number, prediction in enumerate(predictions, files.done + 1):
            outputs.write(prediction)
            counts.add(prediction)
            tell.written(number)
            if number == cache.settled:
                outputs.end_chunk()
                files.mark(number, state)
        outputs.finish()
    renamed = run.source.renamed()
    files.complete(info.count, {**about, "counts": counts.state(), "renamed": renamed})
    return counts.added_to(replace(info, **renamed))


class _Writer(Protocol):
    """What writes a prediction into a file, or several."""

    def write(self, prediction: Prediction) -> None: ...


class _Outputs:
    """The writers of a run's files, side by side."""

    def __init__(
        self, files: RunDirectory, info: RunInfo, options: RunOptions, drawing: ExitStack
    ) -> None:
        self._page = self._plotter = None
        self._own: list[_Writer] = []
        if options.layout.own:
            self._own = [
                tables.TableWriter(files.open(tables.FILE), files.resumed),
                gff3.Gff3Writer(files.open(gff3.FILE), info.tool, files.resumed),
            ]
        if options.genes is not None:
            stream = files.open(genome.FILE)
            self._own.append(genome.GenomeWriter(stream, info.tool, options.genes, files.resumed))
        if options.fasta:
            self._own.append(fasta.FastaWriter(files))
        self._compatible = signalp6.SignalP6Writer(files, info)
        if options.summary:
            from peft_sp.io.plotting.summary import page

            begun = files.earlier.page if files.earlier is not None else None
            stream = files.open(SUMMARY)
            self._page = page.SummaryWriter(stream, info, begun)
        if options.plots:
            processes = options.threads or available_processors()
            self._plotter = drawing.enter_context(
                plotter.Plotter(files.folder(PLOTS), options.plots, processes)
            )

    def pass_over(self, protein: Protein) -> None:
        """The files hold this protein already, from the run that is resumed."""
        self._compatible.pass_over(protein)
        if self._plotter is not None:
            self._plotter.pass_over(protein)

    def write(self, prediction: Prediction) -> None:
        """Add one prediction to every file."""
        for own in self._own:
            own.write(prediction)
        self._compatible.write(prediction)
        if self._page is not None:
            self._page.write(prediction)
        if self._plotter is not None:
            self._plotter.add(prediction)

    def end_chunk(self) -> None:
        """The last prediction of a chunk is written: from here a run may be resumed."""
        if self._page is not None:
            self._page.end_block()

    def state(self) -> Any:
        """What the page has counted; all pictures so far are drawn."""
        if self._plotter is not None:
            self._plotter.drain()
        return self._page.state() if self._page is not None else None

    def finish(self) -> None:
        """Write what comes after the last prediction."""
        self._compatible.finish()
        if self._page is not None:
            self._page.finish()
