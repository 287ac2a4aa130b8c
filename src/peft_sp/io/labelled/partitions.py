"""Homology partitions of labelled proteins: made, and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import WINDOW
from peft_sp.biology.homology import seeds
from peft_sp.biology.homology.grouping import group
from peft_sp.biology.homology.identity import identities
from peft_sp.io.labelled import mmseqs
from peft_sp.io.labelled.records import PARTITIONS, UNPARTITIONED, LabelledProtein

LIMIT = 0.4
"""Identity that two windows in different partitions stay below. Those of unrelated proteins reach
0.3 by chance, one pair in 600, and hardly ever 0.36."""
Method = Literal["mmseqs2", "kmers"]


@dataclass(frozen=True)
class Comparison:
    """All pairs of distinct windows that may be alike, with their identity.

    windows: distinct, in their order; pairs (P, 2): rows of them; identity (P,), see
    `homology.identity`; method: how the pairs were found.
    """

    windows: tuple[str, ...]
    pairs: NDArray[np.int64]
    identity: NDArray[np.float64]
    method: Method

    def across(self, proteins: Sequence[LabelledProtein]) -> Across:
        """What stands in different partitions of these proteins, whose windows were compared."""
        of: dict[str, set[int]] = {}
        for p in proteins:
            if p.partition != UNPARTITIONED:
                of.setdefault(p.sequence, set()).add(p.partition)
        nowhere: set[int] = set()
        apart = np.zeros(len(self.pairs), dtype=bool)
        for number, (first, second) in enumerate(self.pairs.tolist()):
            one, two = (of.get(self.windows[row], nowhere) for row in (first, second))
            apart[number] = bool(one and two and one | two != one & two)
        repeated = sum(len(numbers) > 1 for numbers in of.values())
        return Across(np.sort(self.identity[apart])[::-1], repeated)


@dataclass(frozen=True)
class Across:
    """identity: of the pairs in different partitions, falling; repeated: windows in several."""

    identity: NDArray[np.float64]
    repeated: int

    @property
    def greatest(self) -> float:
        """The greatest identity of two windows in different partitions; 0 where none was found."""
        if self.repeated:
            return 1.0
        return float(self.identity[0]) if len(self.identity) else 0.0

    def reaching(self, limit: float) -> int:
        """Pairs in different partitions that reach an identity."""
        return int((self.identity >= limit).sum()) + self.repeated


@dataclass(frozen=True)
class Partitioned:
    """Proteins in new partitions, in their order; those of none are in the way of others.

    moved: windows that left their cluster for the partition of others that are alike; comparison,
    across: what was compared, and what of it stands in different partitions now.
    """

    proteins: tuple[LabelledProtein, ...]
    moved: int
    comparison: Comparison
    across: Across

    @property
    def kept(self) -> list[LabelledProtein]:
        """Those in a partition."""
        return [p for p in self.proteins if p.partition != UNPARTITIONED]

    @property
    def removed(self) -> list[LabelledProtein]:
        """Those in none."""
        return [p for p in self.proteins if p.partition == UNPARTITIONED]


def compare(
    proteins: Sequence[LabelledProtein], limit: float = LIMIT, method: Method | None = None
) -> Comparison:
    """Find the pairs of windows that may reach an identity, and their identity.

    method: k-mers, with MMseqs2 beside them ("mmseqs2") where it is installed: of the pairs of a
    whole training set either one misses some that the other finds. Raises MMseqsError.
    """
    method = method or ("mmseqs2" if mmseqs.installed() else "kmers")
    windows = tuple(dict.fromkeys(p.sequence for p in proteins))
    codes = encode(windows, WINDOW)
    pairs = seeds.alike(codes, limit)
    if method == "mmseqs2":
        pairs = np.unique(np.concatenate([pairs, mmseqs.alike(windows)]), axis=0)
    return Comparison(windows, pairs, identities(codes, pairs), method)


def make_partitions(
    proteins: Sequence[LabelledProtein],
    parts: int = len(PARTITIONS),
    limit: float = LIMIT,
    method: Method | None = None,
) -> Partitioned:
    """Give proteins new partitions, of which no two windows reach the identity `limit`.

    Equal windows stay together. The partitions are balanced over organism groups and types. The
    same proteins always get the same ones. Raises MMseqsError.
    """
    comparison = compare(proteins, limit, method)
    classes: dict[str, tuple[str, str]] = {}
    for p in proteins:
        classes.setdefault(p.sequence, p.organism_type)
    alike = comparison.identity >= limit
    found = group(
        list(classes.values()), comparison.pairs[alike], comparison.identity[alike], parts
    )
    numbers = dict(zip(classes, found.partition.tolist(), strict=True))
    renewed = tuple(replace(p, partition=numbers[p.sequence]) for p in proteins)
    across = comparison.across(renewed)
    assert across.greatest < limit, across.greatest
    return Partitioned(renewed, found.moved, comparison, across)


def own_or_made(proteins: Sequence[LabelledProtein]) -> tuple[tuple[LabelledProtein, ...], str]:
    """Proteins in their own partitions; where they have less than two, in partitions made here.

    Beside them a sentence on the partitions that were made, "" for their own. The same proteins
    always get the same ones, whatever is installed.
    """
    own = {p.partition for p in proteins} - {UNPARTITIONED}
    if len(own) > 1:
        return tuple(proteins), ""
    made = make_partitions(proteins, method="kmers")
    sizes = Counter(p.partition for p in made.kept)
    lacks = "has a single partition" if own else "has no partitions"
    left = f", {len(made.removed):,} in none" if made.removed else ""
    return made.proteins, (
        f"{lacks}, so that {len(PARTITIONS)} were made by homology, as by 'peft-sp partition' "
        f"(identity below {LIMIT:.0%} across them): "
        f"{' / '.join(f'{sizes[n]:,}' for n in PARTITIONS)} proteins{left}"
    )
