from itertools import combinations

import numpy as np

from peft_sp.biology.alphabet import AMINO_ACIDS, encode
from peft_sp.biology.homology.identity import identities
from peft_sp.biology.homology.seeds import alike


def test_all_pairs_of_a_sample_that_reach_the_limit_are_found(labelled):
    """Compared with all pairs, aligned; windows and mutated copies of them."""
    generator = np.random.default_rng(1)
    windows = list(dict.fromkeys(p.sequence for p in labelled[::4]))[:40]
    for window in windows[:40]:
        letters = list(window)
        for place in generator.choice(len(letters), int(0.45 * len(letters)), replace=False):
            letters[place] = generator.choice(list(AMINO_ACIDS))
        cut = int(generator.integers(10, 30))
        windows.append("".join(letters[:cut] + letters[cut + 1 :]))
    codes = encode(windows, 70)
    every = np.array(list(combinations(range(len(windows)), 2)))
    wanted = {tuple(pair) for pair in every[identities(codes, every) >= 0.4].tolist()}
    found = alike(codes, 0.4).tolist()
    assert len(wanted) >= 40
    assert wanted - set(map(tuple, found)) == set()
    assert all(first < second for first, second in found)
    assert len(found) == len(set(map(tuple, found))) < len(every) / 4


def test_windows_that_share_nothing_are_no_pair():
    codes = encode(["MKTAYIAKQR", "WWPPGGHHDD", "MKTAYIAKQR", "X" * 10, "MK"], 70)
    assert alike(codes, 0.4).tolist() == [[0, 2]]
    assert alike(codes[:1], 0.4).shape == alike(codes[:0], 0.4).shape == (0, 2)
