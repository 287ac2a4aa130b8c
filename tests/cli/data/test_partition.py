"""Homology partitions as a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peft_sp.io.labelled import UNPARTITIONED, read_labelled, write_labelled
from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def unpartitioned(labelled, tmp_path_factory):
    path = tmp_path_factory.mktemp("partition") / "labelled.fasta"
    write_labelled(path, [replace(p, partition=UNPARTITIONED) for p in labelled])
    return path


def test_partitions_are_made_checked_and_reported(unpartitioned, labelled, tmp_path):
    path = tmp_path / "train.fasta"
    code, output, errors = peft_sp("partition", unpartitioned, "--method", "kmers", "-o", path)
    assert (code, output) == (0, "")
    made = read_labelled(path)
    assert {p.partition for p in made} == {0, 1, 2}
    assert len(made) + errors.count("left out: ") == len(labelled)
    assert "partitions of " in errors and "EUKARYA SP: " in errors
    said = "in different partitions 0 with an identity of 0.4 or more; the greatest is 0.3"
    assert said in errors
    code, output, errors = peft_sp("partition", path, "--method", "kmers", "--check")
    assert (code, output, errors.count("\n")) == (0, "", 1) and said in errors


def test_two_partitions_to_standard_output(unpartitioned, labelled, tmp_path):
    code, output, _ = peft_sp("partition", unpartitioned, "-n", "2", "--method", "kmers", "-o", "-")
    path = tmp_path / "two.fasta"
    path.write_text(output)
    assert code == 0 and {p.partition for p in read_labelled(path)} == {0, 1}


def test_mistakes_are_one_line(unpartitioned, tmp_path):
    for arguments, problem in (
        ((), "--output FILE or --check"),
        (("--check", "-o", tmp_path / "x"), "--output FILE or --check"),
        (("-n", "1", "-o", "-"), "-n"),
        (("-o", unpartitioned), "labelled.fasta"),
        (("--limit", "0", "-o", "-"), "--limit"),
        (("--check",), "has no partitions, so that there is nothing to compare; make some with"),
    ):
        code, output, errors = peft_sp("partition", unpartitioned, *arguments)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and problem in errors
