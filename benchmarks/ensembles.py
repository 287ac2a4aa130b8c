"""How the networks of an ensemble should be put together: mean emissions or mean posteriors.

    python benchmarks/ensembles.py CROSSVAL_DIR --data train_set.fasta --backbone esm2_t6_8M

CROSSVAL_DIR holds the models of a cross-validation, test-0 to test-2, of several members each.
Every member predicts the partition that it never saw; the figures are of all three in one table.

- emissions: the mean of the members' emissions and CRF scores, then one decoding (what a model
  directory with members does);
- posteriors: the mean of the members' type probabilities; the site is the one with the largest
  mean probability of being cut there in that type. Once as trained and once with each member at
  a temperature fitted on its predictions for the other partitions.

Prints a Markdown table. What a member says is computed once and kept beside the models.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.inference.backends import Backend
from peft_sp.inference.decoding import CrfScores, Decoder
from peft_sp.inference.loading import load
from peft_sp.io.labelled import LabelledProtein, partition, read_labelled
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.evaluation.calibration import fit_temperature
from peft_sp.training.evaluation.metrics import BIG_CLASSES, Outcomes, score

BATCH = 64
Said = tuple[NDArray[np.float32], CrfScores]
"""Emissions (N, L, S) of windows, and the CRF's scores."""


def said_by(member: Path, backbone: str | None, windows: Sequence[str]) -> Said:
    """What a member says of windows; read where it was computed before."""
    kept = member / "emissions.npz"
    if kept.exists():
        with np.load(kept) as file:
            own = CrfScores(file["transitions"], file["starts"], file["ends"])
            return file["emissions"], own
    backend: Backend = load(member, backbone=backbone).backend
    codes = encode(windows)
    emissions = np.concatenate(
        [backend.emissions(codes[at : at + BATCH]) for at in range(0, len(codes), BATCH)]
    )
    own = backend.scores
    np.savez(
        kept,
        emissions=emissions,
        transitions=own.transitions,
        starts=own.starts,
        ends=own.ends,
    )
    return emissions, replace(own, temperature=1.0)


def mean_of(said: Sequence[Said]) -> Said:
    """The mean of emissions and of scores."""
    scores = [own for _, own in said]
    together = CrfScores(
        *(
            np.mean([getattr(s, n) for s in scores], axis=0)
            for n in ("transitions", "starts", "ends")
        )
    )
    return np.mean([emissions for emissions, _ in said], axis=0), together


def types_of(said: Said, lengths: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Type probabilities (N, K)."""
    emissions, scores = said
    decoder = Decoder(grammar(), replace(scores, temperature=temperature))
    parts = [
        decoder.decode(emissions[rows], lengths[rows]).type_probabilities
        for rows in blocks(lengths)
    ]
    return np.concatenate(parts)


def cuts_of(
    said: Said, lengths: NDArray[Any], types: NDArray[np.int64], temperature: float
) -> NDArray[np.float64]:
    """P(window is of its type and cut behind a residue) (N, L)."""
    emissions, scores = said
    decoder = Decoder(grammar(), replace(scores, temperature=temperature))
    parts = [
        decoder.cleavage_posterior(emissions[rows], lengths[rows], types[rows])
        for rows in blocks(lengths)
    ]
    return np.concatenate(parts)


def blocks(lengths: NDArray[Any]) -> list[slice]:
    return [slice(at, at + 512) for at in range(0, len(lengths), 512)]


def outcomes(
    proteins: Sequence[LabelledProtein],
    said: Sequence[Said],
    temperatures: Sequence[float],
    lengths: NDArray[Any],
) -> Outcomes:
    """What members' mean posteriors predict; of one member: what it predicts."""
    each = [types_of(one, lengths, t) for one, t in zip(said, temperatures, strict=True)]
    probabilities = np.mean(each, axis=0)
    types = probabilities.argmax(axis=1)
    cuts = np.mean(
        [cuts_of(one, lengths, types, t) for one, t in zip(said, temperatures, strict=True)], axis=0
    )
    sites = np.where(cuts.max(axis=1) > 0, cuts.argmax(axis=1) + 1, 0)
    return Outcomes(
        np.array([p.organism for p in proteins]),
        np.array([TYPES.index(p.type) for p in proteins]),
        types,
        np.array([p.cleavage_site or 0 for p in proteins]),
        sites,
        probabilities,
    )


def row(name: str, parts: Sequence[Outcomes]) -> str:
    found = score(Outcomes.concatenate(parts), 0)
    of = {(c.organism, c.type): c for c in found.per_class}
    cells = [f"{found.mean_mcc2:.3f}", f"{found.big_mcc2:.3f}", f"{found.multiclass_mcc:.3f}"]
    cells += [f"{of[key].mcc2:.3f}" for key in BIG_CLASSES]
    cells += [f"{of[key].recall[0]:.3f} / {of[key].precision[0]:.3f}" for key in BIG_CLASSES[:1]]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone")
    options = parser.parse_args()
    everything = read_labelled(options.data)
    folds = [partition(everything, [number]) for number in range(3)]
    lengths = [np.array([len(p.sequence) for p in fold]) for fold in folds]
    names = ModelConfig.read(options.directory / "test-0").members
    said = [
        [
            said_by(
                options.directory / f"test-{number}" / name,
                options.backbone,
                [p.sequence for p in fold],
            )
            for name in names
        ]
        for number, fold in enumerate(folds)
    ]

    def pooled(chosen: Callable[[int], tuple[list[Said], list[float]]]) -> list[Outcomes]:
        return [outcomes(fold, *chosen(n), lengths[n]) for n, fold in enumerate(folds)]

    def one(member: int) -> Callable[[int], tuple[list[Said], list[float]]]:
        return lambda n: ([said[n][member]], [1.0])

    alone = [pooled(one(member)) for member in range(len(names))]

    def temperature(fold: int, member: int) -> float:
        others = Outcomes.concatenate([alone[member][n] for n in range(3) if n != fold])
        return fit_temperature(others.probabilities, others.true_type)

    print("| | mean MCC2 | five big | multi-class | Euk SP | Neg SP | Neg LIPO | Neg TAT ", end="")
    print("| Pos LIPO | CS Euk SP |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, parts in zip(names, alone, strict=True):
        print(row(f"{name} alone", parts))
    print(row("emissions", pooled(lambda n: ([mean_of(said[n])], [1.0]))))
    print(row("posteriors, as trained", pooled(lambda n: (said[n], [1.0] * len(names)))))
    warm = [[temperature(n, m) for m in range(len(names))] for n in range(3)]
    print(row("posteriors, each at its temperature", pooled(lambda n: (said[n], warm[n]))))


if __name__ == "__main__":
    main()
