"""Proteins -> predictions: streaming, in input order, identical windows computed once."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import batches
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.biology.notes import notes_on
from peft_sp.biology.organism import BY_HEADER, Organism, OrganismChoice, parse_choice
from peft_sp.biology.prediction import (
    COLUMN_OF_STATE,
    MARGINAL_COLUMNS,
    REGION_OF_STATE,
    REGIONS,
    CleavageSite,
    Marginals,
    Prediction,
    Protein,
    Region,
)
from peft_sp.errors import ModelError, OptionError
from peft_sp.inference import records
from peft_sp.inference.backends import Backend, network_of, positive_integer
from peft_sp.inference.batching import compute_ahead
from peft_sp.inference.cache import Key, Result, WindowCache
from peft_sp.inference.decoding.decoder import Decoded
from peft_sp.inference.decoding.published import decoder_of
from peft_sp.inference.records import Records
from peft_sp.io.cleaning import OnError
from peft_sp.io.organism import organism_of
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig

CHUNK = 2048
"""Proteins that are predicted together: enough to fill batches of one length."""
BATCHES = 4
"""Batches that a chunk holds at least, so that the network runs beside the decoder."""
CHUNK_LETTERS = 50_000_000
"""Letters of proteins that are in memory together, about: a chunk with more of them ends early."""
ALTERNATIVE = 0.05
"""A less probable site is given where it has this share of the best one's probability."""
LARGEST_SCORE = 700.0
"""Emissions and transition scores beyond it are no network's: exp(710) is infinite in float64."""

# Region number of each state, 0 for none; one more entry, so that a path's -1 reads as none.
_REGION_NUMBER = np.array(
    [REGIONS.index(name) + 1 if name else 0 for name in (*REGION_OF_STATE, "")],
    dtype=np.int8,
)

# Which column of the marginals each state adds to (S, R).
_STATE_TO_COLUMN = np.array(
    [[column == own for column in MARGINAL_COLUMNS] for own in COLUMN_OF_STATE], dtype=np.float64
)

Compute = Callable[[list[Key], ThreadPoolExecutor, Container[Key]], Iterator[dict[Key, Result]]]
"""Keys, threads, and the keys that are computed already -> results of the others, by the batch."""


class Predictor:
    """A trained network, ready to predict; `config` is its `config.json`.

    chunk: proteins that are predicted together, None for what suits the backend. name: what
    messages call the model. directory: of the model's files, None where it was not loaded from one.
    published_decoding: by the decision rule of the published PEFT-SP, for models that were imported
    from it. Raises ModelError for others, and where nothing can be predicted from the scores of its
    CRF.
    """

    def __init__(
        self,
        backend: Backend,
        config: ModelConfig | None = None,
        chunk: int | None = None,
        name: str = "",
        directory: Path | None = None,
        *,
        published_decoding: bool = False,
    ) -> None:
        self.backend = backend
        self.directory = directory
        self.config = config or ModelConfig()
        self.chunk = chunk or max(CHUNK, BATCHES * backend.batch_size)
        self.name = name or self.config.name
        self.published_decoding = published_decoding
        if published_decoding and self.config.imported is None:
            raise ModelError(
                f"model '{self.name}' was not imported from the published PEFT-SP; leave out "
                "--published-decoding"
            )
        scores, rules = backend.scores, grammar()
        read = (scores.transitions, rules.transitions), (scores.starts, rules.starts)
        self._require_finite(*(of[allowed] for of, allowed in (*read, (scores.ends, rules.ends))))
        self._network, gpu = network_of(backend)
        self.decoder = decoder_of(scores, published_decoding, gpu)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that it predicts with (`lookup.fingerprint`). Raises ModelError."""
        if self.directory is None:
            raise ModelError("the predictor was not loaded from a model's directory; use `load`")
        return lookup.fingerprint(self.directory)

    def predict(
        self,
        proteins: Records,
        organism: OrganismChoice | Literal["eukarya", "other"] = "other",
        batch_size: int | None = None,
        marginals: bool = False,
        cache: WindowCache | None = None,
        *,
        threshold: float | None = None,
        on_error: OnError = "raise",
        report: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Predictions of proteins, in their order, computed as they are needed.

        proteins: (name, sequence) pairs, a mapping from names to sequences, sequences,
        `Bio.SeqRecord`s, what `read_fasta` gives, a `pathlib.Path` of a FASTA file, or one such
        record alone (`records`). Reads ahead by `chunk` proteins and never holds more.

        organism: with "eukarya" only NO_SP and SP exist, and their probabilities are exact.
        "auto" goes by each header (`io.organism`), and by "other", with a warning, where that names
        no organism. batch_size: windows that the network computes at once, None for what suits it.
        marginals: whether predictions carry the probabilities at each residue (`Marginals`);
        they take too much room to be kept from chunk to chunk.
        threshold: a signal peptide, of its most probable type, is predicted where P(any type of
        signal peptide) is at least this; None predicts the most probable type. With a threshold
        `Prediction.sites` has the most probable sites below it too, which takes a little longer.
        on_error: what is done about a record that cannot be predicted (`cleaning.OnError`):
        "raise" its error, "skip" it, or a function that is called with the error.

        cache: of an earlier run, to continue exactly as it would have done, from the chunk that
        was in progress: the proteins are those behind `WindowCache.settled`. It has the results of
        each batch when `report` is called, and settles a chunk before its last prediction is given.
        report: called after each batch with the proteins whose windows are computed so far.

        Raises OptionError for an argument with a value that it cannot have, and InputError for a
        record that is no protein, with its position and name.
        """
        choice = parse_choice(organism)
        positive_integer("batch_size", batch_size)
        require_threshold(threshold, self.published_decoding)
        cache = WindowCache() if cache is None else cache
        stream = records.proteins(proteins, on_error)
        report = report or (lambda _: None)
        compute = partial(
            self._compute, batch_size=batch_size, marginals=marginals, threshold=threshold
        )
        return self._predict(stream, choice, compute, cache, report=report, keep=not marginals)

    def _predict(
        self,
        proteins: Iterator[Protein],
        choice: OrganismChoice,
        compute: Compute,
        cache: WindowCache,
        *,
        report: Callable[[int], None],
        keep: bool,
    ) -> Iterator[Prediction]:
        done = 0
        with ThreadPoolExecutor(self.backend.concurrency) as workers:
            while chunk := _chunk(proteins, self.chunk):
                named = [organism_of(protein.header) for protein in chunk]
                organisms = named if choice == BY_HEADER else [choice] * len(chunk)
                keys: list[Key] = [
                    (p.window, o or Organism.OTHER) for p, o in zip(chunk, organisms, strict=True)
                ]
                distinct = list(dict.fromkeys(keys))
                results = cache.known(distinct)
                new = [key for key in distinct if key not in results]
                results |= cache.pending
                for batch in compute(new, workers, cache.pending):
                    results.update(batch)
                    cache.pending.update(batch)
                    report(done + len(chunk) * len(results) // len(distinct))
                if not new:
                    report(done + len(chunk))
                done += len(chunk)
                left = len(chunk)
                for protein, known, key, name in zip(chunk, organisms, keys, named, strict=True):
                    left -= 1
                    if not left:
                        cache.settle(len(chunk), keep)
                    yield _prediction(protein, results[key], known, name)

    def _compute(
        self,
        keys: list[Key],
        workers: ThreadPoolExecutor,
        computed: Container[Key],
        *,
        batch_size: int | None,
        marginals: bool,
        threshold: float | None,
    ) -> Iterator[dict[Key, Result]]:
        """Results of distinct keys, by the batch; the network runs ahead of the decoder.

        Batches that are computed already are left out.
        """
        windows = [window for window, _ in keys]
        every = batches(windows, batch_size or self.backend.batch_size)
        queue = (batch for batch in every if keys[batch.rows[0]] not in computed)
        types = {organism: np.isin(TYPES, organism.types) for organism in Organism}
        at_once = self.backend.concurrency
        for batch, scores in compute_ahead(self._network, queue, workers, at_once):
            own = [keys[row] for row in batch.rows.tolist()]
            allowed = np.stack([types[Organism(organism)] for _, organism in own])
            eukaryotic = np.array([organism == Organism.EUKARYA for _, organism in own])
            self._require_finite(scores)
            with np.errstate(all="ignore"):  # what is lost there is no number, and refused below
                decoded = self.decoder.decode(
                    *(scores, batch.lengths, allowed, marginals),
                    threshold=threshold,
                    eukaryotic=eukaryotic,
                )
            self._require_finite(decoded.type_probabilities, decoded.site_probabilities)
            yield dict(zip(own, _results(decoded, batch.lengths), strict=True))

    def _require_finite(self, *arrays: Any) -> None:
        """Raise ModelError unless all scores are numbers from which probabilities follow."""
        for array in arrays:
            # False for NaN, which the smallest and the largest value become if any value is one.
            if not (array.min() >= -LARGEST_SCORE and array.max() <= LARGEST_SCORE):
                called = f"model '{self.name}'" if self.name else "the model"
                raise ModelError(
                    f"{called} computes NaN, infinite or far too large scores, from which nothing "
                    "can be predicted: its weights are damaged, or its training diverged; get the "
                    "model again, or train it anew"
                )


def _chunk(proteins: Iterator[Protein], size: int) -> list[Protein]:
    """The next proteins, so many or, of very long ones, less."""
    chunk, letters = [], 0
    for protein in islice(proteins, size):
        chunk.append(protein)
        letters += len(protein.header) + len(protein.sequence)
        if letters > CHUNK_LETTERS:
            break
    return chunk


def _results(decoded: Decoded, lengths: NDArray[np.int64]) -> Iterator[Result]:
    """One result a window, as plain Python data."""
    regions = _regions(decoded.paths)
    sites = _sites(decoded)
    marginals = _marginals(decoded, lengths)
    columns = zip(decoded.types.tolist(), decoded.type_probabilities.tolist(), strict=True)
    for row, (kind, probabilities) in enumerate(columns):
        yield (
            *(kind, tuple(probabilities), sites.get(row, ()), tuple(regions.get(row, ()))),
            marginals[row] if marginals else None,
        )


def _sites(decoded: Decoded) -> dict[int, tuple[CleavageSite, ...]]:
    """The most probable sites of each row that has any, best first."""
    ranked = decoded.ranked
    if ranked is None:
        return {}
    given = ranked.probabilities >= ALTERNATIVE * ranked.probabilities[:, :1]
    counts = (given & (ranked.probabilities > 0)).sum(axis=1)
    columns = (ranked.rows, ranked.types, counts, ranked.sites, ranked.probabilities)
    return {
        row: tuple(
            CleavageSite(TYPES[kind], site, probability)
            for site, probability in zip(sites[:count], probabilities[:count], strict=True)
        )
        for row, kind, count, sites, probabilities in zip(
            *(column.tolist() for column in columns), strict=True
        )
    }


def _marginals(decoded: Decoded, lengths: NDArray[np.int64]) -> list[Marginals]:
    """One a window, read-only, since proteins with the same window share it; empty without."""
    if decoded.marginals is None or decoded.cleavage is None:
        return []
    windows = []
    regions = (decoded.marginals @ _STATE_TO_COLUMN).astype(np.float32)
    cleavage = decoded.cleavage.astype(np.float32)
    for row, length in enumerate(lengths.tolist()):
        # Copies, so that a window's result does not keep its whole batch.
        own = Marginals(regions[row, :length].copy(), cleavage[row, :length].copy())
        own.regions.setflags(write=False)
        own.cleavage.setflags(write=False)
        windows.append(own)
    return windows


def _regions(paths: NDArray[np.int8]) -> dict[int, list[Region]]:
    """Runs of one region in each row of state paths (B, L)."""
    numbers = _REGION_NUMBER[paths]
    edges = np.zeros((len(numbers), 1), dtype=np.int8)
    before = np.concatenate([edges, numbers[:, :-1]], axis=1)
    after = np.concatenate([numbers[:, 1:], edges], axis=1)
    rows, starts = np.nonzero((numbers != before) & (numbers > 0))
    _, ends = np.nonzero((numbers != after) & (numbers > 0))
    names = numbers[rows, starts]
    regions: dict[int, list[Region]] = {}
    for row, start, end, name in zip(
        rows.tolist(), starts.tolist(), ends.tolist(), names.tolist(), strict=True
    ):
        regions.setdefault(row, []).append(Region(REGIONS[name - 1], start + 1, end + 1))
    return regions


def _prediction(
    protein: Protein, result: Result, organism: Organism | None, named: Organism | None
) -> Prediction:
    """organism: None where it is not known and the result is that of "other"; named: there."""
    kind, probabilities, sites, regions, marginals = result
    name = TYPES[kind]
    cut = sites[0] if sites and sites[0].type == name else None
    made = Prediction(
        protein,
        name,
        dict(zip(TYPES, probabilities, strict=True)),
        cut.position if cut else None,
        cut.probability if cut else None,
        regions,
        marginals=marginals,
        organism=organism or "other",
        undecided=organism is None,
        sites=sites,
    )
    notes = notes_on(made, named)
    return replace(made, notes=notes) if notes else made


def require_threshold(threshold: float | None, published_decoding: bool = False) -> None:
    """Raise OptionError for a threshold that is no probability above 0, or that has no effect."""
    if threshold is not None and published_decoding:
        raise OptionError("the published decision rule has no threshold; leave one of the two out")
    if threshold is not None and not 0 < threshold <= 1:
        raise OptionError(f"threshold is a probability above 0 and up to 1, not {threshold!r}")
