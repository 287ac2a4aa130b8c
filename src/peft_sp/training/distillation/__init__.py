"""Students of trained models: who teaches, on which windows, and what was answered."""
