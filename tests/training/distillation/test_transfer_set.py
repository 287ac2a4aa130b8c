import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import RESIDUES, hydropathy_peaks
from peft_sp.io.labelled import partition
from peft_sp.training.distillation.transfer_set import (
    PURPOSES,
    full_width,
    make_transfer_set,
    random_stream,
)
from peft_sp.training.inputs import read_inputs
from tests.support.distillation import changed, distilling, varied_windows

pytestmark = pytest.mark.integration


def transfer_set(recipe):
    """A recipe's transfer set."""
    split = read_inputs(recipe).split(recipe.partitions)
    windows = split.unlabelled_windows
    return make_transfer_set(varied_windows(recipe), windows, recipe.distillation, recipe.seed)


def test_it_holds_labelled_varied_and_unlabelled_windows(recipe, labelled, tmp_path):
    tested = {p.sequence for p in partition(labelled, [0])}
    trained = partition(labelled, [1, 2], tested)
    unlabelled = "".join(RESIDUES[code] for code in range(20)) * 2
    file = tmp_path / "more.faa"
    hidden = next(iter(tested))
    file.write_text(
        f">a\n{unlabelled}\n>b\n{trained[0].sequence}\n>c\n{hidden}\n>d\n{unlabelled}\n"
    )
    fold = changed(recipe, partitions={"train": [1, 2], "test": 0})
    found = transfer_set(distilling(fold, unlabelled=[str(file)]))
    assert found.parts == [len(trained), len(trained), 1]
    assert found.classes[: len(trained)] == [p.organism_type for p in trained]
    assert found.classes[-1] is None
    assert found.allowed[-1].all()  # any path: no label
    varied = found.residues[len(trained) : -1]
    plain = {bytes(row) for row in found.residues[: len(trained)].numpy()}
    assert any(bytes(row) not in plain for row in varied.numpy())
    text = {"".join((RESIDUES + " ")[c] for c in row).rstrip() for row in found.residues}
    assert hidden not in text


def test_recombinants_have_no_labels_and_screened_windows_are_hydrophobic(recipe, labelled):
    own = {"recombinants": 1, "mosaics": 1, "min_hydropathy": 1.6, "class_balance": 0.5}
    found = transfer_set(distilling(recipe, **own))
    parts = found.parts
    assert parts[:4] == [len(labelled)] * 4 and 0 < parts[4] < 300
    behind = sum(parts[:2])
    assert found.allowed[behind:].all() and not found.allowed[:behind].all()
    first, second = found.residues[behind : behind + 2 * parts[2]].chunk(2)
    assert not torch.equal(first, second)
    peaks, _ = hydropathy_peaks(found.residues[-parts[4] :].numpy())
    assert peaks.min() >= 1.6


def test_more_draws_of_one_kind_change_none_of_another(recipe, labelled):
    few = transfer_set(distilling(recipe, augmented_copies=1, recombinants=1, mosaics=1))
    many = transfer_set(distilling(recipe, augmented_copies=2, recombinants=3, mosaics=2))
    size = len(labelled)

    def draw(of, number):
        return of.residues[number * size : (number + 1) * size]

    # labelled, copies, recombinants, mosaics
    for there, number in ((0, 0), (1, 1), (3, 2), (6, 3)):
        assert torch.equal(draw(many, there), draw(few, number))
    draws = [draw(many, number).numpy().tobytes() for number in range(8)]
    assert len(set(draws)) == 8, "no draw repeats another"
    assert torch.equal(many.residues[8 * size :], few.residues[4 * size :])
    assert torch.equal(
        few.residues, transfer_set(distilling(recipe, recombinants=1, mosaics=1)).residues
    )


def test_the_seed_decides(recipe):
    own = distilling(recipe, recombinants=1)
    assert not torch.equal(
        transfer_set(own).residues, transfer_set(changed(own, seed=recipe.seed + 1)).residues
    )


def test_streams_are_each_their_own():
    values = [
        tuple(torch.rand(4, generator=random_stream(seed, purpose, draw)).tolist())
        for seed in (0, 1, 2)
        for purpose in PURPOSES
        for draw in range(5)
    ]
    assert len(set(values)) == len(values)
    # Independent: no two of them run alike.
    long = [torch.rand(2000, generator=random_stream(1, "copies", draw)) for draw in range(20)]
    correlations = np.corrcoef(torch.stack(long).numpy())[~np.eye(20, dtype=bool)]
    assert np.abs(correlations).max() < 0.1
    first, again = (torch.rand(4, generator=random_stream(7, "mosaics", 2)) for _ in range(2))
    assert torch.equal(first, again)


def test_columns_are_brought_to_the_full_width():
    wide = full_width(torch.ones(2, 3, dtype=torch.uint8), 9)
    assert wide.shape == (2, 70)
    assert (wide[:, :3] == 1).all() and (wide[:, 3:] == 9).all()
