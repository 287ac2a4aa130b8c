"""Few-sample sets as a command."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from peft_sp.io.labelled import read_labelled
from tests.support.commands import PEFT_SP, peft_sp

pytestmark = pytest.mark.integration


def test_a_subset_to_standard_output_is_what_is_written(labelled_file, labelled, tmp_path):
    path = tmp_path / "few.fasta"
    code, output, errors = peft_sp("subset", labelled_file, "-n", "2", "-o", path)
    assert (code, output) == (0, "")
    drawn = read_labelled(path)
    classes = Counter((p.organism, p.type, p.partition) for p in drawn)
    assert max(classes.values()) == 2
    groups = {p.organism_type for p in drawn}
    assert errors == (
        f"{len(drawn)} of {len(labelled)} proteins in {len(groups)} classes of organism group and "
        "type\n"
    )
    code, output, again = peft_sp("subset", labelled_file, "-n", "2")
    assert (code, output, again) == (0, path.read_text(), errors)
    other = peft_sp("subset", labelled_file, "-n", "2", "--seed", "2")[1]
    assert other != output and other.count(">") == output.count(">")


def test_the_input_is_not_replaced(labelled_file, tmp_path):
    path = tmp_path / "in.fasta"
    path.write_bytes(labelled_file.read_bytes())
    (tmp_path / "link.fasta").symlink_to(path)
    for output in (path, tmp_path / "link.fasta"):
        code, _, errors = peft_sp("subset", path, "-n", "2", "-o", output)
        assert code == 2 and "would be replaced" in errors and errors.count("\n") == 1
    command = [*PEFT_SP, "subset", str(path), "-n", "2"]
    with path.open("a") as file:
        run = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 2 and b"standard output: goes into the input" in run.stderr
    assert path.read_bytes() == labelled_file.read_bytes()


def test_mistakes_are_one_line(labelled_file, tmp_path):
    for arguments, problem in (
        ((tmp_path / "none.fasta", "-n", "2"), "no such file"),
        ((labelled_file, "-n", "0"), "-n"),
        ((labelled_file, "-n", "2", "-o", "/proc/x"), "cannot be written"),
    ):
        code, output, errors = peft_sp("subset", *arguments)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and problem in errors
