"""A network's predictions of labelled proteins, decoded in every way that a report compares."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.errors import OutputError
from peft_sp.inference.backends import Backend
from peft_sp.inference.batching import Computed, compute, decode_batches
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.io.atomic import write_bytes
from peft_sp.io.labelled import LabelledProtein
from peft_sp.training.evaluation.metrics import Outcomes, Scores, allowed_types, score
from peft_sp.training.evaluation.regions import window_lengths

RESAMPLES = 1000


@dataclass(frozen=True)
class Evaluation:
    """Outcomes of N proteins from one pass through a network, uncalibrated.

    outcomes: all types; restricted: eukaryotes have NO_SP and SP alone; viterbi: as outcomes, but
    with type and site of the single best path; lengths (N, 3): residues of the predicted n-, h-
    and c-region; cuts (N, L) P(cut after residue | type of `outcomes`), zero without a cut.
    """

    outcomes: Outcomes
    restricted: Outcomes
    viterbi: Outcomes
    lengths: NDArray[np.int64]
    cuts: NDArray[np.float32]

    @cached_property
    def scores(self) -> Scores:
        """Scores of `outcomes`, with bootstrap intervals, which take seconds."""
        return score(self.outcomes, RESAMPLES)

    @staticmethod
    def concatenate(parts: Sequence[Evaluation]) -> Evaluation:
        """Several test sets in one table."""
        return Evaluation(
            Outcomes.concatenate([part.outcomes for part in parts]),
            Outcomes.concatenate([part.restricted for part in parts]),
            Outcomes.concatenate([part.viterbi for part in parts]),
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.cuts for part in parts]),
        )


def evaluate(backend: Backend, proteins: Sequence[LabelledProtein]) -> Evaluation:
    """Run a network over labelled proteins, once, and decode its emissions in three ways."""
    every, eukaryotic = (allowed_types(proteins, restrict) for restrict in (False, True))
    decoder = Decoder(grammar(), backend.scores)
    computed = list(compute(backend, [p.sequence for p in proteins]))
    decoded = decode_batches(decoder, computed, every)
    restricted = decode_batches(decoder, computed, eukaryotic)
    outcomes = Outcomes.of(proteins, decoded)
    return Evaluation(
        outcomes,
        Outcomes.of(proteins, restricted),
        _viterbi(decoder, computed, outcomes),
        window_lengths(decoded),
        _cuts(decoder, computed, outcomes),
    )


def write_evaluation(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Store an evaluation as a file of plain arrays."""
    arrays = {
        f"{name}.{column}": getattr(getattr(evaluation, name), column)
        for name in ("outcomes", "restricted", "viterbi")
        for column in Outcomes.__dataclass_fields__
    }
    buffer = BytesIO()
    np.savez_compressed(buffer, lengths=evaluation.lengths, cuts=evaluation.cuts, **arrays)
    write_bytes(Path(path), buffer.getvalue())


def read_evaluation(path: str | os.PathLike[str]) -> Evaluation:
    """What `write_evaluation` wrote. Raises OutputError where it is not that."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            outcomes, restricted, viterbi = (
                Outcomes(*(arrays[f"{name}.{column}"] for column in Outcomes.__dataclass_fields__))
                for name in ("outcomes", "restricted", "viterbi")
            )
            return Evaluation(outcomes, restricted, viterbi, arrays["lengths"], arrays["cuts"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise OutputError(
            f"{path}: not readable ({error}); remove it to have it computed anew"
        ) from None


def _cuts(
    decoder: Decoder, computed: Sequence[Computed], outcomes: Outcomes
) -> NDArray[np.float32]:
    """P(cut after residue | predicted type) (N, L) of the windows that are cut."""
    found = np.zeros((len(outcomes.type), WINDOW), np.float32)
    for batch, emissions in computed:
        cut = np.flatnonzero(outcomes.site[batch.rows] > 0)
        rows = batch.rows[cut]
        if len(rows):
            kinds = outcomes.type[rows]
            own = np.equal.outer(kinds, np.arange(len(TYPES)))  # the type is given: P(type) = 1
            posterior = decoder.cleavage_posterior(emissions[cut], batch.lengths[cut], kinds, own)
            found[rows, : posterior.shape[1]] = posterior
    return found


def _viterbi(decoder: Decoder, computed: Sequence[Computed], outcomes: Outcomes) -> Outcomes:
    """The outcomes with types and sites of the single best path over all types."""
    rules, count = decoder.rules, len(outcomes.type)
    types, sites = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for batch, emissions in computed:
        paths = decoder.best_paths(emissions, batch.lengths)
        inside = paths >= 0
        types[batch.rows] = rules.type_of_state[paths[:, 0]]
        sites[batch.rows] = (rules.before_cut[paths] & inside).sum(axis=1)
    sites[~np.isin(types, rules.type_of_state[rules.cuts[:, 0]])] = 0
    certain = np.eye(len(TYPES))[types]
    return Outcomes(
        outcomes.organism, outcomes.true_type, types, outcomes.true_site, sites, certain
    )
