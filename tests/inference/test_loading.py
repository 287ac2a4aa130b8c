"""What `load` refuses before it reads anything."""

from __future__ import annotations

import re

import pytest

from peft_sp.errors import OptionError, PeftSpError
from peft_sp.inference.loading import load


@pytest.mark.parametrize("threads", [0, -1, 1.0, 2.5, True, "2"])
def test_threads_are_a_positive_number(threads):
    with pytest.raises(OptionError, match=re.escape(f"threads is {threads!r}; give a whole")):
        load("fast", threads=threads)
    with pytest.raises(ValueError, match="threads"):
        load("no such model", threads=threads)
    assert issubclass(OptionError, PeftSpError)


def test_a_temperature_that_is_given_replaces_the_models_own():
    window = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
    own = load("fast", threads=1)
    warm = load("fast", threads=1, temperature=4.0)
    assert warm.backend.scores.temperature == 4.0 != own.backend.scores.temperature
    (sure,), (unsure,) = (list(p.predict([("a", window)])) for p in (own, warm))
    assert sure.type == unsure.type == "SP" and sure.cleavage_site == unsure.cleavage_site
    assert unsure.probability < sure.probability
