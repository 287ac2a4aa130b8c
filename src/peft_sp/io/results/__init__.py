"""Results of a run on disk: whole or not at all, resumed, and not in place of what others need."""
