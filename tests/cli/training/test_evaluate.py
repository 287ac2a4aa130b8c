"""Evaluation as a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peft_sp.io.labelled import write_labelled
from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


def test_a_model_knows_what_it_learned_from_in_every_file(tmp_path, labelled, labelled_file):
    """Also a selection and a copy of its data; a model that records nothing says so."""
    model, settings = tmp_path / "model", ["partitions.train=[1, 2]", "optimisation.epochs=0.1"]
    sets = [part for one in (f"data={labelled_file}", *settings) for part in ("--set", one)]
    code, _, errors = peft_sp("train", "small", "-o", model, *sets)
    assert code == 0, errors
    learned = {p.sequence for p in labelled if p.partition in (1, 2)}
    new = [p for p in labelled if p.sequence not in learned][:7]
    few = [p for p in labelled if p.sequence in learned][:5] + new
    for name, proteins, expected in (("few", few, 5), ("new", new, 0)):
        data = tmp_path / f"{name}.fasta"
        write_labelled(data, [replace(p, accession="other", partition=0) for p in proteins])
        code, _, errors = peft_sp("evaluate", model, data)
        assert code == 0
        said = f"learned from {expected} of these {len(proteins)} proteins"
        assert (said in errors) == bool(expected) and errors.count("\n") == bool(expected)
    code, output, errors = peft_sp("models", model, "--json")
    assert code == 0 and "trained_windows" not in output and "data_sha256" in output
    code, _, errors = peft_sp("evaluate", "fast", tmp_path / "new.fasta")
    assert "does not record which proteins it learned from (train_set.fasta): on those" in errors
