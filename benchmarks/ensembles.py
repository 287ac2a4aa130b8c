"""How the networks of an ensemble should be put together: mean emissions or mean posteriors.

    python benchmarks/ensembles.py CROSSVAL_DIR --data train_set.fasta --backbone esm2_t6_8M

CROSSVAL_DIR holds the models of a cross-validation, test-0 to test-2, of several members each.
Every member predicts the partition that it never saw; the figures are of all three in one table.

- emissions: the mean of the members' emissions and CRF scores, then one decoding (what a model
  directory with members does);
- posteriors: the mean of the members' type probabilities; the site is the one with the largest
  mean probability of being cut there in that type. Once as trained and once with each member at
  a temperature fitted on its predictions for the other partitions.

Prints a Markdown table. Emissions of a member are computed once and stored beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.inference.backends import Backend
from peft_sp.inference.batching import compute
from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, CrfScores, Temperatures
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.loading import load
from peft_sp.io.labelled import LabelledProtein, partition, read_labelled
from peft_sp.io.registry.accuracy import BIG_CLASSES, CLEAVAGE_METRICS, SUMMARY_METRICS
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.evaluation.calibration import fit_temperature
from peft_sp.training.evaluation.metrics import Outcomes, score

MemberOutput = tuple[NDArray[np.float32], CrfScores]
"""A network's emissions (N, L, S) for windows, and its CRF's scores."""


def member_output(member: Path, backbone: str | None, windows: Sequence[str]) -> MemberOutput:
    """A member's output for windows; read where it was computed before."""
    stored = member / "emissions.npz"
    if stored.exists():
        with np.load(stored) as file:
            scores = CrfScores(file["transitions"], file["starts"], file["ends"])
            return file["emissions"], scores
    backend: Backend = load(member, backbone=backbone).backend
    scores = replace(backend.scores, temperatures=UNCALIBRATED)
    emissions = np.zeros((len(windows), max(map(len, windows)), grammar().size), np.float32)
    for batch, own in compute(backend, windows):
        emissions[batch.rows, : own.shape[1]] = own
    np.savez(
        stored,
        emissions=emissions,
        transitions=scores.transitions,
        starts=scores.starts,
        ends=scores.ends,
    )
    return emissions, scores


def mean_output(outputs: Sequence[MemberOutput]) -> MemberOutput:
    """The means of emissions and of scores."""
    fields = ("transitions", "starts", "ends")
    scores = [[getattr(own, name) for _, own in outputs] for name in fields]
    means = CrfScores(*(np.mean(values, axis=0) for values in scores))
    return np.mean([emissions for emissions, _ in outputs], axis=0), means


def type_probabilities(
    output: MemberOutput, lengths: NDArray[Any], temperature: float
) -> NDArray[np.float64]:
    """Type probabilities (N, K)."""
    emissions, scores = output
    decoder = Decoder(grammar(), replace(scores, temperatures=Temperatures(temperature)))
    parts = [
        decoder.decode(emissions[rows], lengths[rows]).type_probabilities
        for rows in blocks(lengths)
    ]
    return np.concatenate(parts)


def cleavage_posteriors(
    output: MemberOutput, lengths: NDArray[Any], types: NDArray[np.int64], temperature: float
) -> NDArray[np.float64]:
    """P(window is of its type and cut behind a residue) (N, L)."""
    emissions, scores = output
    decoder = Decoder(grammar(), replace(scores, temperatures=Temperatures(temperature)))
    parts = [
        decoder.cleavage_posterior(emissions[rows], lengths[rows], types[rows])
        for rows in blocks(lengths)
    ]
    return np.concatenate(parts)


def blocks(lengths: NDArray[Any]) -> list[slice]:
    return [slice(at, at + 512) for at in range(0, len(lengths), 512)]


def outcomes(
    proteins: Sequence[LabelledProtein],
    outputs: Sequence[MemberOutput],
    temperatures: Sequence[float],
    lengths: NDArray[Any],
) -> Outcomes:
    """Predictions of the members' mean posteriors; with one member, its own predictions."""
    each = [
        type_probabilities(one, lengths, t) for one, t in zip(outputs, temperatures, strict=True)
    ]
    probabilities = np.mean(each, axis=0)
    types = probabilities.argmax(axis=1)
    cuts = np.mean(
        [
            cleavage_posteriors(one, lengths, types, t)
            for one, t in zip(outputs, temperatures, strict=True)
        ],
        axis=0,
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
    scores = score(Outcomes.concatenate(parts), 0)
    of = {(c.organism, c.type): c for c in scores.classes}
    cells = [metric.text(scores) for metric in SUMMARY_METRICS]
    cells += [f"{of[key].mcc2:.3f}" for key in BIG_CLASSES]
    cells.append(" / ".join(metric.text(of[BIG_CLASSES[0]]) for metric in CLEAVAGE_METRICS))
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
    outputs_of_folds = [
        [
            member_output(
                options.directory / f"test-{number}" / name,
                options.backbone,
                [p.sequence for p in fold],
            )
            for name in names
        ]
        for number, fold in enumerate(folds)
    ]

    def pooled(chosen: Callable[[int], tuple[list[MemberOutput], list[float]]]) -> list[Outcomes]:
        return [outcomes(fold, *chosen(n), lengths[n]) for n, fold in enumerate(folds)]

    def one(member: int) -> Callable[[int], tuple[list[MemberOutput], list[float]]]:
        return lambda n: ([outputs_of_folds[n][member]], [1.0])

    alone = [pooled(one(member)) for member in range(len(names))]

    def temperature(fold: int, member: int) -> float:
        others = Outcomes.concatenate([alone[member][n] for n in range(3) if n != fold])
        return fit_temperature(others.probabilities, others.true_type)

    titles = " | ".join(metric.title for metric in SUMMARY_METRICS)
    print(f"| | {titles} | Euk SP | Neg SP | Neg LIPO | Neg TAT ", end="")
    print("| Pos LIPO | CS Euk SP |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, parts in zip(names, alone, strict=True):
        print(row(f"{name} alone", parts))
    print(row("emissions", pooled(lambda n: ([mean_output(outputs_of_folds[n])], [1.0]))))
    print(
        row("posteriors, as trained", pooled(lambda n: (outputs_of_folds[n], [1.0] * len(names))))
    )
    warm = [[temperature(n, m) for m in range(len(names))] for n in range(3)]
    print(
        row("posteriors, each at its temperature", pooled(lambda n: (outputs_of_folds[n], warm[n])))
    )


if __name__ == "__main__":
    main()
