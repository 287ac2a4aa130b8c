"""Every single-residue change of a protein through a model: what breaks a signal peptide."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from peft_sp.biology.grammar import WINDOW
from peft_sp.biology.organism import Organism, OrganismChoice, parse_choice
from peft_sp.biology.substitutions import Scan, Substitution, changed
from peft_sp.inference import records
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.records import Records
from peft_sp.io.registry import lookup

_KEPT = WINDOW + 10
"""Residues of a changed protein: those behind the window change nothing."""


def scan(
    proteins: Records,
    organism: OrganismChoice | str = Organism.OTHER,
    model: str | os.PathLike[str] | lookup.Model | Predictor = lookup.DEFAULT,
    *,
    threads: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Iterator[Scan]:
    """Change each of a protein's first 70 residues into each of the 19 others, and predict all.

    proteins: as `Predictor.predict` takes them, one or several; a scan of each, as it is asked for.
    model: what `load` takes, or what it gave. report: called after each batch with the changes of
    the protein that are computed so far.

    Raises what `load` and `Predictor.predict` raise.

        (found,) = peft_sp.scan(("OmpA", "MKKTAIAIAVALAGFATVAQAAPKDN"))
        print([one.name for one in found.breaking])
    """
    if isinstance(model, Predictor):
        predictor = model
    else:
        given = model if isinstance(model, lookup.Model) else lookup.find(model)
        predictor = load(given, threads=threads)
    choice = parse_choice(organism)
    for protein in records.proteins(proteins):
        every = changed(protein, _KEPT)
        # One chunk: all of them go through the network together.
        together = [protein, *(one[3] for one in every)]
        (wild_type, *after) = predictor.predict(together, choice, report=report)
        yield Scan(
            wild_type,
            tuple(
                Substitution(position, residue, to, prediction)
                for (position, residue, to, _), prediction in zip(every, after, strict=True)
            ),
        )
