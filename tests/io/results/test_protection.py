"""What outputs may replace: no input under any of its names, and nothing of others."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results.protection import (
    RECORD,
    Protection,
    check_outputs,
    file_id,
    files_of,
    refuse_input,
)
from tests.support.commands import PEFT_SP, peft_sp


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.faa"
    path.write_text(">a\nMKT\n")
    return path


def test_an_input_is_known_under_all_its_names(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hard.faa").hardlink_to(source)
    (tmp_path / "soft.faa").symlink_to(source)
    (tmp_path / "folder").mkdir()
    names = ["in.faa", "hard.faa", "soft.faa", "folder/../in.faa"]
    with source.open() as opened:
        if Path("/proc/self/fd").is_dir():
            names.append(f"/proc/self/fd/{opened.fileno()}")
        for name in names:
            for other in (source, tmp_path / "hard.faa", tmp_path / "soft.faa"):
                with pytest.raises(OutputError, match="and would be replaced; choose another with"):
                    refuse_input(other, files_of(name))
    refuse_input(tmp_path / "new.faa", files_of(source))
    (tmp_path / "copy.faa").write_bytes(source.read_bytes())
    refuse_input(tmp_path / "copy.faa", files_of(source))


def test_what_is_no_regular_file_is_no_input_that_could_be_lost(tmp_path):
    assert [file_id(path) for path in (tmp_path, tmp_path / "none", "a\0b", -1, os.devnull)] == [
        None
    ] * 5


def test_single_files_replace_neither_inputs_nor_each_other_nor_what_is_there(
    source, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    there, new, empty = tmp_path / "there", tmp_path / "new", tmp_path / "empty"
    there.write_text("of others")
    empty.touch()
    (tmp_path / "link").symlink_to(new)
    inputs = files_of(source)
    check_outputs({"-o": str(new), "--left-out": str(empty), "--json": None}, inputs)
    check_outputs({"-o": "/dev/null", "--left-out": "-"}, inputs)
    check_outputs({"-o": str(there)}, inputs, force=True)
    for outputs, problem in (
        ({"-o": str(there)}, "there: is there already; choose another with -o, or pass --force"),
        ({"-o": "new", "--left-out": str(new)}, "is what -o writes; choose another with --left"),
        ({"-o": "link", "--left-out": str(new)}, "is what -o writes"),
    ):
        with pytest.raises(OutputError) as caught:
            check_outputs(outputs, inputs)
        assert problem in str(caught.value)
    for force in (False, True):
        with pytest.raises(OutputError, match=r"is the input .* choose another with --json"):
            check_outputs({"--json": str(source)}, inputs, force)


def test_a_stream_that_goes_into_an_input(source):
    with source.open("a") as stream, pytest.raises(OutputError, match="standard output: goes"):
        refuse_input(stream, files_of(source))


def test_files_are_ours_until_they_are_changed(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    for name in ("a.txt", "b.txt"):
        (made / name).write_text(name)
    Protection(tmp_path).record(["a.txt", "b.txt"], made)
    assert (made / RECORD).read_text() == "".join(
        f"{sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a.txt", "b.txt")
    )
    run = subprocess.run(["sha256sum", "-c", RECORD], cwd=made, check=False, capture_output=True)
    assert run.returncode == 0
    Protection(made, ("*.txt",)).check()
    (made / "a.txt").write_text("A.txt")
    with pytest.raises(OutputError, match=r"a.txt: was not written by .* changed since; choose"):
        Protection(made, ("*.txt",)).check()
    (made / "b.txt").unlink()
    (made / "b.txt").symlink_to("a.txt")
    with pytest.raises(OutputError, match=r"changed since \(nor were 1 others\); choose"):
        Protection(made, ("*.txt",)).check()
    Protection(made, ("*.txt",), force=True).check()


def test_what_was_written_before_is_ours_still(tmp_path):
    """Such as the results of another command."""
    for number, name in enumerate(("a.txt", "b.txt", "c.txt")):
        (tmp_path / name).write_text(name)
        Protection(tmp_path, (name,)).record([name], tmp_path)
        Protection(tmp_path, ("?.txt",)).check()
        assert (tmp_path / RECORD).read_text().count("\n") == number + 1
    (tmp_path / "b.txt").unlink()
    Protection(tmp_path, ("a.txt",)).record(["a.txt"], tmp_path)
    assert [line.split()[1] for line in (tmp_path / RECORD).read_text().splitlines()] == [
        "a.txt",
        "c.txt",
    ]


@pytest.mark.parametrize("force", [False, True])
def test_a_directory_or_an_input_in_the_way_is_never_replaced(source, tmp_path, force):
    (tmp_path / "output.json").mkdir()
    with pytest.raises(OutputError, match=r"output.json: is a directory, where a file is"):
        Protection(tmp_path, ("output.json",), force=force).check()
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.svg").hardlink_to(source)
    message = r"plots/a.svg: is the input .*in.faa and would be replaced; .* --output_dir"
    with pytest.raises(OutputError, match=message):
        Protection(
            tmp_path, ("plots/*.svg",), files_of(source), force=force, option="--output_dir"
        ).check()


def test_a_damaged_record_makes_nothing_ours(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for content in (b"\xff\xfe", b"0  a.txt\n", b""):
        (tmp_path / RECORD).write_bytes(content)
        with pytest.raises(OutputError, match="was not written by this program"):
            Protection(tmp_path, ("a.txt",)).check()


NO_RECORDS = {
    "an input": lambda record, source: record.hardlink_to(source),
    "a file of others": lambda record, source: record.write_text("my own list\n"),
    "a record with a line of others": lambda record, source: record.write_text(
        f"{'0' * 64}  a.txt\nmine\n"
    ),
    "a link to a record of others": lambda record, source: (
        source.with_name("list").write_text(f"{'0' * 64}  a.txt\n"),
        record.symlink_to("list"),
    ),
    "a pipe": lambda record, source: os.mkfifo(record),
    "a folder": lambda record, source: record.mkdir(),
}


@pytest.mark.parametrize("case", NO_RECORDS)
def test_what_stands_under_the_name_of_the_record_is_protected_as_results_are(
    case, source, tmp_path
):
    NO_RECORDS[case](tmp_path / RECORD, source)
    own = Protection(tmp_path, ("a.txt",), files_of(source))
    with pytest.raises(OutputError, match=rf"{RECORD}: (is the input|is a directory|was not w)"):
        own.check()
    with pytest.raises(OutputError, match=rf"{RECORD}: (is the input|is a directory|was not w)"):
        own.check_files(["b.txt"])


def test_no_result_is_waited_for(tmp_path):
    """A pipe under the name of a result has no content that could be looked at."""
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / RECORD).write_text(f"{'0' * 64}  a.txt\n")
    for edited in (False, True):
        with pytest.raises(OutputError, match="was not written by this program"):
            Protection(tmp_path, ("a.txt",), edited=edited).check()


def test_edited_results_are_replaced_where_that_is_the_rule_and_files_of_others_are_not(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    Protection(tmp_path).record(["a.txt"], tmp_path)
    (tmp_path / "a.txt").write_text("edited")
    own = Protection(tmp_path, ("*.txt",), edited=True)
    own.check()
    (tmp_path / "b.txt").write_text("of others")
    with pytest.raises(OutputError, match=r"b.txt: was not written by .* changed since; choose"):
        own.check()
    (tmp_path / "b.txt").unlink()
    (tmp_path / "a.txt").rename(tmp_path / "c")
    (tmp_path / "a.txt").symlink_to("c")
    with pytest.raises(OutputError, match=r"a.txt: was not written by"):
        own.check()


def test_a_name_of_any_letters_stays_in_its_folder():
    own = Protection(Path(), ("plots/*.svg", "output_*_plot.txt"))
    assert own.owns("plots/a.svg") and own.owns("output_a_plot.txt")
    for name in ("plots/../../a.svg", "output_/../../a_plot.txt", "plots/a/b.svg", "a.svg"):
        assert not own.owns(name)


@pytest.mark.integration
def test_an_input_is_never_replaced(good, tmp_path):
    """Under whatever name it is given, and whatever stands in its place."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "processed_entries.fasta").hardlink_to(good)
    (tmp_path / "soft.faa").symlink_to(out / "processed_entries.fasta")
    before = good.read_bytes()
    given = [good, out / "processed_entries.fasta", tmp_path / "soft.faa"]
    commands = [(["predict", name, "-o", out], {}) for name in given]
    commands += [(["signalp6", "-ff", name, "-od", out], {}) for name in given]
    commands += [
        (["predict", "processed_entries.fasta", "-o", ".", "--force"], {"cwd": out}),
        (["predict", tmp_path / "soft.faa", "-o", tmp_path / "link", "--resume"], {}),
    ]
    (tmp_path / "link").symlink_to(out)
    for arguments, options in commands:
        code, output, errors = peft_sp(*arguments, **options)
        assert (code, output) == (2, "") and errors.count("\n") == 1, errors
        assert "processed_entries.fasta: is the input" in errors
    with good.open() as file:
        run = subprocess.run(
            [*PEFT_SP, "predict", "-", "-o", str(out)],
            stdin=file,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert run.returncode == 2 and b"is read as standard input and would be replaced" in run.stderr
    with good.open("a") as file:
        command = [*PEFT_SP, "predict", str(good), "-o", "-"]
        run = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 2 and b"goes into the input" in run.stderr
    assert [path.name for path in out.iterdir()] == ["processed_entries.fasta"]
    assert good.read_bytes() == before


@pytest.mark.integration
def test_pictures_and_pages_of_others_are_replaced_only_by_force(good, tmp_path):
    out = tmp_path / "out"
    for name, options in (("plots/b.svg", ["--plots", "svg"]), ("summary.html", ["--summary"])):
        own = out / name
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text("of others")
        arguments = ["predict", good, "-o", out, *options]
        code, _, errors = peft_sp(*arguments)
        assert code == 2 and f"{own}: was not written by this program" in errors
        assert own.read_text() == "of others" and not (out / "predictions.tsv").exists()
        own.unlink()
    (out / "output.json").mkdir()
    code, _, errors = peft_sp("predict", good, "-o", out)
    assert code == 2 and "output.json: is a directory" in errors
    assert {path.name for path in out.iterdir()} == {"output.json", "plots"}
    (out / "output.json").rmdir()
    (out / "summary.html").write_text("of others")
    assert peft_sp("predict", good, "-o", out, "--summary", "--force")[0] == 0
    assert "of others" not in (out / "summary.html").read_text()
    assert peft_sp("predict", good, "-o", out, "--summary")[0] == 0
