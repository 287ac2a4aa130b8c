from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from peft_sp.biology.alphabet import encode
from peft_sp.biology.homology.identity import identities
from peft_sp.io.labelled import UNPARTITIONED, mmseqs
from peft_sp.io.labelled.partitions import LIMIT, compare, make_partitions, own_or_made
from tests.support.programs import program

METHODS = ["kmers", pytest.param("mmseqs2", marks=pytest.mark.integration)]


@pytest.fixture(scope="module")
def families(labelled):
    """Fifty real windows and three relatives of each, without partitions; one window twice."""
    generator = np.random.default_rng(2)
    founders = list({p.sequence: p for p in labelled if len(p.sequence) == 70}.values())[::6][:50]
    proteins = []
    for p in founders:
        proteins.append(replace(p, partition=UNPARTITIONED))
        for number in range(3):
            letters = np.array(list(p.sequence))
            places = generator.choice(np.arange(1, 70), 20, replace=False)
            letters[places] = generator.permutation(letters[places])
            name, sequence = f"{p.accession}-{number}", "".join(letters)
            proteins.append(replace(proteins[-1], accession=name, sequence=sequence))
    return [*proteins, replace(proteins[0], accession="twin")]


@pytest.mark.parametrize("method", METHODS)
def test_no_two_windows_in_different_partitions_reach_the_limit(families, method):
    """Checked by aligning every pair, not those alone that the method found."""
    if method == "mmseqs2":
        program(mmseqs.PROGRAM, package="mmseqs2")
    made = make_partitions(families, method=method)
    assert made.comparison.method == method
    assert len(made.kept) + len(made.removed) == len(made.proteins) == len(families)
    distinct = list({p.sequence: p for p in made.kept}.values())
    codes = encode([p.sequence for p in distinct], 70)
    apart = np.array(
        [
            (a, b)
            for a, b in combinations(range(len(distinct)), 2)
            if distinct[a].partition != distinct[b].partition
        ]
    )
    apart = apart[:: 1 + len(apart) // 6000]
    assert identities(codes, apart).max() < LIMIT
    assert made.across.greatest < LIMIT and made.across.reaching(LIMIT) == 0
    sizes = Counter(p.partition for p in made.kept)
    assert set(sizes) == {0, 1, 2} and min(sizes.values()) > len(families) / 4
    where = {p.accession: p.partition for p in made.kept}
    assert where["twin"] == where[families[0].accession]


def test_partitions_that_are_given_are_checked(families):
    """By turns, so that relatives are apart."""
    bad = [replace(p, partition=number % 3) for number, p in enumerate(families)]
    across = compare(bad, method="kmers").across(bad)
    assert across.reaching(LIMIT) >= 150 and across.greatest == 1.0 and across.repeated == 1
    assert compare(bad[:1], method="kmers").across(bad[:1]).greatest == 0.0


def test_the_same_proteins_get_the_same_partitions(families):
    first, again = (make_partitions(families[:60], method="kmers") for _ in range(2))
    assert first.proteins == again.proteins
    two = make_partitions(families[:60], parts=2, method="kmers")
    assert {p.partition for p in two.kept} == {0, 1}


def test_partitions_are_made_where_there_are_less_than_two(families, labelled):
    few = families[:60]
    made, sentence = own_or_made(few)
    assert {p.partition for p in made} == {0, 1, 2}
    assert [replace(p, partition=UNPARTITIONED) for p in made] == few
    assert sentence.startswith("has no partitions, so that 3 were made by homology")
    assert sentence.endswith("proteins") and "identity below 40%" in sentence
    one = [replace(p, partition=2) for p in few]
    again, sentence = own_or_made(one)
    assert again == made and sentence.startswith("has a single partition")
    assert own_or_made(labelled) == (tuple(labelled), "")


def test_a_family_that_is_everything_is_dealt_out_and_what_is_in_the_way_removed(families):
    """The limit is so low that nearly all are relatives of each other."""
    made = make_partitions(families[:80], limit=0.25, method="kmers")
    assert made.removed and made.across.reaching(0.25) == 0
    assert all(p.partition == UNPARTITIONED for p in made.removed)
