"""Prediction of a large input by many workers: a shard each, and the proof that nothing is lost."""
