"""What is printed of a run: the table of types, and notes on standard error."""

from peft_sp.cli.console import notes, progress_bar, report
from peft_sp.errors import InputError
from peft_sp.inference.run import RunInfo

RUN = RunInfo(
    tool="PEFT-SP-1",
    model="fast",
    organism="auto",
    count=3,
    directory="out",
    skipped=(InputError("no letters", path="a.faa", line=7),),
    types={"SP": 1, "NO_SP": 2},
    organisms={"eukarya": 1, "undecided": 2},
    warnings=2,
    files=("predictions.tsv", "output.json"),
)


def test_the_table_and_the_files(capsys):
    report(RUN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "3 proteins"
    assert any("SP" in line and "Sec/SPI" in line and "33.3%" in line for line in lines)
    assert lines[-3:] == ["written to out/", "  predictions.tsv", "  output.json"]


def test_the_notes(capsys, tmp_path):
    (tmp_path / "plots").mkdir()
    notes(RUN, str(tmp_path))
    assert capsys.readouterr().err.splitlines() == [
        f"peft-sp: plots/ in {tmp_path} are of an earlier run",
        "peft-sp: organisms by header: eukarya 1, other 0, undecided 2 (predicted as other)",
        f"peft-sp: proteins with a warning: 2; see the column warnings in "
        f"{tmp_path / 'predictions.tsv'}",
        "peft-sp: skipped: a.faa, line 7: no letters",
        "peft-sp: records skipped: 1",
    ]


def test_nothing_to_note(capsys):
    notes(RunInfo("t", "m", "other", 1))
    assert capsys.readouterr() == ("", "")


def test_no_bar_where_there_is_no_terminal():
    with progress_bar() as progress:
        assert progress is None
