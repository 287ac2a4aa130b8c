"""What a run computes on: processors and GPUs."""
