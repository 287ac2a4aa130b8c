"""The command in SignalP 6's place: its options, its files, and what reads them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import SUPPRESS
from pathlib import Path

import pytest

from peft_sp.biology.organism import NAMES
from peft_sp.cli.signalp6 import parser
from peft_sp.io.results.protection import RECORD
from peft_sp.io.writers.signalp6 import FILES
from tests.support import consumers
from tests.support.commands import PEFT_SP, SIGNAL, peft_sp
from tests.support.commands import signalp6 as run
from tests.support.paths import ROOT
from tests.support.real_signalp6 import REAL, compare

pytestmark = pytest.mark.integration


CASES = {
    "eukarya_il2": ("Target-X.fasta", ("--organism", "eukarya", "--mode", "slow")),
    "other_vacsol": ("vacsol_ai_sequences.fasta", ("--organism", "other", "--mode", "fast")),
}


@pytest.mark.parametrize("case", CASES)
def test_files_are_the_real_ones_but_for_numbers(case, tmp_path):
    name, options = CASES[case]
    fasta = REAL / case / name
    code, output, errors = run(
        "--fastafile", fasta, *options, "--output_dir", "output", "--format", "txt", cwd=tmp_path
    )
    assert (code, output) == (0, "")
    assert ("mode slow: using 'fast'" in errors) == ("slow" in options)
    assert compare(tmp_path / "output", REAL / case, fasta) == []
    assert {p.name for p in (tmp_path / "output").iterdir()} == {
        path.name for path in (REAL / case).iterdir() if path.suffix != ".fasta"
    } | {"processed_entries.fasta", RECORD}


def test_files_of_three_hundred_proteins_are_the_real_ones_but_for_numbers(shared, tmp_path):
    real = shared / "formats" / "signalp6_other_petase"
    fasta = real / "tournament_wt.fasta"
    code, _, errors = run("-ff", fasta, "-org", "other", "-m", "fast", "-od", tmp_path / "output")
    assert (code, errors) == (0, "")
    other = compare(tmp_path / "output", real, fasta)
    rows = [line.split("\t") for line in (tmp_path / "output" / FILES[0]).read_text().splitlines()]
    column = [cell.partition("(")[0] for cell in rows[1]].index("SP")
    doubtful = [
        float(row[column]) for row in rows[2:] if row[0] in other
    ]  # real ones are all OTHER
    page = " ".join((ROOT / "docs" / "signalp6.md").read_text().split())
    shown = f"calls SP with {min(doubtful):.2f} to {max(doubtful):.2f} and SignalP 6 OTHER"
    assert f"for {len(other)} proteins" in page and shown in page
    assert len(list((tmp_path / "output").glob("*_plot.txt"))) == 313


def test_what_was_asked_for_in_the_json(tmp_path):
    fasta = REAL / "eukarya_il2" / "Target-X.fasta"
    run("-ff", fasta, "-od", "output/", "-org", "euk", "-m", "slow_sequential", cwd=tmp_path)
    ours = (tmp_path / "output" / "output.json").read_text()
    content = json.loads(ours)
    assert (content["ORG"], content["MODE"], content["FORMAT"]) == (
        "eukarya",
        "slow-sequential",
        "txt",
    )
    assert content["CSV_FILE"] == "output/prediction_results.txt"
    (entry,) = content["SEQUENCES"].values()
    assert entry["Plot_txt"] == "output/output_Target_X____Human_IL_2_Precursor_plot.txt"
    assert (tmp_path / entry["Plot_txt"]).is_file()
    assert entry["Plot_png"] == entry["Plot_eps"] == ""


SPELLINGS = [
    "--fastafile {} --organism other --output_dir out --format none --mode fast",
    "-ff {} -org other -od out -fmt none -m fast",
    "-fasta {} -org gram- -od out -format none",
    "-ff {} -od out -f none --organism --mode -md",
    "--fastafile={} --organism=gram+ --output_dir=out --format=none --mode=fast",
    "-ff={} -org=arch -od=out -fmt=none -m=fast -bs=7 -tt=1",
    "--fasta {} --org other --out out --fo none --force",
    "--fasta {} --org other --out out --form none --torch 1 --write 8 --skip_resolve",
    "-ff {} -od out --form none --bsize 1000 --skip",
    "-ff {} -od out -fmt none -batch 10 -wp 1 -md MODEL",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_the_options(spelling, ecoli, tmp_path):
    import peft_sp

    model = Path(peft_sp.__file__).parent / "models" / "fast"
    arguments = [a.format(ecoli).replace("MODEL", str(model)) for a in spelling.split()]
    code, output, errors = run(*arguments, cwd=tmp_path)
    assert (code, output, errors) == (0, "", "")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {*FILES, RECORD}
    head = (tmp_path / "out" / FILES[0]).read_text().split("\n")[0]
    assert head.startswith("# SignalP-6.0\tOrganism: Other\tTimestamp: ")
    assert len((tmp_path / "out" / FILES[0]).read_text().splitlines()) == 302


@pytest.mark.parametrize("name", NAMES)
def test_an_organism_means_the_same_in_both_commands(name, good, tmp_path):
    good.write_text(good.read_text().replace(">b", ">b OS=Homo sapiens OX=9606"))
    assert run("-ff", good, "-od", tmp_path / "out", "-org", name, "-fmt", "none")[0] == 0
    assert peft_sp("predict", good, "-o", tmp_path / "own", "--organism", name)[0] == 0
    # All but the first line, which names the tool.
    theirs, ours = ((tmp_path / place / FILES[0]).read_text() for place in ("out", "own"))
    assert theirs.split("\n")[1:] == ours.split("\n")[1:]
    assert ("Eukarya" in theirs) == ("Eukarya" in ours) == name.startswith("euk")


@pytest.mark.parametrize("organism", ["euk", "eukarya"])
def test_eukaryotes_have_the_other_layout(organism, good, tmp_path):
    assert run("-ff", good, "-od", tmp_path / "out", "-org", organism, "-fmt", "none")[0] == 0
    lines = (tmp_path / "out" / FILES[0]).read_text().split("\n")
    assert lines[0].split("\t")[1] == "Organism: Eukarya"
    assert lines[1] == "# ID\tPrediction\tOTHER\tSP(Sec/SPI)\tCS Position"
    assert lines[3].startswith("b\tOTHER\t") and lines[3].endswith("\t")


MISTAKES = {
    "no output directory": (
        ("-ff", "FASTA"),
        "peft-sp: the following arguments are required: --output_dir",
    ),
    "no input": (("-od", "out"), "arguments are required: --fastafile"),
    "a mode": (
        ("-ff", "FASTA", "-od", "out", "-m", "turbo"),
        "peft-sp: argument --mode/-m: invalid choice: 'turbo'",
    ),
    "an organism": (
        ("-ff", "FASTA", "-od", "out", "-org", "plant"),
        "invalid choice: 'plant'",
    ),
    "an ambiguous beginning": (
        ("-ff", "FASTA", "--o", "out"),
        "--o could match --output_dir, --organism",
    ),
    "a stray argument": (("-ff", "FASTA", "-od", "out", "more"), "unrecognized arguments: more"),
    "a batch size": (("-ff", "FASTA", "-od", "out", "-bs", "0"), "'0' is not a number from 1 on"),
    "an unknown option": (("-ff", "FASTA", "-od", "out", "--gpu"), "unrecognized arguments: --gpu"),
    "a file for a directory": (
        ("-ff", "FASTA", "-od", "good.faa"),
        "peft-sp: good.faa: is a file, not a directory; choose another with --output_dir",
    ),
    "a device for a directory": (
        ("-ff", "FASTA", "-od", os.devnull),
        f"peft-sp: {os.devnull}: is not a directory; choose another",
    ),
    "standard output for a directory": (
        ("-ff", "FASTA", "-od", "-"),
        "peft-sp: the directory is named '-'; give another with --output_dir",
    ),
    "no file": (("-ff", "none.fasta", "-od", "out"), "none.fasta: no such file"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_line(case, good, tmp_path):
    arguments, problem = MISTAKES[case]
    code, output, errors = run(*[str(good) if a == "FASTA" else a for a in arguments], cwd=tmp_path)
    assert (code, output) == (2, "")
    assert errors.startswith("peft-sp: ") and errors.count("\n") == 1 and problem in errors
    assert [p.name for p in tmp_path.iterdir()] == ["good.faa"]


def test_results_of_the_real_tool_are_replaced_only_by_force(good, tmp_path):
    real = tmp_path / "out" / "prediction_results.txt"
    real.parent.mkdir()
    real.write_bytes((REAL / "eukarya_il2" / "prediction_results.txt").read_bytes())
    before = real.read_bytes()
    arguments = ("-ff", good, "-od", tmp_path / "out", "-fmt", "none")
    code, _, errors = run(*arguments)
    assert (code, errors.count("\n")) == (2, 1)
    assert f"{real}: was not written by this program" in errors
    assert "another with --output_dir, or pass --force" in errors
    assert [path.name for path in real.parent.iterdir()] == [real.name]
    assert real.read_bytes() == before
    for options in (("--force",), ()):  # from then on they are this program's
        assert run(*arguments, *options) == (0, "", "")
        assert len(real.read_text().splitlines()) == 4
        real.write_text("as the pipeline edited it\n")
    (real.with_name("output_P10152_plot.txt")).write_text("of others, though beside ours")
    code, _, errors = run(*arguments[:-1], "txt")
    assert (code, errors.count("\n")) == (2, 1)
    assert "output_P10152_plot.txt: was not written by this program" in errors


def test_signs_in_sequences_are_read_as_x(tmp_path):
    path = tmp_path / "signs.fasta"
    path.write_bytes(
        b">a\nMKT\n>b\nMK1TAYI#\xffAK\n>c\nMK_RQ*\n",
    )
    arguments = ("-ff", "signs.fasta", "-od", "out", "-fmt", "txt")
    code, _, errors = run(*arguments, cwd=tmp_path)
    problem = "3 signs, the first '1' at residue 3, read as X"
    where = f"signs.fasta, line 3, record 'b': {problem}"
    assert code == 0 and errors == f"peft-sp: proteins with a warning: 2; the first: {where}\n"
    table = (tmp_path / "out" / "output_b_plot.txt").read_text().splitlines()[2:]
    assert "".join(row.split("\t")[1] for row in table) == "MKXTAYIXXAK"
    code, _, errors = peft_sp("predict", "signs.fasta", "-o", "own", cwd=tmp_path)
    assert code == 2 and "line 3, record 'b': '1' at residue 3 is no amino acid" in errors


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"MK1T>c header\nMKT", "'>' at residue 5: a line end is missing before a header"),
        (b"", "the record has no residues"),
    ],
)
def test_a_record_that_is_none_stops_the_run(content, problem, tmp_path):
    """A header inside a sequence is no sign of it: a protein would be lost."""
    path = tmp_path / "bad.fasta"
    path.write_bytes(b">a\nMKT\n>b\n" + content + b"\n")
    code, _, errors = run("-ff", path, "-od", tmp_path / "out")
    assert code == 2 and f"line 3, record 'b': {problem}" in errors
    assert [p.name for p in tmp_path.iterdir()] == ["bad.fasta"]


def test_equal_headers_have_the_same_name_in_every_file(tmp_path):
    path, out = tmp_path / "twins.fasta", tmp_path / "out"
    path.write_text(f">twin é\n{SIGNAL}\n>twin é\n{SIGNAL}AA\n>TWIN é\n{SIGNAL}\n")
    code, _, errors = run("-ff", path, "-od", out)
    first = f"{path}, line 3, record 'twin é': called twin é_2"
    renamed = "headers that stood before, with a number behind them in the results: 1"
    assert (code, errors) == (0, f"peft-sp: {renamed}; the first: {first}\n")
    names = ["twin é", "twin é_2", "TWIN é"]
    text = {name: (out / name).read_text() for name in FILES}
    for name, heads in ((FILES[0], 2), ("output.gff3", 1)):
        rows = text[name].splitlines()[heads:]
        assert [row.split("\t")[0] for row in rows] == names, name
    regions = [line.split("\t")[0] for line in text["region_output.gff3"].splitlines()[1:]]
    assert list(dict.fromkeys(regions)) == names
    mature = [line[1:] for line in text["processed_entries.fasta"].splitlines() if line[0] == ">"]
    assert mature == names
    entries = json.loads(text["output.json"])["SEQUENCES"]
    assert list(entries) == [entry["Name"] for entry in entries.values()] == names
    files = [Path(entry["Plot_txt"]).name for entry in entries.values()]
    stems = ["output_twin__", "output_twin___2", "output_TWIN___3"]
    assert files == [f"{stem}_plot.txt" for stem in stems]
    heads = [(out / file).read_text().splitlines()[0] for file in files]
    assert heads == [f"# Name={name}" for name in names]
    lengths = [len((out / file).read_text().splitlines()) for file in files]
    assert lengths == [2 + 48, 2 + 50, 2 + 48]
    assert {(n, row[0]) for n, row in consumers.interproscan(out).items()} == {
        (n, "Sec/SPI") for n in names
    }


def test_paths_in_the_json_are_text_whatever_their_bytes(good, tmp_path):
    """A strict reader takes no half of a surrogate pair, which stands for a byte in Python."""
    out = os.fsencode(tmp_path) + b"/caf\xe9"
    code, _, errors = run("-ff", good, "-od", os.fsdecode(out), "-fmt", "txt")
    assert (code, errors) == (0, "")
    content = json.loads((Path(os.fsdecode(out)) / "output.json").read_bytes())
    json.dumps(content, ensure_ascii=False).encode()  # raises an error for such a half
    assert content["CSV_FILE"] == f"{tmp_path}/caf\\udce9/prediction_results.txt"


REAL_OPTIONS = (
    *("--fastafile", "--output_dir", "--organism", "--format", "--mode", "--bsize", "--help"),
    *("--torch_num_threads", "--write_procs", "--skip_resolve", "--model_dir", "--version"),
)


@pytest.mark.parametrize("option", REAL_OPTIONS)
def test_each_beginning_that_is_one_options_alone_is_taken(option):
    """Of SignalP 6's options: what this program has besides must not make them ambiguous."""
    values = {"--format": ["png"], "--mode": ["slow"], "--organism": ["euk"], "--skip_resolve": []}
    for length in range(3, len(option) + 1):
        beginning = option[:length]
        if sum(other.startswith(beginning) for other in REAL_OPTIONS) > 1 or option in (
            *("--help", "--version"),
        ):
            continue
        given = [beginning, *values.get(option, ["7"])]
        more = ["-ff", "a"] if option != "--fastafile" else []
        more += ["-od", "b"] if option != "--output_dir" else []
        found = vars(parser().parse_args([*more, *given]))
        expected = {"[]": True, "['7']": "7"}.get(str(given[1:]), given[-1])
        assert str(found[option[2:]]) == str(expected), beginning


def test_an_option_that_is_given_twice(good, tmp_path):
    arguments = ("-ff", good.name, "-od", "out", "-fmt", "none")
    code, _, errors = run(*arguments, "-m", "fast", "-bs", "9", "--bsize", "8", cwd=tmp_path)
    note = "peft-sp: --bsize 8: in place of 9, which was given before\n"
    assert (code, errors) == (0, note)
    assert run(*arguments, "-f", "none", "-ff", good.name, cwd=tmp_path) == (0, "", "")
    code, _, errors = run(*arguments, "--for", "txt", cwd=tmp_path)
    assert (code, errors.count("\n")) == (0, 1) and "--for txt: in place of none" in errors
    for option in ("-od", "-ff"):
        code, _, errors = run(*arguments, option, "other", cwd=tmp_path)
        assert (code, errors.count("\n")) == (2, 1)
        assert f"peft-sp: {option} other: it is " in errors and "give one of them" in errors
    assert not (tmp_path / "other").exists()


def test_files_of_proteins_that_are_no_longer_there_go(ecoli, good, tmp_path):
    out = tmp_path / "out"
    for fasta, number in ((ecoli, 300), (good, 2)):
        assert run("-ff", fasta, "-od", out, "-f", "txt") == (0, "", "")
        assert len(list(out.glob("*_plot.txt"))) == number
        assert (out / RECORD).read_text().count("_plot.txt") == number


def test_pictures_that_cannot_be_drawn_are_one_line(good, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('No', name='matplotlib')\n")
    search = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    arguments = ("-ff", good, "-od", tmp_path / "out", "-fmt", "png")
    code, _, errors = run(*arguments, env={**os.environ, "PYTHONPATH": search})
    assert (code, errors.count("\n")) == (2, 1)
    assert "pip install 'peft-sp[plot]'" in errors and not (tmp_path / "out").exists()


def test_pictures(good, tmp_path):
    pytest.importorskip("matplotlib")
    code, _, _ = run("-ff", good, "-od", "out", "-fmt", "all", cwd=tmp_path)
    assert code == 0
    entries = json.loads((tmp_path / "out" / "output.json").read_text())["SEQUENCES"]
    assert list(entries) == ["a first", "b"]
    beginnings = {"png": b"\x89PNG", "eps": b"%!PS", "txt": b"# Name="}
    for entry in entries.values():
        for kind, begins in beginnings.items():
            assert (tmp_path / entry[f"Plot_{kind}"]).read_bytes().startswith(begins)


def test_their_own_model_files_are_passed_over(good, tmp_path):
    (tmp_path / "distilled_model_signalp6.pt").write_bytes(b"PK")
    arguments = ("-ff", good, "-od", tmp_path / "out", "-fmt", "none")
    there = (tmp_path, "holds no model of this program")
    # The second looks like a model on the hub, which is never asked; the third is no name at all.
    for directory, problem in (there, *((name, "is not there") for name in ("a/gone", "a" * 5000))):
        code, _, errors = run(*arguments, "-md", directory, cwd=tmp_path)
        assert (code, errors) == (0, f"peft-sp: --model_dir {directory}: {problem}; using 'fast'\n")


def test_a_broken_model_of_ours_is_one_line(good, tmp_path):
    """Even where a bundled model has its directory's name."""
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "config.json").write_text("{")
    code, _, errors = run("-ff", good.name, "-od", "out", "-md", "fast", cwd=tmp_path)
    assert (code, errors.count("\n")) == (2, 1) and "fast/config.json" in errors


def test_the_page_lists_every_option():
    page = (ROOT / "docs" / "signalp6.md").read_text()
    options = page.split("## Options")[1].split("They are read")[0]
    listed = set(re.findall(r"`(--?[\w-]+)`", options))
    shown = [action for action in parser()._actions if action.help != SUPPRESS]
    assert listed == {name for action in shown for name in action.option_strings}


def test_standard_input(good, tmp_path):
    code, _, _ = run("-ff", "-", "-od", tmp_path / "out", stdin=good.read_bytes())
    assert code == 0
    assert len((tmp_path / "out" / FILES[0]).read_text().splitlines()) == 4


def test_standard_input_out_of_a_file_that_would_be_replaced(good, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    entries = good.rename(out / "processed_entries.fasta")
    with entries.open("rb") as redirected:
        command = [*PEFT_SP, "signalp6", "-ff", "-", "-od", str(out)]
        done = subprocess.run(command, stdin=redirected, capture_output=True, check=False)
    problem = b"is read as standard input and would be replaced; choose another with --output_dir"
    assert done.returncode == 2 and problem in done.stderr


def test_version_and_help():
    code, output, _ = run("--version")
    # Pipelines take its first number or its last word.
    assert code == 0 and re.match(r"SignalP 6\.0 .* 0\.\d+\.\d+\n$", output)
    for spelling in ("-h", "--help"):
        code, output, _ = run(spelling, environment={"COLUMNS": "120"})
        assert code == 0 and "-fasta" in output and "Example:" in output
    code, output, _ = peft_sp("--help", environment={"COLUMNS": "120"})
    assert code == 0 and re.search("signalp6 +Predict with SignalP 6's options", output)
