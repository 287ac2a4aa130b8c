import numpy as np

from peft_sp.biology.grammar import TYPES, state
from peft_sp.inference.decoding.decoder import Decoded
from peft_sp.training.evaluation.regions import region_lengths, region_scores, window_lengths


def decoded(*windows):
    """Decoded windows from (type, states in order, residues of each)."""
    width = max(sum(sizes) for _, _, sizes in windows)
    paths = np.full((len(windows), width), -1, dtype=np.int8)
    for path, (kind, names, sizes) in zip(paths, windows, strict=True):
        states = np.repeat([state(kind, name) for name in names], sizes)
        path[: len(states)] = states
    types = np.array([TYPES.index(kind) for kind, _, _ in windows])
    sites = np.where(types > 0, 20, 0)
    return Decoded(np.eye(len(TYPES))[types], types, sites, sites / 20, paths)


FOUND = decoded(
    ("SP", ("N", "H", "C", "O"), (5, 10, 4, 6)),
    ("TAT", ("N", "RR", "N", "H", "C", "O"), (3, 2, 4, 11, 5, 1)),
    ("NO_SP", ("I",), (26,)),
    ("SP", ("N", "H", "C", "O"), (7, 12, 3, 2)),
    ("LIPO", ("N", "H", "CS", "C1", "O"), (4, 9, 3, 1, 5)),
)


def test_lengths_of_each_window():
    assert window_lengths(FOUND).tolist() == [
        [5, 10, 4],
        # The twin-arginine motif lies in the n-region.
        [9, 11, 5],
        [0, 0, 0],
        [7, 12, 3],
        [4, 9, 0],
    ]


def test_lengths_by_type():
    lengths = region_lengths(FOUND.types, window_lengths(FOUND))
    assert {kind: {r: x.tolist() for r, x in own.items()} for kind, own in lengths.items()} == {
        "SP": {"n": [5, 7], "h": [10, 12], "c": [4, 3]},
        "LIPO": {"n": [4], "h": [9]},
        "TAT": {"n": [9], "h": [11], "c": [5]},
    }


def test_scores_hold_their_means():
    windows = ["MKKLLAVAGSLLALAVPSAQADQTRE"] * 5
    scores = {s.type: s for s in region_scores(windows, FOUND)}
    assert list(scores) == ["SP", "LIPO", "TAT"]
    sp, lipo = scores["SP"], scores["LIPO"]
    assert (sp.count, sp.n_length, sp.h_length, sp.c_length) == (2, 6, 11, 3.5)
    assert 0 <= sp.n_h_cosine <= 1 and 0 <= sp.h_c_cosine <= 1
    assert np.isnan(lipo.c_length) and np.isnan(lipo.h_c_cosine)
