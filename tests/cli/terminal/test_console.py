"""What is printed: the table of types, notes on standard error, names as they are."""

from dataclasses import replace

import pytest

from peft_sp.biology.notes import OF_ANOTHER
from peft_sp.cli.terminal.console import (
    note,
    notes,
    of_another_organism,
    printable,
    progress_bar,
    progress_lines,
    report,
    say,
    screen,
)
from peft_sp.errors import InputError
from peft_sp.inference.run import RunInfo
from tests.support.commands import SIGNAL, peft_sp, signalp6

RUN = RunInfo(
    tool="PEFT-SP-1",
    model="fast",
    organism="auto",
    count=3,
    directory="out",
    unusable=1,
    skipped=(InputError("no letters", path="a.faa", line=7),),
    types={"SP": 1, "NO_SP": 2},
    organisms={"eukarya": 1, "undecided": 2},
    warnings=2,
    cleaned=1,
    renamed=1,
    renaming="a.faa, line 3, record 'a': called a_2",
    notes={"does not begin with M": 2, "renamed, as its id occurred before": 1},
    files=("predictions.tsv", "output.json"),
)


def test_the_table_and_the_files(capsys):
    report(replace(RUN, threshold=0.4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 proteins, model fast, organism by header, threshold 0.4"
    assert any("SP" in line and "Sec/SPI" in line and "33.3%" in line for line in lines)
    assert lines[-3:] == ["written to out/", "  predictions.tsv", "  output.json"]


def test_the_notes(capsys, tmp_path):
    (tmp_path / "plots").mkdir()
    notes(RUN, str(tmp_path))
    assert capsys.readouterr().err.splitlines() == [
        f"peft-sp: of an earlier run, and left as they were in {tmp_path}: plots/",
        "peft-sp: organisms by header: eukarya 1, other 0, undecided 2 (predicted as other; if "
        "they are of eukaryotes, give --organism eukarya)",
        "peft-sp: proteins with a warning: 2 (does not begin with M: 2, "
        "renamed, as its id occurred before: 1); see the column warnings in "
        f"{tmp_path / 'predictions.tsv'}",
        "peft-sp: ids that stood before, with a number behind them in the results: 1; the first: "
        "a.faa, line 3, record 'a': called a_2",
        "peft-sp: skipped: a.faa, line 7: no letters",
        "peft-sp: records skipped: 1",
    ]


def test_nothing_to_note(capsys):
    notes(RunInfo("t", "m", "other", 1))
    assert capsys.readouterr() == ("", "")


def test_the_option_that_helps_where_headers_name_another_organism(capsys):
    said = []
    for organism, named in (("other", "eukarya"), ("eukarya", "other")):
        run = RunInfo("t", "m", organism, 9, warnings=7, notes={OF_ANOTHER[organism]: 7})
        of_another_organism(run, " or --organism auto")
        said.append(capsys.readouterr().err)
        assert said[-1].endswith(f": 7 of 9; give --organism {named} or --organism auto\n")
    assert said[0].startswith(
        "peft-sp: proteins of eukaryotes by their headers, predicted as other"
    )


def test_no_bar_where_there_is_no_terminal():
    with progress_bar() as progress:
        assert progress is None


def test_a_log_gets_a_line_a_minute_with_the_rate_and_the_time_left(monkeypatch, capsys):
    now = 1000.0
    monkeypatch.setattr("peft_sp.cli.terminal.console.time.monotonic", lambda: now)
    show = progress_lines()
    show(5_000_000, 100_000_000)  # of an earlier run
    for now in (1030.0, 1075.0, 1100.0):
        show(5_000_000 + round((now - 1000) * 4000), 100_000_000)
    assert capsys.readouterr().err == (
        "peft-sp: 5,300,000 of about 100,000,000 proteins, 4,000/s, 6:34:35 left\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("results/größe 1", "results/größe 1"),
        ("a[/b]c", "a[/b]c"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\tand a tab", "two\\nlines\\tand a tab"),
        ("\udce9t\udce9", "\\udce9t\\udce9"),  # bytes of a file's name that are no UTF-8
        ("\u202efdp.exe", "\\u202efdp.exe"),  # would turn the line around
    ],
)
def test_names_are_on_one_line_and_do_not_act_on_the_terminal(text, shown, capsys):
    assert printable(text) == shown
    note(text)
    say(text.replace("\n", " "))
    out, err = capsys.readouterr()
    assert err == f"peft-sp: {shown}\n" and out.count("\n") == 1


def test_a_long_name_with_brackets_is_neither_folded_nor_read_as_markup(capsys):
    name = "[/b]" + "long/" * 40 + ":smile:[red]x"
    report(replace(RUN, directory=name))
    assert f"written to {name}/" in capsys.readouterr().out.splitlines()
    screen().print("[bold]x[/b]:smile:")
    assert capsys.readouterr().out == "[bold]x[/b]:smile:\n"


@pytest.mark.integration
def test_headers_that_begin_alike_are_no_cause_for_a_warning(tmp_path):
    path = tmp_path / "alike.fasta"
    path.write_text(f">twin 1\n{SIGNAL}\n>twin 2\n{SIGNAL}\n")
    assert signalp6("-ff", path, "-od", tmp_path / "out", "-fmt", "none") == (0, "", "")


@pytest.mark.integration
def test_eukaryotes_that_are_predicted_as_other_are_counted(tmp_path):
    path = tmp_path / "human.fasta"
    path.write_text(f">sp|P1|X_HUMAN x OS=Homo sapiens OX=9606\n{SIGNAL}\n>y\n{SIGNAL[1:]}\n")
    code, _, errors = signalp6("-ff", path, "-od", tmp_path / "out", "-fmt", "none")
    assert (code, errors) == (
        0,
        "peft-sp: proteins of eukaryotes by their headers, predicted as other: 1 of 2; "
        "give --organism eukarya\n",
    )


@pytest.mark.integration
def test_a_change_and_a_new_name_are_counted_apart(tmp_path):
    path = tmp_path / "both.fasta"
    path.write_text(f">a x\n{SIGNAL}\n>a x\n{SIGNAL}\n>b\nMK-T\n>a x\n{SIGNAL}-A\n")
    code, _, errors = signalp6("-ff", path, "-od", tmp_path / "out", "-fmt", "none")
    assert (code, errors.splitlines()) == (
        0,
        [
            f"peft-sp: proteins with a warning: 2; the first: {path}, line 5, record 'b': "
            "1 gap(s) removed",
            "peft-sp: headers that stood before, with a number behind them in the results: 2; "
            f"the first: {path}, line 3, record 'a x': called a x_2",
        ],
    )
    code, _, errors = peft_sp("predict", path, path.with_name("none"), "-o", tmp_path / "own")
    assert code == 2
    code, _, errors = peft_sp("predict", path, "-o", tmp_path / "own")
    assert "peft-sp: ids that stood before, with a number behind them in the results: 2" in errors
    assert f"the first: {path}, line 3, record 'a': called a_2\n" in errors


@pytest.mark.integration
def test_proteins_whose_organism_is_open_are_counted(tmp_path):
    path = tmp_path / "open.fasta"
    human = f">sp|P1|X_HUMAN x OS=Homo sapiens OX=9606\n{SIGNAL}\n"
    for records, noted in ((human, ""), (f"{human}>y\n{SIGNAL}\n", "undecided 1 (predicted as")):
        path.write_text(records)
        code, _, errors = signalp6(
            "-ff", path, "-od", tmp_path / "out", "-f", "none", "-org", "auto"
        )
        assert code == 0 and errors.count("\n") == bool(noted) and noted in errors
    assert errors.startswith("peft-sp: organisms by header: eukarya 1, other 0, ")
