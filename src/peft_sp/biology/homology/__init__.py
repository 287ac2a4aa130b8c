"""Which windows are alike, and partitions that keep those that are alike together."""
