"""What tests of prediction share."""

import pytest

from peft_sp.inference.loading import load
from peft_sp.io.fasta import read_fasta


@pytest.fixture(scope="module")
def fast():
    return load("fast", threads=1)


@pytest.fixture(scope="module")
def proteins(ecoli):
    return list(read_fasta(ecoli))
