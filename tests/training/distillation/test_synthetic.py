import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD, RESIDUES, encode, hydropathy_peaks
from peft_sp.biology.grammar import WINDOW
from peft_sp.training.dataset import SHORTEST_FRAGMENT, WindowTable, tabulate
from peft_sp.training.distillation.synthetic import mosaics, recombinants


@pytest.fixture
def windows(labelled) -> WindowTable:
    return tabulate(labelled)


def drawn(windows, rows, seed=1, make=recombinants, **options):
    generator = torch.Generator().manual_seed(seed)
    return make(windows.residues, windows.classes, rows, generator, **options)


def test_the_most_hydrophobic_stretch_near_the_start_is_found():
    windows = [
        "MKKD" + "LLLLLLLLL" + "DDDDDDDD",
        "MD",  # behind the end there is nothing, which counts as 0
        "D" * 50 + "I" * 20,  # too far behind
        "X" * 30,
    ]
    peaks, centres = hydropathy_peaks(encode(windows, WINDOW))
    assert peaks == pytest.approx([3.8, 0.0, -3.5, 0.0])
    assert centres[0] == 4 + 4
    for width in (5, 9, 20):
        assert len(hydropathy_peaks(encode(["MKLLL"], width))[0]) == 1
    assert hydropathy_peaks(np.empty((0, WINDOW), dtype=np.uint8))[0].shape == (0,)


@pytest.mark.parametrize("make", [recombinants, mosaics])
def test_they_are_windows_and_depend_on_the_seed_alone(windows, make):
    rows = list(range(len(windows))) * 3
    first = drawn(windows, rows, make=make)
    assert first.shape == (len(rows), WINDOW) and first.dtype == torch.uint8
    real = first != PAD
    assert (real[:, :-1] >= real[:, 1:]).all(), "no gap within a window"
    assert real[:, 0].all(), "none is empty"
    assert (real.sum(1) < SHORTEST_FRAGMENT).float().mean() < 0.02
    assert torch.equal(first, drawn(windows, rows, make=make))
    assert not torch.equal(first, drawn(windows, rows, 2, make))
    torch.manual_seed(3)
    state = torch.get_rng_state()
    drawn(windows, rows, make=make)
    assert torch.equal(state, torch.get_rng_state()), "training's own chance is left alone"


@pytest.mark.parametrize("make", [recombinants, mosaics])
def test_a_first_methionine_stays_first(windows, make):
    rows = list(range(len(windows))) * 3
    starts = (drawn(windows, rows, make=make)[:, 0] == RESIDUES.index("M")).float().mean()
    assert starts == pytest.approx(
        float((windows.residues[:, 0] == RESIDUES.index("M")).float().mean()), abs=0.02
    )


def test_crossed_windows_go_on_as_another_one_does(windows):
    """Without mutations each is the start of one window and the end of another, well placed."""
    rows = list(range(len(windows)))
    new = drawn(windows, rows, crossed=1.0, mutated=0.0, truncated=0.0)
    before = ["".join((RESIDUES + " ")[c] for c in row).rstrip() for row in windows.residues]
    crossed = 0
    for row, window in enumerate(new):
        (own,) = torch.nonzero(window != windows.residues[row], as_tuple=True)
        text = "".join((RESIDUES + " ")[c] for c in window).rstrip()
        if len(own) and own[0] < len(text):
            crossed += 1
            organism = windows.classes[row][0]
            assert any(
                text[own[0] :] in other
                for other, (group, _) in zip(before, windows.classes, strict=True)
                if group == organism
            )
    assert crossed > 0.7 * len(new)


def test_mosaics_are_pieces_of_many_at_their_distance_from_the_hydrophobic_middle(windows):
    rows = list(range(len(windows)))
    new = drawn(windows, rows, make=mosaics, switches=(0.1, 0.1), mutated=0.0, truncated=0.0)
    lengths = (windows.residues != PAD).sum(1)
    assert torch.equal((new != PAD).sum(1), lengths), "as long as its first one"
    centres = torch.from_numpy(hydropathy_peaks(windows.residues.numpy())[1])
    organisms = [organism for organism, _ in windows.classes]
    parents = []
    for row in rows[:60]:
        group = [n for n in rows if organisms[n] == organisms[row]]
        # A piece of one: equal to it, shifted so that the middles meet.
        places = torch.arange(WINDOW) - centres[row] + centres[group][:, None]
        inside = (places >= 0) & (places < WINDOW)
        shifted = windows.residues[group].gather(1, places.clamp(0, WINDOW - 1))
        equal = (shifted == new[row]) & inside & (new[row] != PAD)
        kept = (windows.residues[row] == new[row]) & (new[row] != PAD)
        assert (equal.any(0) | kept)[: lengths[row]].all()
        parents.append(float(kept[: lengths[row]].float().mean()))
    assert np.mean(parents) < 0.5, "most of it is of others"
