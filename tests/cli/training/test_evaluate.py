"""Evaluation as a command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from peft_sp.biology.alphabet import encode
from peft_sp.io.labelled import write_labelled
from peft_sp.io.registry.lookup import bundled
from peft_sp.training.evaluation.metrics import Outcomes, score
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
    silent = shutil.copytree(bundled()["fast"], tmp_path / "silent")
    config = json.loads((silent / "config.json").read_text())
    del config["made"]["trained_windows"]
    (silent / "config.json").write_text(json.dumps(config))
    code, _, errors = peft_sp("evaluate", silent, tmp_path / "new.fasta")
    assert "does not record which proteins it learned from (train_set.fasta): on those" in errors


def test_imported_weights_are_measured_by_the_published_rule_and_by_ours(tmp_path, labelled):
    pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")
    from peft_sp.inference.decoding.published import PublishedDecoder
    from peft_sp.inference.loading import load
    from tests.support.published import Published, network, write_backbone

    backbone = write_backbone(tmp_path, network())
    file = Published(lora=2).save(tmp_path / "model.pt")
    assert peft_sp("import", file, "--backbone", backbone, "-o", tmp_path / "mine")[0] == 0
    few = [p for p in labelled if len(p.sequence) == 70][:40]
    write_labelled(tmp_path / "few.fasta", few)
    found = {}
    for rule in ((), ("--published-decoding",)):
        figures = tmp_path / f"{len(rule)}.json"
        given = ("evaluate", tmp_path / "mine", tmp_path / "few.fasta", "--json", figures, *rule)
        code, output, errors = peft_sp(*given)
        assert code == 0, errors
        assert ("decoded as published" in " ".join(output.split())) == bool(rule)
        found[bool(rule)] = json.loads(figures.read_text())
    backend = load(tmp_path / "mine").backend
    emissions = backend.emissions(encode([p.sequence for p in few]))
    decoded = PublishedDecoder(backend.scores).decode(emissions, np.full(len(few), 70))
    scores = score(Outcomes.of(few, decoded), 0)
    assert found[True]["mean_mcc2"] == pytest.approx(scores.mean_mcc2, nan_ok=True)
    assert found[True] != found[False]
    code, _, errors = peft_sp("evaluate", "fast", tmp_path / "few.fasta", "--published-decoding")
    assert code == 2 and "was not imported from the published PEFT-SP" in errors
