import random

import pytest

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.io.registry import learned
from peft_sp.io.registry.learned import check_record, record, recorded
from peft_sp.io.registry.strict_json import FieldError


def windows(count, seed=0):
    generator = random.Random(seed)
    return ["".join(generator.choices(AMINO_ACIDS, k=70)) for _ in range(count)]


def test_windows_that_are_recorded_are_counted_and_no_others():
    own, others = windows(500), windows(500, seed=1)
    text = record(own)
    assert len(text) == 500 * learned.LETTERS
    assert recorded(own[:20] + others + own[:1], text) == 21
    assert recorded(others, text) == 0 and recorded([], text) == 0


def test_a_record_depends_on_which_windows_there_are_alone():
    own = windows(100)
    assert record([*reversed(own), own[0]]) == record(own)
    assert check_record(record(own), "made.trained_windows") == record(own)


def test_of_many_windows_a_sample_is_recorded(monkeypatch):
    own = windows(400)
    monkeypatch.setattr(learned, "MOST", 200)
    assert recorded(own, record(own)) == 200
    assert 70 < recorded(own[:200], record(own)) < 130


@pytest.mark.parametrize("foreign", ["abc", "", "x" * 9, "<script>", 7, None, ["AAAAAAAA"]])
def test_what_is_no_record_is_refused(foreign):
    with pytest.raises(FieldError, match=r"trained_windows.*hashes of 8 letters"):
        check_record(foreign, "made.trained_windows")
