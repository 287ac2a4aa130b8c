"""Large inputs in shards: where they lie, how they are cut, what is recorded of each."""
