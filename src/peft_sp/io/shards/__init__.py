"""Large inputs in shards: where they lie, how they are cut, what is recorded of each."""

PROTEINS = 1_000_000
"""Proteins of a shard, about."""
FORMATS = ("parquet", "tsv", "gff3")
"""Files that a shard's results can have."""
