"""Recipes of networks that are trained in seconds."""

from __future__ import annotations


def small(folder, labelled_file, name):
    """A student's, in a file of its own."""
    recipe = folder / f"{name}.toml"
    recipe.write_text(
        f'name = "{name}"\ndata = "{labelled_file}"\n[student]\nwidth = 16\nhidden = 8\n'
        "convolutions = 0\n[optimisation]\nepochs = 1\n"
    )
    return recipe
