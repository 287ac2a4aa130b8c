"""Labelled proteins: the three-line format, and making it from annotated sequences."""

from peft_sp.io.labelled.records import (
    PARTITIONS,
    UNPARTITIONED,
    LabelledProtein,
    as_text,
    data_hash,
    of_partitions,
    partition,
    read_labelled,
    repeats,
    subset,
    without_cysteine,
    write_labelled,
)

__all__ = [
    "PARTITIONS",
    "UNPARTITIONED",
    "LabelledProtein",
    "as_text",
    "data_hash",
    "of_partitions",
    "partition",
    "read_labelled",
    "repeats",
    "subset",
    "without_cysteine",
    "write_labelled",
]
