"""One training run: the loop, the averaged weights, what is recorded."""
