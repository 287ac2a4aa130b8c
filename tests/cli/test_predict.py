"""The command as a user meets it: files, exit codes, one clear line for each mistake."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peft_sp.biology.grammar import TYPES
from tests.support.commands import ALL_FILES, peft_sp, rows

pytestmark = pytest.mark.integration
WARNINGS_OF_ECOLI = (
    "peft-sp: proteins with a warning: 1 (signal peptide leaves fewer than 10 residues: 1); see "
    "the column warnings in {}/predictions.tsv\n"
)


def test_a_proteome_sample(ecoli, tmp_path):
    out = tmp_path / "results"
    code, output, errors = peft_sp("predict", ecoli, "-o", out)
    assert code == 0 and errors == WARNINGS_OF_ECOLI.format(out)
    assert "300 proteins" in output and str(out) in output.replace("\n", "")
    assert {p.name for p in out.iterdir()} == ALL_FILES
    table = rows(out / "predictions.tsv")
    headers = [line[1:].split()[0] for line in ecoli.read_text().splitlines() if line[0] == ">"]
    assert [row["id"] for row in table] == headers
    positive = [row for row in table if row["type"] != "NO_SP"]
    assert 20 < len(positive) < 80
    for row in table:
        shares = [float(row[f"p_{name.lower()}"]) for name in TYPES]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert max(shares) == float(row[f"p_{row['type'].lower()}"])
    results = (out / "prediction_results.txt").read_text().splitlines()[2:]
    assert [line.split("\t")[0].split()[0] for line in results] == headers
    assert len((out / "output.gff3").read_text().splitlines()) == 1 + len(positive)
    features = (out / "predictions.gff3").read_text()
    assert features.count("\tsignal_peptide\t") == len(positive)
    assert (out / "processed_entries.fasta").read_text().count(">") == len(positive)
    summary = json.loads((out / "output.json").read_text())
    assert summary["INFO"] == {"failedjobs": 0, "size": 300}
    assert len(summary["SEQUENCES"]) == 300


def test_eukarya(good, tmp_path):
    code, _, _ = peft_sp("predict", good, "-o", tmp_path / "out", "--organism", "eukarya")
    assert code == 0
    head = (tmp_path / "out" / "prediction_results.txt").read_text().splitlines()[1]
    assert head == "# ID\tPrediction\tOTHER\tSP(Sec/SPI)\tCS Position"


def test_auto(tmp_path):
    lipo = "MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDDAARANQRLD"
    path, out = tmp_path / "in.faa", tmp_path / "out"
    path.write_text(
        f">sp|A|A x OS=Homo sapiens OX=9606\n{lipo}\n>b [Escherichia coli]\n{lipo}\n>c\n{lipo}\n"
    )
    code, _, errors = peft_sp("predict", path, "-o", out, "--organism", "auto")
    note = "organisms by header: eukarya 1, other 1, undecided 1 (predicted as other; if"
    assert code == 0 and f"peft-sp: {note}" in errors
    assert "give --organism eukarya)\npeft-sp: proteins with a warning: 1 (" in errors
    table = rows(out / "predictions.tsv")
    assert [row["type"] == "LIPO" for row in table] == [False, True, True]
    assert [row["warnings"] for row in table][:2] == ["", ""]
    assert table[2]["warnings"] == "organism not known from the header, predicted as other"
    lines = (out / "prediction_results.txt").read_text().splitlines()
    assert {line.count("\t") for line in lines[1:]} == {8}  # six types for everyone
    assert lines[2].split("\t")[4:8] == ["0.000000"] * 4
    code, output, errors = peft_sp("predict", path, "-o", "-", "--organism", "auto")
    assert code == 0 and note in errors and len(output.splitlines()) == 4


def test_names_pass_whatever_the_locale(tmp_path):
    path = tmp_path / "in.faa"
    path.write_bytes(b">\xce\xa9\xe9 x\nMKT\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, output, errors = peft_sp("predict", path, "-o", "-", env=environment)
    assert code == 0 and output.splitlines()[1].startswith("Ωé\t")
    changed = "(header changed while it was read: 1)"
    assert errors == f"peft-sp: proteins with a warning: 1 {changed}; see the column warnings\n"


def test_ids_that_stand_twice_are_kept_apart(tmp_path):
    path, out = tmp_path / "in.faa", tmp_path / "out"
    path.write_text(">a x\nMKT\n>a x\nMKV\n>b\nMKT\n")
    code, _, errors = peft_sp("predict", path, "-o", out)
    assert code == 0
    assert "proteins with a warning: 1 (renamed, as its id occurred before: 1); see" in errors
    assert f"{path}, line 3, record 'a': called a_2" in errors
    table = rows(out / "predictions.tsv")
    assert [(row["id"], row["warnings"]) for row in table] == [
        ("a", ""),
        ("a_2", "id stands more than once, called a_2 here"),
        ("b", ""),
    ]
    names = ["a x", "a_2 x", "b"]
    assert list(json.loads((out / "output.json").read_text())["SEQUENCES"]) == names
    lines = (out / "prediction_results.txt").read_text().splitlines()[2:]
    assert [line.split("\t")[0] for line in lines] == names


def test_warnings_of_a_biologist_are_counted_in_one_line(tmp_path):
    path, out = tmp_path / "in.faa", tmp_path / "out"
    signal = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
    path.write_text(
        f">a OS=Homo sapiens OX=9606\n{signal}\n>b protein, partial\n{signal[1:]}\n"
        f">c\n{signal[:25]}\n>d\n{signal}\n"
    )
    code, _, errors = peft_sp("predict", path, "-o", out)
    assert code == 0 and errors.splitlines() == [
        "peft-sp: proteins with a warning: 3 (does not begin with M: 1, of a eukaryote by its "
        "header, predicted as other: 1, partial by its header: 1, signal peptide leaves fewer "
        f"than 10 residues: 1); see the column warnings in {out / 'predictions.tsv'}",
        "peft-sp: proteins of eukaryotes by their headers, predicted as other: 1 of 4; "
        "give --organism eukarya or --organism auto",
    ]
    assert [row["warnings"] for row in rows(out / "predictions.tsv")] == [
        "of a eukaryote by its header, predicted as other",
        "does not begin with M; partial by its header",
        "signal peptide leaves fewer than 10 residues",
        "",
    ]


def test_a_threshold_calls_more_or_fewer(ecoli, tmp_path):
    called = {}
    for name, given in (("default", ()), ("low", ("0.1",)), ("high", ("0.99",))):
        options = ("--threshold", *given) if given else ()
        code, output, _ = peft_sp("predict", ecoli, "-o", "-", *options)
        assert code == 0
        table = list(csv.DictReader(output.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
        called[name] = {row["id"] for row in table if row["type"] != "NO_SP"}
        if given:
            assert called[name] == {
                row["id"]
                for row in table
                if float(row["signal_peptide_probability"]) >= float(given[0])
            }
            assert all(row["candidate_site"] for row in table)
    assert called["high"] < called["default"] < called["low"]
    code, _, errors = peft_sp("predict", ecoli, "-o", tmp_path / "out", "--threshold", "0")
    assert code == 2 and "threshold is a probability above 0 and up to 1, not 0.0" in errors


def test_fasta_on_demand_and_the_file_of_each_protein(good, tmp_path):
    other, out = tmp_path / "other.faa", tmp_path / "out"
    other.write_text(">c\nMKT\n")
    code, _, _ = peft_sp("predict", good, other, "-o", out, "--fasta")
    assert code == 0
    names = {"signal_peptides.fasta", "no_signal_peptide.fasta"}
    assert {p.name for p in out.iterdir()} == ALL_FILES | names
    assert (out / "signal_peptides.fasta").read_text() == ">a first\nMKKTAIAIAVALAGFATVAQA\n"
    assert (out / "no_signal_peptide.fasta").read_text().endswith("\n>c\nMKT\n")
    table = rows(out / "predictions.tsv")
    assert [row["file"] for row in table] == [str(good), str(good), str(other)]
    assert [row["header"] for row in table] == ["a first", "b", "c"]


def test_standard_input_that_is_closed():
    command = f"{sys.executable} -m peft_sp.cli.main predict - -o - <&-"
    run = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert run.returncode == 2 and run.stderr.count(b"\n") == 1
    assert run.stderr.startswith(b"peft-sp: standard input: ")


def test_a_stream_in_and_out(good):
    code, output, errors = peft_sp(
        "predict", "-", "-o", "-", stdin=gzip.compress(good.read_bytes())
    )
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].startswith("id\theader\tfile\ttype\t")
    found = [line.split("\t")[:4] for line in lines[1:]]
    assert found == [["a", "a first", "", "SP"], ["b", "b", "", "NO_SP"]]


def test_several_files_are_one_input(good, tmp_path):
    more = tmp_path / "more.faa"
    more.write_text(">c\nMKT\n")
    code, output, _ = peft_sp("predict", good, more, "-o", "-")
    assert code == 0
    assert [line.split("\t")[0] for line in output.splitlines()[1:]] == ["a", "b", "c"]


BAD = {
    "an empty file": (b"", "no records"),
    "nucleotides": (b">a\n" + b"ACGTTGCA" * 30 + b"\n", "line 1, record 'a': these are nucl"),
    "a digit": (b">a\nMKT\n>b\nMK1V\n", "line 3, record 'b': '1' at residue 3"),
    "a truncated gzip": (gzip.compress(b">a\nMKTAYIAKQR\n" * 99)[:40], "cut off"),
    "no FASTA": (b"id,sequence\na,MKT\n", "line 1: not FASTA"),
    "FASTQ": (b"@a\nACGT\n+\nIIII\n", "looks like FASTQ"),
    "zip": (b"PK\x03\x04" + bytes(99), "looks like zip"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(case, tmp_path):
    content, problem = BAD[case]
    path, out = tmp_path / "bad.faa", tmp_path / "out" / "deeper"
    path.write_bytes(content)
    code, output, errors = peft_sp("predict", path, "-o", out)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and problem in errors and str(path) in errors
    assert list(tmp_path.iterdir()) == [path]


def test_other_mistakes_are_one_line_too(good, tmp_path):
    (tmp_path / "file").write_text("")
    cases = [
        (("predict", tmp_path / "none.faa", "-o", tmp_path / "o"), "none.faa: no such file"),
        (("predict", good, "-o", tmp_path / "file" / "o"), "file: is a file, not a directory"),
        (("predict", good, "-o", "/proc/o"), "cannot be written"),
        (("predict", good, "-m", "no-model", "-o", tmp_path / "o"), "model 'no-model' is neither"),
    ]
    for arguments, problem in cases:
        code, output, errors = peft_sp(*arguments)
        assert (code, output) == (2, ""), arguments
        assert errors.count("\n") == 1 and problem in errors, errors
    assert {p.name for p in tmp_path.iterdir()} == {"good.faa", "file"}


def test_usage_mistakes_exit_with_2(good):
    for arguments in (("predict",), ("predict", good, "--organism", "fungi"), ("nonsense",)):
        code, _, errors = peft_sp(*arguments)
        assert code == 2 and errors.startswith("peft-sp: ") and errors.count("\n") == 1


def test_unusable_records_can_be_skipped(tmp_path):
    path = tmp_path / "mixed.faa"
    path.write_text(">a\nMKT\n>b\nM1\n>a\nMK*V\n")
    code, output, errors = peft_sp("predict", path, "-o", tmp_path / "out", "--skip-invalid")
    assert code == 0 and "2 proteins" in output
    assert f"skipped: {path}, line 3, record 'b': '1' at residue 2" in errors
    assert "proteins with a warning: 1 (renamed" in errors
    table = rows(tmp_path / "out" / "predictions.tsv")
    assert [(row["id"], row["warnings"]) for row in table] == [
        ("a", ""),
        ("a_2", "1 inner stop(s) read as X; id stands more than once, called a_2 here"),
    ]
    assert json.loads((tmp_path / "out" / "output.json").read_text())["INFO"] == {
        "failedjobs": 1,
        "size": 2,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_at_once_leaves_nothing(number, ecoli, tmp_path):
    big = tmp_path / "big.faa"
    letters = "ACDEFGHIKLMNPQRSTVWY"
    with big.open("w") as file:  # distinct windows, so that the run takes its time
        for i in range(60_000):
            tag = "".join(letters[i // 20**k % 20] for k in range(4))
            file.write(f">p{i}\nM{tag}{'ACDEFGHIKL' * 6}\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(big), "-o", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not list(out.glob("*/*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(out.glob("*/*")), "it did not get to work"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == b"peft-sp: stopped; nothing was written\n"
    assert not out.exists()


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    many = tmp_path / "many.faa"  # more output than a pipe holds
    many.write_text("".join(f">p{i}\nMKKTAIAIAVALAGFATVAQA\n" for i in range(30_000)))
    command = f"{sys.executable} -m peft_sp.cli.main predict {many} -o - | head -n 2"
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_a_terminal_sees_progress(ecoli, tmp_path):
    command = [sys.executable, "-m", "peft_sp.cli.main", "predict", str(ecoli), "-o"]
    seen = []

    def read(descriptor):
        seen.append(os.read(descriptor, 4096))
        return seen[-1]

    status = pty.spawn([*command, str(tmp_path / "out")], read)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"/300" in b"".join(seen) and b"Traceback" not in b"".join(seen)
    assert {p.name for p in (tmp_path / "out").iterdir()} == ALL_FILES


def test_version_models_and_help():
    code, output, _ = peft_sp("--version")
    assert code == 0 and output.startswith("peft-sp 0.")
    code, output, _ = peft_sp("models")
    assert code == 0 and "fast" in output and "MIT" in output
    for command in ("predict", "train", "evaluate", "models"):
        code, output, _ = peft_sp(command, "--help", environment={"COLUMNS": "100"})
        assert code == 0 and "Example:" in output


# Pictures and the page ---------------------------------------------------------------------


def test_a_picture_of_each_protein(good, tmp_path):
    out = tmp_path / "out"
    code, output, errors = peft_sp("predict", good, "-o", out, "--plots", "svg")
    assert (code, errors) == (0, "")
    assert output.splitlines()[-2:] == ["  summary.html", "  plots/"]
    assert {p.name for p in out.iterdir()} == {*ALL_FILES, "summary.html", "plots"}
    assert {p.name for p in (out / "plots").iterdir()} == {"a.svg", "b.svg"}
    assert "cleavage after 21," in (out / "plots" / "a.svg").read_text()
    assert "no signal peptide" in (out / "plots" / "b.svg").read_text()
    assert f"<title>Signal peptides of {good}</title>" in (out / "summary.html").read_text()


def test_many_pictures(ecoli, tmp_path):
    pytest.importorskip("matplotlib")
    path, out = tmp_path / "seventy.faa", tmp_path / "out"
    path.write_text("".join(f">{record}" for record in ecoli.read_text().split(">")[101:171]))
    code, _, errors = peft_sp("predict", path, "-o", out, "--plots", "png", "--threads", "2")
    assert (code, errors) == (0, "")
    table = rows(out / "predictions.tsv")
    names = {row["id"].replace(".", "_") + ".png" for row in table}
    assert {p.name for p in (out / "plots").iterdir()} == names and len(names) == 70


def test_a_summary_alone(good, tmp_path):
    out = tmp_path / "out"
    code, output, errors = peft_sp("predict", good, "-o", out, "--summary", "--organism", "eukarya")
    assert (code, errors) == (0, "") and output.endswith("  summary.html\n")
    assert {p.name for p in out.iterdir()} == {*ALL_FILES, "summary.html"}
    page = (out / "summary.html").read_text()
    assert "2 proteins, model fast, organism eukarya" in page and ">LIPO</th>" not in page


def test_the_same_predictions_with_and_without(ecoli, tmp_path):
    peft_sp("predict", ecoli, "-o", tmp_path / "a")
    peft_sp("predict", ecoli, "-o", tmp_path / "b", "--summary")
    for name in ("predictions.tsv", "predictions.gff3", "output.gff3", "region_output.gff3"):
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()


@pytest.mark.parametrize("option", [("--plots", "svg"), ("--summary",)])
def test_standard_output_takes_no_pictures(good, option):
    code, output, errors = peft_sp("predict", good, "-o", "-", *option)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and "need a directory" in errors


def test_without_matplotlib_it_is_said_before_any_work(tmp_path):
    stub = tmp_path / "stub" / "matplotlib.py"
    stub.parent.mkdir()
    stub.write_text("raise ModuleNotFoundError(\"No module\", name='matplotlib')\n")
    search = os.pathsep.join([str(stub.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": search}
    arguments = ("predict", tmp_path / "none.faa", "-o", tmp_path / "out", "--plots")
    # The file is not there either, which is found out later.
    code, output, errors = peft_sp(*arguments, "png", env=environment)
    assert (code, output) == (2, "")
    assert errors == (
        "peft-sp: drawing png pictures needs more packages (matplotlib is missing): "
        "pip install 'peft-sp[plot]'\n"
    )
    code, _, errors = peft_sp(*arguments, "svg", env=environment)
    assert code == 2 and "no such file" in errors
    assert not Path(tmp_path / "out").exists()


def test_nothing_is_left_of_a_run_that_fails(good, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "plots").write_text("in the way")
    code, _, errors = peft_sp("predict", good, "-o", out, "--plots", "svg")
    assert code == 2 and errors.count("\n") == 1 and "cannot be written" in errors
    assert [p.name for p in out.iterdir()] == ["plots"]


def test_what_is_of_an_earlier_run_is_named(good, tmp_path):
    out = tmp_path / "out"
    code, _, errors = peft_sp("predict", good, "-o", out, "--plots", "svg", "--fasta")
    assert code == 0 and "earlier run" not in errors
    code, _, errors = peft_sp("predict", good, "-o", out)
    assert code == 0
    earlier = f"peft-sp: of an earlier run, and left as they were in {out}: "
    fasta = "signal_peptides.fasta, no_signal_peptide.fasta"
    assert f"{earlier}{fasta}, summary.html, plots/\n" in errors
    code, _, errors = peft_sp("predict", good, "-o", out, "--summary")
    assert code == 0 and f"{earlier}{fasta}, plots/\n" in errors
