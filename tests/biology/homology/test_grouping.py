from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from peft_sp.biology.homology.grouping import REMOVED, group


def grouped(classes, pairs, parts=3):
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return group(classes, array, np.ones(len(array)), parts)


@given(st.integers(1, 40), st.integers(2, 3), st.randoms(use_true_random=False))
def test_no_pair_is_apart(count, parts, random):
    number = random.randrange(2 * count) if count > 1 else 0
    pairs = [sorted(random.sample(range(count), 2)) for _ in range(number)]
    classes = [random.choice("abc") for _ in range(count)]
    found = grouped(classes, pairs, parts).partition
    assert set(found.tolist()) <= {REMOVED, *range(parts)}
    for one, two in pairs:
        assert REMOVED in (found[one], found[two]) or found[one] == found[two]
    assert (grouped(classes, pairs, parts).partition == found).all()


def test_clusters_stay_whole_and_classes_are_balanced():
    """Thirty families of four; every class is a third in each partition."""
    classes = ["abc"[n // 4 % 3] for n in range(120)]
    pairs = [(n, n + 1) for n in range(120) if n % 4 < 3]
    found = grouped(classes, pairs)
    assert found.moved == 0 and REMOVED not in found.partition
    counts = Counter(zip(classes, found.partition.tolist(), strict=True))
    for name, total in Counter(classes).items():
        assert all(total / 3 - 4 <= counts[name, part] <= total / 3 + 4 for part in range(3))


def test_a_rare_class_is_dealt_out_as_evenly_as_the_common_one():
    classes = ["rare"] * 3 + ["common"] * 300
    found = grouped(classes, []).partition
    assert sorted(found[:3].tolist()) == [0, 1, 2]
    assert sorted(Counter(found.tolist()).values()) == [101, 101, 101]


def test_a_family_larger_than_a_partition_loses_the_fewest():
    """Two dense families joined by one window, which alone is removed or moved."""
    first = [(a, b) for a in range(15) for b in range(a + 1, 15)]
    second = [(a, b) for a in range(15, 30) for b in range(a + 1, 30)]
    bridge = [(14, 15)]
    found = grouped(["a"] * 60, first + second + bridge)
    assert (found.partition == REMOVED).sum() <= 1
