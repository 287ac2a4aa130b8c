"""Whole runs: recipe in, a model or a cross-validation out."""
