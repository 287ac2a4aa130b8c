import numpy as np
import pytest
from Bio.Align import PairwiseAligner, substitution_matrices

from peft_sp.biology.alphabet import AMINO_ACIDS, encode
from peft_sp.biology.homology.identity import identities, substitution


def identity(first, second):
    return identities(encode([first, second], 70), np.array([[0, 1]]))[0]


def test_the_matrix_is_blosum62():
    matrix = substitution_matrices.load("BLOSUM62")
    for first in AMINO_ACIDS:
        for second in AMINO_ACIDS:
            assert substitution(first, second) == matrix[first][second], (first, second)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("MKKTAIAIAVALAGFATVAQA", "MKKTAIAIAVALAGFATVAQA", 1.0),
        ("MKKTAIAIAVALAGFATVAQAAPKDN", "MKKTAIAIAV", 10 / 26),
        ("WWWWWWWWWW", "PPPPPPPPPP", 0.0),
        # A gap of two residues; gaps at the ends.
        ("MKKWWHHCCYYFFDEN", "MKKWWHHYYFFDEN", 14 / 16),
        ("AAAMKKWWHHCCYY", "MKKWWHHCCYYLLL", 11 / 14),
        # X is identical with nothing, not even itself.
        ("MKXTWWHH", "MKXTWWHH", 7 / 8),
    ],
)
def test_identities_that_one_can_count(first, second, expected):
    assert identity(first, second) == pytest.approx(expected)
    assert identity(second, first) == pytest.approx(expected)


def test_biopython_aligns_alike(labelled):
    """Pairs of real windows, some of them short: the best alignment with most identical pairs."""
    aligner = PairwiseAligner(mode="global", open_gap_score=-10, extend_gap_score=-0.5)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.end_gap_score = 0
    known = [p.sequence for p in labelled if not set(p.sequence) - set(AMINO_ACIDS)]
    windows = [w if n % 5 else w[: 30 + n % 40] for n, w in enumerate(known)]
    pairs = np.random.default_rng(3).integers(0, len(windows), (60, 2))
    found = identities(encode(windows, 70), pairs)
    for (first, second), one in zip(pairs.tolist(), found.tolist(), strict=True):
        best = max(a.counts().identities for a in aligner.align(windows[first], windows[second]))
        assert one == pytest.approx(best / max(len(windows[first]), len(windows[second])))
