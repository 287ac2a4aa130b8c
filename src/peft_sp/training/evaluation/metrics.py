"""Accuracy: the only definition of each metric.

Figures are given per organism group and type that occur in the data, e.g. (EUKARYA, SP).

- MCC1: a type against NO_SP, with only these two (by annotation) kept.
- MCC2: a type against everything else in the organism group.
- Cleavage sites, within w residues: recall = found / annotated sites of the type, precision
  = found / predicted sites, where the sites of other types count as none and predictions
  count only where the predicted type is this type or NO_SP.

Undefined is NaN, never 0: what is annotated as a single type cannot be told apart, and the mean of
no classes is no figure. MCC is 0 where all predictions are one type, as usual. Bootstrap resamples
that happen to hold none of a class, or nothing else, say nothing of it and are left out of its
interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import EUKARYOTIC_TYPES, NO_SP, ORGANISM_GROUPS, TYPES
from peft_sp.inference.backends import Backend
from peft_sp.inference.batching import decode_windows
from peft_sp.inference.decoding.decoder import Decoded
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import BIG_CLASSES, ClassFigures, Figures

TOLERANCES = (0, 1, 2, 3)


def decode(
    backend: Backend,
    proteins: Sequence[LabelledProtein],
    restrict: bool = False,
    *,
    published: bool = False,
) -> Decoded:
    """Predictions of a network for labelled proteins, in order.

    restrict: eukaryotes have NO_SP and SP alone, as with `--organism eukarya`. published: decoded
    by the rule of the published PEFT-SP.
    """
    windows = [p.sequence for p in proteins]
    allowed = allowed_types(proteins, restrict)
    return decode_windows(backend, windows, allowed, published=published)


def allowed_types(proteins: Sequence[LabelledProtein], restrict: bool) -> NDArray[np.bool_]:
    """Which types exist for each protein (N, K); restrict: see `decode`."""
    allowed = np.ones((len(proteins), len(TYPES)), dtype=bool)
    if restrict:
        eukaryotes = [p.organism == "EUKARYA" for p in proteins]
        allowed[eukaryotes] = np.isin(TYPES, EUKARYOTIC_TYPES)
    return allowed


@dataclass(frozen=True)
class Outcomes:
    """Annotation and prediction of N proteins, column by column.

    organism (N,) str; true_type, type (N,) index into `TYPES`; true_site, site (N,) 1-based,
    0 = none; probabilities (N, K).
    """

    organism: NDArray[np.str_]
    true_type: NDArray[np.int64]
    type: NDArray[np.int64]
    true_site: NDArray[np.int64]
    site: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @staticmethod
    def of(proteins: Sequence[LabelledProtein], decoded: Decoded) -> Outcomes:
        """Outcomes of labelled proteins and their decoded windows, in the same order."""
        return Outcomes(
            np.array([p.organism for p in proteins]),
            np.array([TYPES.index(p.type) for p in proteins]),
            decoded.types,
            np.array([p.cleavage_site or 0 for p in proteins]),
            decoded.sites,
            decoded.type_probabilities,
        )

    @staticmethod
    def predicted(
        backend: Backend, proteins: Sequence[LabelledProtein], restrict: bool = False
    ) -> Outcomes:
        """Outcomes of running a network on labelled proteins; restrict: see `decode`."""
        return Outcomes.of(proteins, decode(backend, proteins, restrict))

    def take(self, rows: NDArray[Any]) -> Outcomes:
        """The outcomes of some rows, by index or mask."""
        return Outcomes(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @staticmethod
    def concatenate(parts: Sequence[Outcomes]) -> Outcomes:
        """Outcomes of several test sets in one table: pooled."""
        return Outcomes(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in Outcomes.__dataclass_fields__
            )
        )


@dataclass(frozen=True)
class ClassScores:
    """Metrics of one organism group and type, as in `ClassFigures`; NaN where one is undefined."""

    organism: str
    type: str
    proteins: int
    mcc1: float
    mcc2: float
    mcc2_interval: tuple[float, float]
    cleavage_recall: tuple[float, ...]
    cleavage_precision: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """All metrics of a test set, as in `Figures`; NaN where one is undefined.

    big_classes_mcc2 is the mean over `BIG_CLASSES`, undefined where one of them is missing;
    multiclass_mcc takes all proteins and types at once; classes: in the order of organism groups
    and types.
    """

    proteins: int
    mean_mcc1: float
    mean_mcc2: float
    mean_mcc2_interval: tuple[float, float]
    big_classes_mcc2: float
    multiclass_mcc: float
    classes: tuple[ClassScores, ...]

    @property
    def selection(self) -> float:
        """What an epoch is chosen by: mean MCC2 plus mean cleavage recall at tolerance 0."""
        recall = _mean([scores.cleavage_recall[0] for scores in self.classes])
        return float(np.nan_to_num(self.mean_mcc2) + np.nan_to_num(recall))

    @property
    def figures(self) -> Figures:
        """The metrics for `config.json` and `metrics.json`: six decimals, None for NaN."""
        return Figures(**_rounded(self))


def _rounded(scores: Scores | ClassScores) -> dict[str, Any]:
    """The fields of scores as those of figures."""
    return {own.name: _figure(getattr(scores, own.name)) for own in fields(scores)}


def _figure(value: Any) -> Any:
    if isinstance(value, ClassScores):
        return ClassFigures(**_rounded(value))
    if isinstance(value, tuple):
        return tuple(map(_figure, value))
    if isinstance(value, float):  # a NumPy scalar too
        return None if math.isnan(value) else round(float(value), 6)
    return value


def mcc(
    tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tn: NDArray[Any]
) -> NDArray[np.float64]:
    """Matthews correlation from confusion counts, elementwise; 0 where undefined."""
    tp, fp, fn, tn = (np.asarray(x, dtype=np.float64) for x in (tp, fp, fn, tn))
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    root = np.sqrt(product)
    return np.divide(tp * tn - fp * fn, root, out=np.zeros_like(root), where=root > 0)


def _mcc_of(
    true: NDArray[np.bool_], predicted: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """MCC under each row of weights (R, N); NaN where the class, or all else, does not occur."""
    cells = [true & predicted, ~true & predicted, true & ~predicted, ~true & ~predicted]
    found = mcc(*(weights @ cell for cell in cells))
    return np.where((weights @ true > 0) & (weights @ ~true > 0), found, np.nan)


def _mean(values: Sequence[float]) -> float:
    """The mean of those that are defined, NaN where none is."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def score(outcomes: Outcomes, resamples: int = 0, seed: int = 0) -> Scores:
    """Every figure of a test set; with `resamples`, 95 % bootstrap intervals over proteins."""
    present = [
        (organism, type_name)
        for organism in ORGANISM_GROUPS
        for type_name in TYPES[1:]
        if np.any((outcomes.organism == organism) & (outcomes.true_type == TYPES.index(type_name)))
    ]
    generator = np.random.default_rng(seed)
    samples: dict[str, NDArray[np.float64]] = {}
    classes, draws = [], []
    for organism, type_name in present:
        group = outcomes.take(outcomes.organism == organism)
        if organism not in samples:
            # Row 0 is the data itself; the others are bootstrap multiplicities.
            size = len(group.type)
            drawn = generator.multinomial(size, np.full(size, 1 / size), size=resamples)
            samples[organism] = np.vstack([np.ones((1, size)), drawn.astype(np.float64)])
        kind = TYPES.index(type_name)
        mcc2 = _mcc_of(group.true_type == kind, group.type == kind, samples[organism])
        pair = np.isin(group.true_type, (kind, TYPES.index(NO_SP)))
        mcc1 = _mcc_of(
            group.true_type[pair] == kind, group.type[pair] == kind, np.ones((1, int(pair.sum())))
        )
        draws.append(mcc2)
        recall, precision = cleavage_scores(group, kind)
        classes.append(
            ClassScores(
                organism=organism,
                type=type_name,
                proteins=int((group.true_type == kind).sum()),
                mcc1=float(mcc1[0]),
                mcc2=float(mcc2[0]),
                mcc2_interval=interval(mcc2[1:]),
                cleavage_recall=recall,
                cleavage_precision=precision,
            )
        )
    big = [s.mcc2 for s in classes if (s.organism, s.type) in BIG_CLASSES]
    return Scores(
        proteins=len(outcomes.type),
        mean_mcc1=_mean([s.mcc1 for s in classes]),
        mean_mcc2=_mean([s.mcc2 for s in classes]),
        mean_mcc2_interval=interval(_means(draws)),
        big_classes_mcc2=_mean(big) if len(big) == len(BIG_CLASSES) else math.nan,
        multiclass_mcc=multiclass_mcc(outcomes),
        classes=tuple(classes),
    )


def multiclass_mcc(outcomes: Outcomes) -> float:
    """Matthews correlation over all types at once (Gorodkin 2004); NaN of a single type."""
    if len(np.unique(outcomes.true_type)) < 2:
        return math.nan
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(outcomes.true_type, outcomes.type))


def cleavage_scores(group: Outcomes, kind: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Cleavage recall and precision at each of `TOLERANCES` for one type of one group."""
    found, annotated, made = cleavage_counts(group, kind)
    return (
        tuple(n / annotated if annotated else float("nan") for n in found),
        tuple(n / made if made else float("nan") for n in found),
    )


def cleavage_counts(group: Outcomes, kind: int) -> tuple[tuple[int, ...], int, int]:
    """Sites found at each of `TOLERANCES`, annotated and predicted ones: of one type of a group."""
    true = np.where(group.true_type == kind, group.true_site, 0)
    counts = np.isin(group.type, (kind, TYPES.index(NO_SP)))
    predicted = np.where(counts, group.site, 0)
    both = (true > 0) & (predicted > 0)
    distance = np.abs(true - predicted)
    found = tuple(int((both & (distance <= w)).sum()) for w in TOLERANCES)
    return found, int((true > 0).sum()), int((predicted > 0).sum())


def _means(draws: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Of each resample the mean over the classes (row 0 of their draws is no resample)."""
    if not draws:
        return np.empty(0)
    table = np.array(draws)[:, 1:]
    defined = ~np.isnan(table)
    some = defined.any(axis=0)
    means: NDArray[np.float64] = np.nansum(table, axis=0)[some] / defined.sum(axis=0)[some]
    return means


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of bootstrap draws, NaN among them left out."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return (math.nan, math.nan)
    low, high = np.quantile(defined, (0.025, 0.975))
    return (float(low), float(high))
