"""A whole run from Python: what it leaves, reports and returns, and how it is resumed."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import pytest

from peft_sp.errors import InputError, ModelError, OptionError, OutputError
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.run import SIGNALP6, RunOptions, predict_run, predict_stream
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.results.protection import RECORD, UNFINISHED
from peft_sp.io.writers.signalp6 import FILES

EVENTFUL = {"chunk": 30, "cached_windows": 70, "journal_interval": 0.0, "journal_share": 1e9}


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def a_fixed_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


def test_a_run_returns_what_is_known_of_it(good, tmp_path, capsys):
    mixed = tmp_path / "mixed.faa"
    mixed.write_text(">x OS=Homo sapiens\nMK*T\n>bad\nM1\n")
    out = tmp_path / "out"
    options = RunOptions(organism="auto", skip_invalid=True, threads=1, summary=True)
    run = predict_run([good, mixed], out, options)
    assert (run.count, run.model, run.organism, run.layout) == (3, "fast", "auto", "other")
    assert run.source == f"{good}, {mixed}" and run.directory == str(out)
    assert run.tool.startswith("PEFT-SP-0.")
    assert dict(run.types) == {"SP": 1, "NO_SP": 2}
    assert dict(run.organisms) == {"undecided": 2, "eukarya": 1}
    assert run.warnings == 3 and run.time.timestamp() == 1_700_000_000
    (error,) = run.skipped
    assert isinstance(error, InputError) and error.record == "bad" and error.line == 3
    assert run.files == ("predictions.tsv", "predictions.gff3", *FILES, "summary.html")
    assert {path.name for path in out.iterdir()} == {*run.files, RECORD}
    assert json.loads((out / "output.json").read_text())["INFO"] == {"failedjobs": 1, "size": 3}
    assert capsys.readouterr() == ("", "")


def test_runs_may_share_a_loaded_model_and_name_their_sources(good, tmp_path):
    predictor = load("fast", threads=1)
    given = RunOptions(model=predictor, summary=True)
    for folder in ("first", "second"):
        run = predict_run(good, tmp_path / folder, given, names=["mine.faa"])
        assert (run.model, run.source) == ("fast", "mine.faa")
    alone = tmp_path / "alone"
    predict_run(good, alone, RunOptions(threads=1, summary=True), names=["mine.faa"])
    names = ("predictions.tsv", "summary.html")
    for name in names:
        assert (alone / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    with pytest.raises(ModelError, match="not loaded from a model's directory"):
        made = Predictor(predictor.backend, predictor.config)
        predict_run(good, tmp_path / "third", RunOptions(model=made))


@pytest.mark.parametrize("plots", [None, "svg"])
def test_progress_rises_to_the_total(ecoli, tmp_path, plots):
    seen = []
    options = RunOptions(threads=1, batch_size=16, chunk=100, plots=plots)
    predict_run(ecoli, tmp_path / "out", options, lambda *given: seen.append(given))
    done = [number for number, _ in seen]
    assert done == sorted(done) and done[-1] == 300 and len(done) > 15
    assert {total for _, total in seen} == {300}


def test_progress_advances_while_a_chunk_is_computed_that_is_drawn_afterwards(ecoli, tmp_path):
    """As with signalp6, which writes a table for each protein unless it is told not to."""
    seen = []
    layout = replace(SIGNALP6, protein_files="txt", mode="fast")
    options = RunOptions(threads=1, batch_size=16, layout=layout)
    predict_run(ecoli, tmp_path / "out", options, lambda done, _: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == 300
    assert len([done for done in seen if done < 150]) > 10


def test_a_stream_has_the_rows_of_the_table(ecoli, tmp_path):
    stream = io.StringIO()
    run = predict_stream(ecoli, stream, RunOptions(threads=1))
    whole = predict_run(ecoli, tmp_path / "out", RunOptions(threads=1))
    assert stream.getvalue().encode() == (tmp_path / "out" / "predictions.tsv").read_bytes()
    assert (run.count, run.types, run.directory) == (whole.count, whole.types, "")


def test_a_stream_takes_nothing_that_needs_a_directory(good):
    for given in ({"resume": True}, {"plots": "svg"}, {"summary": True}, {"fasta": True}):
        options = RunOptions(**given)
        with pytest.raises(OptionError, match="need a directory"):
            predict_stream(good, io.StringIO(), options)


def test_signalp6s_layout(good, tmp_path):
    layout = replace(SIGNALP6, protein_files="txt", mode="slow")
    run = predict_run(good, tmp_path / "out", RunOptions(layout=layout, organism="eukarya"))
    assert run.files == FILES and run.model == "slow"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *FILES,
        RECORD,
        "output_a_first_plot.txt",
        "output_b_plot.txt",
    }
    head = (tmp_path / "out" / FILES[0]).read_text().split("\n")[0]
    assert head.startswith("# SignalP-6.0\tOrganism: Eukarya\t")


class StopError(Exception):
    """Raised by a caller's own progress callback."""


@pytest.mark.parametrize(
    "looks", [{}, {"plots": "svg", "summary": True}, {"fasta": True, "threshold": 0.2}]
)
def test_a_run_that_is_stopped_is_resumed_to_the_same_bytes(ecoli, tmp_path, looks, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the files name their directory
    options = RunOptions(threads=1, batch_size=7, **looks, **EVENTFUL)
    whole = predict_run(ecoli, "out", options)
    straight = contents(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "straight")

    def stop(done, total):
        if done > 170:
            raise StopError

    with pytest.raises(StopError) as caught:
        predict_run(ecoli, "out", options, stop)
    (note,) = caught.value.__notes__
    assert note == "150 proteins are done; the same command with --resume continues"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [UNFINISHED]
    with pytest.raises(OutputError, match="an unfinished run is here"):
        predict_run(ecoli, "out", options)
    for other in ({"chunk": 60}, {"threshold": 0.3}, {"fasta": not options.fasta}):
        with pytest.raises(OutputError, match=f"has another {next(iter(other))}"):
            predict_run(ecoli, "out", replace(options, **other, resume=True))
    seen = []
    resumed = predict_run(
        ecoli, "out", replace(options, resume=True), lambda done, _: seen.append(done)
    )
    assert contents(tmp_path / "out") == straight
    assert min(seen) >= 150 and max(seen) == 300
    assert resumed == whole


def test_a_time_that_is_none(good, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(OptionError, match="SOURCE_DATE_EPOCH is 'yesterday'; give it in seconds"):
        predict_run(good, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("interval", [0.0, 1e9])
def test_input_that_changes_leaves_nothing(ecoli, tmp_path, interval):
    """Behind a mark, from which the run could have been resumed, and without one."""
    path, out = tmp_path / "in.faa", tmp_path / "out"
    path.write_bytes(ecoli.read_bytes() * 4)  # more than is read ahead
    options = RunOptions(threads=1, **{**EVENTFUL, "journal_interval": interval})

    def change(done, total):
        if done > 100:
            path.write_text(">a\nMKT\n")

    with pytest.raises(InputError, match="changed while it was predicted") as caught:
        predict_run(path, out, options, change)
    assert caught.value.__notes__ == ["nothing was written"]
    assert not out.exists()


def test_a_model_is_resumed_whose_directory_holds_the_results(ecoli, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(bundled()["fast"], model)
    options = RunOptions(model=str(model), threads=1, **EVENTFUL)

    def stop(done, total):
        if done > 170:
            raise StopError

    with pytest.raises(StopError):
        predict_run(ecoli, model / "out", options, stop)
    seen = []
    resumed = replace(options, resume=True)
    predict_run(ecoli, model / "out", resumed, lambda done, _: seen.append(done))
    assert min(seen) > 100 and (model / "out" / "predictions.tsv").exists()
