import json

from peft_sp.biology.prediction import Region
from peft_sp.inference.cache import Memory


def result(number):
    shares = (0.1 + number / 3, 1e-300, 0.0, 0.0, 0.0, 0.0)
    regions = (Region("n-region", 1, number), Region("h-region", number + 1, 9))
    return number, shares, 9, 1 / 3, regions if number % 2 else (), None


def keys(windows):
    return [(window, "other") for window in windows]


def results(**numbers):
    return {(window, "other"): result(number) for window, number in numbers.items()}


def test_the_oldest_goes_first():
    memory = Memory(3)
    memory.add(results(A=1, B=2))
    memory.add(results(B=2, C=3, D=4))
    assert memory.known(keys("ABCDE")) == results(B=2, C=3, D=4)
    memory.add(results(E=5))
    assert list(memory.known(keys("EDCBA"))) == keys("EDC")


def test_organisms_are_kept_apart():
    memory = Memory()
    memory.add({("A", "eukarya"): result(1), ("A", "other"): result(2)})
    assert memory.known([("A", "eukarya")]) == {("A", "eukarya"): result(1)}


def test_a_state_brings_back_every_bit_and_the_order():
    memory = Memory(3)
    memory.add(results(A=1, B=2, C=3))
    other = Memory(3)
    other.add(results(Z=6))
    other.restore(json.loads(json.dumps(memory.state())))
    assert other.known(keys("ABCZ")) == memory.known(keys("ABC"))
    other.add(results(D=4))
    assert list(other.known(keys("ABCD"))) == keys("BCD")
