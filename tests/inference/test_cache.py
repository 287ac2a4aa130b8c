import json

from peft_sp.biology.prediction import CleavageSite, Region
from peft_sp.inference.cache import WindowCache


def result(number):
    probabilities = (0.1 + number / 3, 1e-300, 0.0, 0.0, 0.0, 0.0)
    regions = (Region("n-region", 1, number), Region("h-region", number + 1, 9))
    sites = (CleavageSite("SP", 9, 1 / 3), CleavageSite("SP", 8, 1e-300))
    return number, probabilities, sites[: number % 3], regions if number % 2 else (), None


def keys(windows):
    return [(window, "other") for window in windows]


def results(**numbers):
    return {(window, "other"): result(number) for window, number in numbers.items()}


def test_the_oldest_goes_first():
    cache = WindowCache(3)
    cache.add(results(A=1, B=2))
    cache.add(results(B=2, C=3, D=4))
    assert cache.known(keys("ABCDE")) == results(B=2, C=3, D=4)
    cache.add(results(E=5))
    assert list(cache.known(keys("EDCBA"))) == keys("EDC")


def test_organisms_are_kept_apart():
    cache = WindowCache()
    cache.add({("A", "eukarya"): result(1), ("A", "other"): result(2)})
    assert cache.known([("A", "eukarya")]) == {("A", "eukarya"): result(1)}


def test_a_state_brings_back_every_bit_and_the_order():
    cache = WindowCache(3)
    cache.add(results(A=1, B=2, C=3))
    other = WindowCache(3)
    other.add(results(Z=6))
    other.restore(json.loads(json.dumps(cache.state())))
    assert other.known(keys("ABCZ")) == cache.known(keys("ABC"))
    other.add(results(D=4))
    assert list(other.known(keys("ABCD"))) == keys("BCD")
