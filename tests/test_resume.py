"""Runs that are killed, stopped or out of space, and gone on with: real processes, real kills."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peft_sp.io.results.protection import UNFINISHED
from peft_sp.io.results.unfinished import JOURNAL, NAMES
from tests.support import forked
from tests.support.commands import ALL_FILES, peft_sp

pytestmark = pytest.mark.integration

# Chunks and the cache are small and every chunk is recorded, so that 350 proteins are
# as eventful as a million. Each attempt is a process of its own that dies by SIGKILL, either at
# its n-th step to the disk, before or after it, or after some milliseconds.
DRIVER = """
import os, pathlib, resource, signal, sys, time
from dataclasses import replace
from peft_sp.cli import predict, signalp6
from peft_sp.cli.main import main
from peft_sp.inference import run
from peft_sp.io.results.run_directory import RunDirectory

def eventful(sources, directory, options, *told):
    small = {"chunk": 30, "cached_windows": 70, "journal_interval": 0, "journal_share": 1e9}
    small["batch_size"] = options.batch_size or 16  # kills come between the batches of a chunk, too
    return run.predict_run(sources, directory, replace(options, **small), *told)

predict.predict_run = signalp6.predict_run = eventful

def steps(limit, log):
    count = 0
    def step():
        nonlocal count
        count += 1
        if log:
            pathlib.Path(log).write_text(str(count))
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
    def watched(call):
        def run(*arguments, **options):
            step()
            result = call(*arguments, **options)
            step()
            return result
        return run
    os.fsync, os.truncate = watched(os.fsync), watched(os.truncate)
    os.rename = os.replace = watched(os.replace)
    os.unlink, os.rmdir = watched(os.unlink), watched(os.rmdir)

kind, number, log, *arguments = sys.argv[1:]
sys.argv = ["peft-sp", *arguments]
if kind == "slow":  # so that a signal finds it at work
    mark = RunDirectory.mark
    def slowly(self, *given):
        mark(self, *given)
        time.sleep(0.3)
    RunDirectory.mark = slowly
if kind == "full":  # the disk, for files of this size
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
if kind == "step":
    steps(int(number), log)
elif kind == "time":
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it is doing
    signal.setitimer(signal.ITIMER_REAL, float(number))
main()
"""


# The time stamp of a straight run and of another one must be comparable.
DATED = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}


class Runs:
    """Runs of one command line, under the same relative names, in folders of their own."""

    def __init__(self, folder: Path, options=("--skip-invalid",), signalp6=False) -> None:
        self.folder = folder
        self.options = options
        self.signalp6 = signalp6

    def command(self, place, *options, kind="", number=0, log=""):
        (self.folder / place).mkdir(exist_ok=True)
        arguments = ["predict", str(self.folder / "in.faa"), "-o", "out"]
        if self.signalp6:
            arguments = ["signalp6", "-ff", str(self.folder / "good.faa"), "-od", "out"]
        return [kind, number, log, *arguments, *self.options, *options]

    def start(self, place, *options, kind="", number=0, log="", env=DATED):
        command = self.command(place, *options, kind=kind, number=number, log=log)
        return forked.start(*command, program=DRIVER, cwd=self.folder / place, environment=env)

    def run(self, place, *options, **settings):
        return self.start(place, *options, **settings).wait()

    def run_cold(self, place):
        """In a process that shares nothing with others, not even the seed of hashes."""
        command = [sys.executable, "-c", DRIVER, *map(str, self.command(place))]
        options = {"cwd": self.folder / place, "env": DATED, "capture_output": True, "text": True}
        process = subprocess.run(command, check=False, **options)
        return process.returncode, process.stdout, process.stderr

    def out(self, place) -> Path:
        return self.folder / place / "out"

    def contents(self, place):
        out = self.out(place)
        found = {str(p.relative_to(out)): p for p in out.rglob("*") if p.is_file()}
        return {n: p.read_bytes() for n, p in found.items() if not n.startswith(UNFINISHED)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, ecoli) -> Runs:
    """Input with equal windows near and far, equal names, warnings and records to skip."""
    found = Runs(tmp_path_factory.mktemp("resume"))
    records = [r for r in ecoli.read_text().split(">") if r][:150]
    chosen = random.Random(0)
    lines = [f">{record}" for record in records]
    for number in range(200):
        header, _, sequence = chosen.choice(records).partition("\n")
        name = header if number % 5 == 0 else f"again{number}"
        lines.append(f">{name}\n{sequence.replace('A', '-A', number % 3)}")
        if number % 50 == 0:
            lines.append(f">bad{number}\nM1\n")
    (found.folder / "in.faa").write_text("".join(lines))
    good = [line for line in lines if not line.startswith(">bad")]
    (found.folder / "good.faa").write_text("".join(good))
    code, _, errors = found.run_cold("straight")
    assert code == 0, errors
    assert set(found.contents("straight")) == ALL_FILES
    keys = json.loads(found.contents("straight")["output.json"])["SEQUENCES"]
    assert len(keys) == 350 and any("_3 " in key for key in keys)
    return found


def test_kills_at_random_moments_change_nothing(runs):
    straight, chosen, kills = runs.contents("straight"), random.Random(1), 0
    log = runs.folder / "steps"
    assert runs.run("counted", kind="step", log=log)[0] == 0
    steps = int(log.read_text())
    assert runs.contents("counted") == straight
    code = None
    for attempt in range(40):
        kind = "time" if attempt % 3 == 0 else "step"
        number = chosen.uniform(0.05, 0.6) if kind == "time" else chosen.randint(1, steps // 4)
        code, _, errors = runs.run("random", "--resume", kind=kind, number=number)
        assert code in (0, -signal.SIGKILL, -signal.SIGALRM), errors
        if code == 0:
            break
        kills += 1
        if runs.out("random").exists():
            for name, content in runs.contents("random").items():
                assert content == straight[name], f"{name} appeared before it was whole"
    else:
        code, _, errors = runs.run("random", "--resume")
    assert code == 0 and kills >= 3, (kills, errors)
    assert runs.contents("random") == straight
    assert not (runs.out("random") / UNFINISHED).exists()


def test_a_kill_at_any_step_of_the_end_changes_nothing(runs):
    """Between the files' last bytes and the last of them under its own name."""
    straight, log = runs.contents("straight"), runs.folder / "steps"
    assert runs.run("counted", kind="step", log=log)[0] == 0
    # Back to front: removing the folder and its journal, moving six files, the last journal.
    last = int(log.read_text())
    seen = set()
    for number in range(last, last - 42, -6):
        shutil.rmtree(runs.out("end"), ignore_errors=True)
        assert runs.run("end", kind="step", number=number)[0] == -signal.SIGKILL
        there = runs.contents("end")
        seen.add(len(there))
        assert all(content == straight[name] for name, content in there.items())
        code, output, errors = runs.run("end", "--resume")
        assert code == 0, errors
        assert "350 proteins" in output
        assert runs.contents("end") == straight
        assert [p.name for p in runs.out("end").iterdir() if p.name not in ALL_FILES] == []
    assert {0, 6} < seen, "it was also killed between two files"


def test_pictures_and_the_page_are_gone_on_with(runs):
    drawn = Runs(runs.folder, ("--skip-invalid", "--plots", "svg"))
    log = runs.folder / "steps"
    assert drawn.run("drawn", kind="step", log=log)[0] == 0
    straight = drawn.contents("drawn")
    assert len(straight) == 350 + len(ALL_FILES) + 1 and "summary.html" in straight
    steps = int(log.read_text())
    for number in (steps // 3, steps // 3):
        code = drawn.run("redrawn", "--resume", kind="step", number=number)[0]
        assert code == -signal.SIGKILL
    assert drawn.run("redrawn", "--resume")[0] == 0
    assert drawn.contents("redrawn") == straight


def test_a_command_in_signalp6s_place_is_gone_on_with(runs):
    """Killed at work and while its files are moved; its words are of its own options."""
    compatible, log = Runs(runs.folder, (), signalp6=True), runs.folder / "steps"
    assert compatible.run("sixth", kind="step", log=log)[0] == 0
    straight = compatible.contents("sixth")
    assert len(straight) == 350 + len(ALL_FILES) - 2 and "predictions.tsv" not in straight
    steps = int(log.read_text())
    for number in (200, steps - 150):
        code = compatible.run("again", kind="step", number=number)[0]
        assert code == -signal.SIGKILL
    code, _, errors = runs.run("again", "--resume")
    assert code == 2 and "another command (there signalp6, now predict)" in errors
    code, _, errors = compatible.run("again", log=runs.folder / "rest", kind="step")
    # Two lines: of the records that were changed, and of those that share a header.
    assert (code, errors.count("\n"), "discarded" in errors) == (0, 2, False)
    assert int((runs.folder / "rest").read_text()) < 250, "what was left of some 1,500 steps"
    assert compatible.contents("again") == straight
    assert compatible.run("again", kind="step", number=200)[0] == -signal.SIGKILL
    changed = Runs(runs.folder, ("-org", "euk", "-fmt", "none"), signalp6=True)
    code, _, errors = changed.run("again")
    why = "out: the unfinished run there has another organism (there other, now eukarya)"
    told = re.fullmatch(
        rf"peft-sp: {re.escape(why)}; its \d+ proteins are discarded, and the run starts anew",
        errors.splitlines()[0],
    )
    assert code == 0 and told, errors
    assert b"Organism: Eukarya" in changed.contents("again")["prediction_results.txt"]
    assert not (changed.out("again") / UNFINISHED).exists()
    (compatible.folder / "file").mkdir()
    (compatible.folder / "file" / "out").write_text("in the way")
    code, _, errors = compatible.run("file")
    assert code == 2 and "choose another with --output_dir" in errors


def test_a_killed_run_is_refused_without_resume_and_another_is_not_gone_on_with(runs, tmp_path):
    place = runs.out("refused")
    assert runs.run("refused", kind="step", number=60)[0] == -signal.SIGKILL
    before = {p.name: p.read_bytes() for p in (place / UNFINISHED).iterdir()}
    code, output, errors = runs.run("refused")
    assert (code, output) == (2, "") and errors.count("\n") == 1
    assert "an unfinished run is here" in errors and "pass --resume" in errors
    cases = {
        "organism": ("--organism", "eukarya"),
        "batch size": ("--batch-size", "9"),
        "input": (str(runs.folder / "more.faa"),),
    }
    (runs.folder / "more.faa").write_text(">one-more\nMKT\n")
    for name, options in cases.items():
        code, output, errors = runs.run("refused", "--resume", *options)
        assert (code, output) == (2, ""), errors
        line = errors.splitlines()[-1]
        assert line.startswith(f"peft-sp: out: the unfinished run there has another {name} (")
        assert "Traceback" not in errors
    assert {p.name: p.read_bytes() for p in (place / UNFINISHED).iterdir()} == before
    code, _, errors = runs.run("refused", "--resume")
    assert code == 0, errors
    assert runs.contents("refused") == runs.contents("straight")


@pytest.mark.parametrize("harm", ["journal cut", "journal changed", "file cut", "file gone"])
def test_a_damaged_state_is_one_line(runs, harm):
    place = runs.out("damaged")
    shutil.rmtree(place, ignore_errors=True)
    assert runs.run("damaged", kind="step", number=60)[0] == -signal.SIGKILL
    journal, table = place / UNFINISHED / JOURNAL, place / UNFINISHED / "predictions.tsv"
    if harm == "journal cut":
        journal.write_bytes(journal.read_bytes()[:-100])
    elif harm == "journal changed":
        journal.write_bytes(journal.read_bytes().replace(b'"done":', b'"done":1'))
    elif harm == "file cut":
        os.truncate(table, 10)
    else:
        table.unlink()
    code, output, errors = runs.run("damaged", "--resume")
    assert (code, output) == (2, "")
    line = errors.splitlines()[-1]
    assert "damaged; remove out/peft-sp-unfinished and start anew" in line
    assert "Traceback" not in errors
    shutil.rmtree(place / UNFINISHED)
    assert runs.run("damaged")[0] == 0
    assert runs.contents("damaged") == runs.contents("straight")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_says_how_to_go_on(runs, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("this signal is ignored here, as under nohup, and a run inherits that")
    place = runs.out("stopped")
    shutil.rmtree(place, ignore_errors=True)
    process = runs.start("stopped", kind="slow")
    deadline = time.monotonic() + 60
    while not (place / UNFINISHED / JOURNAL).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    code, _, errors = process.wait()
    assert code == 128 + number
    line = errors.splitlines()[-1]
    assert line.startswith("peft-sp: stopped; ") and "proteins are done; " in line
    assert line.endswith("the same command with --resume continues")
    assert [p.name for p in place.iterdir()] == [UNFINISHED]
    code, _, errors = runs.run("stopped", "--resume")
    assert code == 0, errors
    assert runs.contents("stopped") == runs.contents("straight")


def test_the_time_is_that_of_the_first_start(runs):
    assert runs.run("dated", kind="step", number=60)[0] == -signal.SIGKILL
    env = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    assert runs.run("dated", "--resume", env=env)[0] == 0
    assert runs.contents("dated") == runs.contents("straight")


@pytest.mark.parametrize("limit", [100, 60_000, 200_000])
def test_a_full_disk_leaves_nothing_or_what_can_be_gone_on_with(runs, limit):
    place = runs.out(f"full{limit}")
    full = {"kind": "full", "number": limit}
    code, output, errors = runs.run(place.parent.name, **full)
    assert (code, output) == (2, "")
    line = errors.splitlines()[-1]
    assert line.startswith("peft-sp: out: cannot be written (File too large); ")
    assert "Traceback" not in errors
    if limit == 100:
        assert not place.exists()
        return
    assert "proteins are done; the same command with --resume continues" in line
    assert [p.name for p in place.iterdir()] == [UNFINISHED]
    # Still full: refused again, with nothing lost.
    code, _, errors = runs.run(place.parent.name, "--resume", **full)
    assert code == 2 and "continues" in errors.splitlines()[-1]
    code, _, errors = runs.run(place.parent.name, "--resume")
    assert code == 0, errors
    assert runs.contents(place.parent.name) == runs.contents("straight")


def test_standard_input_is_gone_on_with_when_it_comes_again(runs):
    piped = Runs(runs.folder)
    text = (runs.folder / "in.faa").read_text()

    def command(*options, kind="", number=0):
        arguments = ["predict", "-", "-o", "out", *piped.options, *options]
        return subprocess.run(
            [sys.executable, "-c", DRIVER, kind, str(number), "", *arguments],
            cwd=piped.out("piped").parent,
            env=DATED,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    piped.out("piped").parent.mkdir()
    assert command(kind="step", number=60).returncode == -signal.SIGKILL
    again = command("--resume")
    assert again.returncode == 0, again.stderr
    assert piped.contents("piped") == runs.contents("straight")


def test_resume_where_nothing_is_to_be_gone_on_with(runs):
    """A new directory, a finished one, and one whose run was killed before it got anywhere."""
    for _ in range(2):
        code, _, errors = runs.run("anew", "--resume")
        assert code == 0, errors
        assert runs.contents("anew") == runs.contents("straight")
    (runs.out("anew") / UNFINISHED).mkdir()
    (runs.out("anew") / UNFINISHED / NAMES).write_text("predictions.tsv")
    (runs.out("anew") / UNFINISHED / "predictions.tsv").write_text("half a l")
    code, _, errors = runs.run("anew")
    assert code == 0, errors
    assert runs.contents("anew") == runs.contents("straight")


def test_what_was_printed_cannot_be_gone_on_with(runs):
    code, output, errors = peft_sp("predict", runs.folder / "in.faa", "-o", "-", "--resume")
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and "--resume needs a directory" in errors
