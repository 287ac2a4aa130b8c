"""The commands of docs/data.md are run as they stand, on small data under the names it uses."""

from __future__ import annotations

import re
import shlex

import pytest

from peft_sp.io.labelled import read_labelled
from tests.support.commands import peft_sp
from tests.support.paths import ROOT
from tests.support.uniprot import as_gff, as_table

PAGE = (ROOT / "docs" / "data.md").read_text()


def commands() -> list[str]:
    shell = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    return [line for line in shell.splitlines() if line.startswith("peft-sp")]


@pytest.mark.integration
def test_the_way_from_annotation_to_a_model(labelled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    features, fasta = as_gff(p for p in labelled if p.organism == "NEGATIVE")
    (tmp_path / "uniprot.tsv").write_text(as_table(labelled))
    (tmp_path / "proteins.gff").write_text(features)
    (tmp_path / "proteins.fasta").write_text(fasta)
    assert len(commands()) == 5
    for command in commands():
        arguments = shlex.split(command)[1:]
        if arguments[0] == "train":
            arguments += ["--set", "optimisation.epochs=0.1"]
        if arguments[0] == "partition":
            arguments += ["--method", "kmers"]  # quick, whatever is installed
        code, _, errors = peft_sp(*arguments)
        assert code == 0, errors
    assert (tmp_path / "my-model" / "config.json").exists()
    assert {p.partition for p in read_labelled(tmp_path / "train_set.fasta")} == {0, 1, 2}
