import json

import numpy as np

from peft_sp.biology.prediction import MARGINAL_COLUMNS, CleavageSite, Marginals, Region
from peft_sp.inference.cache import WindowCache

LENGTH = 9


def result(number):
    probabilities = (0.1 + number / 30, 1e-300, 0.0, 0.0, 0.0, 0.0)
    regions = (Region("n-region", 1, number), Region("h-region", number + 1, 9))
    sites = (CleavageSite("SP", 9, 1 / 3), CleavageSite("SP", 8, 1e-300))
    return number, probabilities, sites[: number % 3], regions if number % 2 else (), None


def keys(letters):
    return [(letter * LENGTH, "other") for letter in letters]


def results(**numbers):
    return {(letter * LENGTH, "other"): result(number) for letter, number in numbers.items()}


def settled(cache, results):
    cache.pending.update(results)
    cache.settle(len(results))


def test_the_oldest_goes_first():
    cache = WindowCache(3)
    settled(cache, results(A=1, B=2))
    settled(cache, results(B=2, C=3, D=4))
    assert cache.known(keys("ABCDE")) == results(B=2, C=3, D=4)
    settled(cache, results(E=5))
    assert list(cache.known(keys("EDCBA"))) == keys("EDC")
    assert cache.settled == 6


def test_organisms_are_kept_apart():
    cache = WindowCache()
    settled(cache, {("A", "eukarya"): result(1), ("A", "other"): result(2)})
    assert cache.known([("A", "eukarya")]) == {("A", "eukarya"): result(1)}


def test_results_of_a_chunk_in_progress_are_no_results_of_chunks_before():
    cache = WindowCache()
    cache.pending.update(results(A=1))
    assert cache.known(keys("A")) == {}
    cache.settle(1, keep=False)
    assert (cache.known(keys("A")), cache.pending, cache.settled) == ({}, {}, 1)


def test_a_state_brings_back_every_bit_and_the_order():
    cache = WindowCache(3)
    settled(cache, results(A=1, B=2, C=3))
    cache.pending.update(results(D=4))
    other = WindowCache(3)
    settled(other, results(Z=6))
    other.restore(json.loads(json.dumps(cache.state())))
    assert other.known(keys("ABCZ")) == cache.known(keys("ABC"))
    assert (other.pending, other.settled) == (results(D=4), 3)
    other.settle(1)
    assert list(other.known(keys("ABCD"))) == keys("BCD")


def test_a_state_brings_back_marginals():
    numbers = np.random.default_rng(0)
    own = Marginals(
        numbers.random((LENGTH, len(MARGINAL_COLUMNS)), dtype=np.float32),
        numbers.random(LENGTH, dtype=np.float32),
    )
    cache, other = WindowCache(), WindowCache()
    cache.pending["MKTAMKTAM", "other"] = (*result(1)[:-1], own)
    other.restore(json.loads(json.dumps(cache.state())))
    ((*same, found),) = other.pending.values()
    assert tuple(same) == result(1)[:-1]
    assert np.array_equal(found.regions, own.regions)
    assert np.array_equal(found.cleavage, own.cleavage)
