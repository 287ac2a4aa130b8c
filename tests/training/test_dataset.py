from collections import Counter

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD, RESIDUES, encode
from peft_sp.biology.grammar import STATES, TYPES
from peft_sp.biology.tagging import allowed_states, has_legal_path
from peft_sp.errors import InputError
from peft_sp.io.labelled import LabelledProtein
from peft_sp.training.dataset import SIMILAR, BalancedSampler, LabelledWindows, tabulate


def test_batches_hold_what_the_records_say(labelled):
    dataset = LabelledWindows(tabulate(labelled))
    rows = [3, 0, 77]
    batch = dataset.__getitems__(rows)
    proteins = [labelled[row] for row in rows]
    np.testing.assert_array_equal(batch["residues"], encode([p.sequence for p in proteins]))
    assert batch["types"].tolist() == [TYPES.index(p.type) for p in proteins]
    for row, p in enumerate(proteins):
        expected = allowed_states(p.sequence, p.labels, p.type)
        np.testing.assert_array_equal(batch["allowed"][row, : len(expected)], expected)


def test_windows_cut_short_keep_a_legal_path_and_their_signal_peptide(labelled):
    dataset = LabelledWindows(tabulate(labelled), truncation=1.0)
    torch.manual_seed(0)
    lengths = []
    for _ in range(3):
        batch = dataset.__getitems__(list(range(len(labelled))))
        for row, p in enumerate(labelled):
            length = int((batch["residues"][row] != PAD).sum())
            assert has_legal_path(batch["allowed"][row, :length].numpy()), p.accession
            assert length >= min(len(p.sequence), (p.cleavage_site or 0) + 5)
            lengths.append(length)
    assert min(lengths) >= 20 and np.mean(lengths) < 60


def test_chimeras_keep_their_signal_peptide_and_a_legal_path(labelled):
    dataset = LabelledWindows(tabulate(labelled), chimeras=1.0, truncation=0.5)
    torch.manual_seed(0)
    batch = dataset.__getitems__(list(range(len(labelled))))
    exchanged = 0
    for row, p in enumerate(labelled):
        residues = batch["residues"][row]
        length = int((residues != PAD).sum())
        allowed = batch["allowed"][row, :length].numpy()
        assert has_legal_path(allowed), p.accession
        assert {STATES[s].type for s in np.flatnonzero(allowed.any(axis=0))} == {p.type}
        site = p.cleavage_site or 0
        original = dataset.table.residues[row]
        assert torch.equal(residues[:site], original[:site])
        np.testing.assert_array_equal(allowed[:site], dataset.table.allowed[row, :site])
        same = torch.equal(residues[:length], original[:length])
        exchanged += not same
        assert same or p.type not in ("NO_SP", "PILIN")
    assert exchanged > 100
    assert torch.equal(dataset.table.residues, tabulate(labelled).residues)


def test_substitution_keeps_to_its_kinds(labelled):
    dataset = LabelledWindows(tabulate(labelled), substitution=0.5)
    torch.manual_seed(0)
    found = dataset.__getitems__(list(range(len(labelled))))["residues"].numpy()
    original = dataset.table.residues.numpy()[:, : found.shape[1]]
    changed = found != original
    assert 0.05 < changed[original != PAD].mean() < 0.5
    kind_of = {RESIDUES.index(a): kind for kind in SIMILAR for a in kind}
    for before, after in zip(original[changed].tolist(), found[changed].tolist(), strict=True):
        assert kind_of[before] == kind_of[after]


def test_labels_without_a_path_are_named():
    protein = LabelledProtein("P1", "EUKARYA", "SP", 0, "MKTAYVVVVV", "SSOOOOOOOO")
    with pytest.raises(InputError, match="record 'P1': no path of type SP"):
        tabulate([protein])


def test_every_protein_once_without_balancing(labelled):
    sampler = BalancedSampler([p.organism_type for p in labelled], 0.0, seed=1)
    first, second = list(sampler), list(sampler)
    assert first == second and sorted(first) == list(range(len(labelled)))
    sampler.set_epoch(1)
    assert list(sampler) != first


def test_balancing_evens_out_the_classes():
    classes = ["NO_SP"] * 4096 + ["TAT"] * 16
    for balance, expected in ((0.5, 4112 / 17), (1.0, 4112 / 2)):
        drawn = Counter(classes[i] for i in BalancedSampler(classes, balance, seed=1))
        assert drawn["TAT"] == pytest.approx(expected, rel=0.2)


def test_with_rare_the_common_classes_keep_their_proportions():
    classes = ["NO_SP"] * 2000 + ["SP"] * 500 + ["PILIN"] * 10
    drawn = Counter(classes[i] for i in BalancedSampler(classes, 0.5, seed=1, rare=250))
    assert drawn["NO_SP"] / drawn["SP"] == pytest.approx(4, rel=0.15)
    assert drawn["PILIN"] == pytest.approx(50, rel=0.4)  # five times as often as it stands there


def test_an_epoch_may_be_drawn_by_a_generator_of_ones_own():
    classes = ["NO_SP"] * 40 + ["TAT"] * 10
    for balance in (0.0, 0.5):
        sampler = BalancedSampler(classes, balance, seed=1)
        first, again, other = (
            sampler.draw(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
        )
        assert first == again != other and len(first) == len(classes)
        assert list(sampler) == sampler.draw(torch.Generator().manual_seed(1_000_003))


def test_some_rows_of_a_table_are_the_table_of_these_proteins(labelled):
    rows = [5, 2, 200, 2]
    taken = tabulate(labelled).take(rows)
    expected = tabulate([labelled[row] for row in rows])
    assert taken.classes == expected.classes and len(taken) == 4
    for name in ("residues", "allowed", "types", "lengths", "shortest", "junctions"):
        assert torch.equal(getattr(taken, name), getattr(expected, name)), name


def test_augmentation_by_a_generator_leaves_the_global_one_alone(labelled):
    dataset = LabelledWindows(tabulate(labelled), 0.5, 0.1, 0.5)
    rows = list(range(100))
    before = torch.get_rng_state()
    batches = [dataset.batch(rows, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(batches[0]["residues"], batches[1]["residues"])
    assert batches[0]["residues"].shape != batches[2]["residues"].shape or not torch.equal(
        batches[0]["residues"], batches[2]["residues"]
    )
    torch.manual_seed(1)
    assert torch.equal(dataset.batch(rows)["residues"], batches[0]["residues"])
