"""Partitions with no two alike windows in different ones: cluster, deal out, move, remove.

After GraphPart (Teufel et al. 2023): clusters of alike windows are dealt out whole so that the
partitions are balanced over the classes. A cluster must not outgrow a partition; where its parts
fall into different ones, windows move to where most of those that are alike are, and the fewest
that then still stand in the way are removed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REMOVED = -1
_LARGEST = 0.5
"""The most windows of a cluster, as a fraction of a partition."""
_PASSES = 10


@dataclass(frozen=True)
class Grouping:
    """Where windows go.

    partition (N,): of each, `REMOVED` for none; moved: how many left that of their cluster.
    """

    partition: NDArray[np.int64]
    moved: int


def group(
    classes: Sequence[Hashable], pairs: NDArray[np.int64], identity: NDArray[np.float64], parts: int
) -> Grouping:
    """Partitions of N windows of some classes.

    pairs (P, 2), identity (P,): all pairs that may not be apart, and how alike they are.
    """
    order = np.argsort(-identity, kind="stable")
    cluster = _linked(len(classes), pairs[order], max(1, int(len(classes) / parts * _LARGEST)))
    partition = _dealt(cluster, classes, parts)
    dealt = partition.copy()
    _move(partition, pairs, parts)
    _remove(partition, pairs)
    moved = (partition != dealt) & (partition != REMOVED)
    return Grouping(partition, int(moved.sum()))


def _linked(count: int, pairs: NDArray[np.int64], largest: int) -> NDArray[np.int64]:
    """Cluster (N,) of each window by single linkage, the most alike first."""
    parent, size = list(range(count)), [1] * count

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in pairs.tolist():
        one, two = root(first), root(second)
        if one != two and size[one] + size[two] <= largest:
            parent[two] = one
            size[one] += size[two]
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def _dealt(
    cluster: NDArray[np.int64], classes: Sequence[Hashable], parts: int
) -> NDArray[np.int64]:
    """Partition (N,) of each window: clusters go whole to where their classes are scarcest."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(classes))}
    kinds = np.array([numbers[name] for name in classes], dtype=np.int64)
    _, member = np.unique(cluster, return_inverse=True)
    # shape: (clusters, classes + 1), the last column counting all
    counts = np.zeros((member.max(initial=-1) + 1, len(numbers) + 1))
    np.add.at(counts, (member, kinds), 1)
    counts[:, -1] = counts.sum(axis=1)
    shares = counts / counts.sum(axis=0)
    loads = np.zeros((parts, shares.shape[1]))
    chosen = np.zeros(len(shares), dtype=np.int64)
    # Those that are most of a class first: the others can still even out what they do.
    for number in np.argsort(-shares.max(axis=1), kind="stable"):
        chosen[number] = int((loads @ shares[number]).argmin())
        loads[chosen[number]] += shares[number]
    return chosen[member]


def _move(partition: NDArray[np.int64], pairs: NDArray[np.int64], parts: int) -> None:
    """Windows go to the partition that holds most of those that are alike, in place."""
    for _ in range(_PASSES):
        links = np.zeros((len(partition), parts), dtype=np.int64)
        for one, two in (pairs.T, pairs.T[::-1]):
            np.add.at(links, (one, partition[two]), 1)
        own = links[np.arange(len(partition)), partition]
        moving = np.flatnonzero(links.max(axis=1) > own)
        # Every other one, so that two that are alike do not change places for ever.
        moving = moving[::2]
        if not len(moving):
            return
        partition[moving] = links[moving].argmax(axis=1)


def _remove(partition: NDArray[np.int64], pairs: NDArray[np.int64]) -> None:
    """Remove windows, those with most others in the way first, until none is, in place."""
    apart = pairs[partition[pairs[:, 0]] != partition[pairs[:, 1]]].tolist()
    in_the_way: dict[int, set[int]] = {}
    for one, two in apart:
        in_the_way.setdefault(one, set()).add(two)
        in_the_way.setdefault(two, set()).add(one)
    while in_the_way:
        worst = max(in_the_way, key=lambda row: (len(in_the_way[row]), -row))
        partition[worst] = REMOVED
        for other in in_the_way.pop(worst):
            in_the_way[other].discard(worst)
            if not in_the_way[other]:
                del in_the_way[other]
