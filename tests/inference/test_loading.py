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
