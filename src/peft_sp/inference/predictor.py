"""Proteins -> predictions: streaming, in input order, identical windows computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.grammar import EUKARYOTIC_TYPES, TYPES, grammar
from peft_sp.biology.prediction import (
    COLUMN_OF_STATE,
    MARGINAL_COLUMNS,
    REGION_OF_STATE,
    REGIONS,
    Marginals,
    Prediction,
    Protein,
    Region,
)
from peft_sp.errors import OptionError
from peft_sp.inference import records
from peft_sp.inference.backends import Backend, positive_integer
from peft_sp.inference.batching import Batch, batches
from peft_sp.inference.cache import Key, Memory, Result
from peft_sp.inference.decoding import Decoded, Decoder
from peft_sp.inference.records import Records
from peft_sp.io.cleaning import OnError
from peft_sp.io.organism import organism_of
from peft_sp.io.registry.model_config import ModelConfig

CHUNK = 2048
"""Proteins that are looked at together: enough to fill batches of one length."""
MODES = {"eukarya": EUKARYOTIC_TYPES, "other": TYPES}
AUTO = "auto"
UNDECIDED = "organism not known from the header, predicted as other"

# Region number of each state, 0 for none; one more entry, so that a path's -1 reads as none.
_REGION_NUMBER = np.array(
    [REGIONS.index(name) + 1 if name else 0 for name in (*REGION_OF_STATE, "")],
    dtype=np.int8,
)

# Which column of the marginals each state adds to (S, R).
_STATE_TO_COLUMN = np.array(
    [[column == own for column in MARGINAL_COLUMNS] for own in COLUMN_OF_STATE], dtype=np.float64
)


class Predictor:
    """A trained network, ready to predict; `config` is its `config.json`.

    chunk: proteins that are looked at together.
    """

    def __init__(self, backend: Backend, config: ModelConfig | None = None) -> None:
        self.backend = backend
        self.config = config or ModelConfig()
        self.chunk = CHUNK
        self.decoder = Decoder(grammar(), backend.scores)

    def predict(
        self,
        proteins: Records,
        organism: Literal["eukarya", "other", "auto"] = "other",
        batch_size: int | None = None,
        marginals: bool = False,
        memory: Memory | None = None,
        *,
        on_error: OnError = "raise",
    ) -> Iterator[Prediction]:
        """Predictions of proteins, in their order, computed as they are needed.

        proteins: (name, sequence) pairs, a mapping from names to sequences, sequences,
        `Bio.SeqRecord`s, what `read_fasta` gives, a `pathlib.Path` of a FASTA file, or one such
        record alone (`records`). Reads ahead by `chunk` proteins and never holds more.

        organism: with "eukarya" only NO_SP and SP exist, and their probabilities are exact.
        "auto" goes by what each header says (`io.organism`), and by "other" with a warning if
        nothing. batch_size: windows that the network computes at once, None for what suits it.
        marginals: whether predictions carry the probabilities at each residue (`Marginals`);
        what takes so much room is not remembered from chunk to chunk.
        on_error: what is done about a record that cannot be predicted (`cleaning.OnError`):
        "raise" its error, "skip" it, or a function that is called with the error.

        memory: of an earlier run at the end of one of its chunks, to go on exactly as it would
        have done. It changes between chunks only, before a chunk's first prediction is given.

        Raises OptionError for an argument with a value that it cannot have, and InputError for a
        record that is no protein, with its position and name.
        """
        if organism not in (*MODES, AUTO):
            raise OptionError(f"organism is 'eukarya', 'other' or 'auto', not {organism!r}")
        positive_integer("batch_size", batch_size)
        memory = Memory() if memory is None else memory
        stream = records.proteins(proteins, on_error)
        return self._predict(stream, organism, batch_size, marginals, memory)

    def _predict(
        self,
        proteins: Iterator[Protein],
        organism: str,
        batch_size: int | None,
        marginals: bool,
        memory: Memory,
    ) -> Iterator[Prediction]:
        with ThreadPoolExecutor(self.backend.concurrency) as workers:
            while chunk := list(islice(proteins, self.chunk)):
                organisms = [_organism(p) if organism == AUTO else organism for p in chunk]
                keys = [(p.window, o or "other") for p, o in zip(chunk, organisms, strict=True)]
                distinct = list(dict.fromkeys(keys))
                results = memory.known(distinct)
                new = [key for key in distinct if key not in results]
                results.update(self._compute(new, workers, batch_size, marginals))
                if not marginals:
                    memory.add(results)
                for protein, known, key in zip(chunk, organisms, keys, strict=True):
                    yield _prediction(protein, results[key], known)

    def _compute(
        self,
        keys: list[Key],
        workers: ThreadPoolExecutor,
        batch_size: int | None,
        marginals: bool,
    ) -> Iterator[tuple[Key, Result]]:
        """Results of distinct keys; the network runs some batches ahead of the decoder."""
        windows = [window for window, _ in keys]
        queue = batches(windows, batch_size or self.backend.batch_size)
        ahead: deque[tuple[Batch, Future[NDArray[np.float32]]]] = deque()
        modes = {organism: np.isin(TYPES, types) for organism, types in MODES.items()}

        def submit(batch: Batch) -> None:
            ahead.append((batch, workers.submit(self.backend.emissions, batch.residues)))

        for batch in islice(queue, self.backend.concurrency):
            submit(batch)
        while ahead:
            for batch in islice(queue, 1):
                submit(batch)
            batch, emissions = ahead.popleft()
            own = [keys[row] for row in batch.rows.tolist()]
            allowed = np.stack([modes[organism] for _, organism in own])
            decoded = self.decoder.decode(emissions.result(), batch.lengths, allowed, marginals)
            yield from zip(own, _results(decoded, batch.lengths), strict=True)


def _organism(protein: Protein) -> str | None:
    return organism_of(protein.header)


def _results(decoded: Decoded, lengths: NDArray[np.int64]) -> Iterator[Result]:
    """One result a window, as plain Python data."""
    regions = _regions(decoded.paths)
    marginals = _marginals(decoded, lengths)
    columns = (
        decoded.types.tolist(),
        decoded.type_probabilities.tolist(),
        decoded.sites.tolist(),
        decoded.site_probabilities.tolist(),
    )
    for row, (kind, shares, site, chance) in enumerate(zip(*columns, strict=True)):
        likely = marginals[row] if marginals else None
        yield kind, tuple(shares), site, chance, tuple(regions.get(row, ())), likely


def _marginals(decoded: Decoded, lengths: NDArray[np.int64]) -> list[Marginals]:
    """One a window, read-only, since proteins with the same window share it; empty without."""
    if decoded.marginals is None or decoded.cleavage is None:
        return []
    found = []
    regions = (decoded.marginals @ _STATE_TO_COLUMN).astype(np.float32)
    cleavage = decoded.cleavage.astype(np.float32)
    for row, length in enumerate(lengths.tolist()):
        # Copies, so that a remembered window does not keep its whole batch.
        own = Marginals(regions[row, :length].copy(), cleavage[row, :length].copy())
        own.regions.setflags(write=False)
        own.cleavage.setflags(write=False)
        found.append(own)
    return found


def _regions(paths: NDArray[np.int8]) -> dict[int, list[Region]]:
    """Runs of one region in each row of state paths (B, L)."""
    numbers = _REGION_NUMBER[paths]
    edges = np.zeros((len(numbers), 1), dtype=np.int8)
    before = np.concatenate([edges, numbers[:, :-1]], axis=1)
    after = np.concatenate([numbers[:, 1:], edges], axis=1)
    rows, starts = np.nonzero((numbers != before) & (numbers > 0))
    _, ends = np.nonzero((numbers != after) & (numbers > 0))
    names = numbers[rows, starts]
    found: dict[int, list[Region]] = {}
    for row, start, end, name in zip(
        rows.tolist(), starts.tolist(), ends.tolist(), names.tolist(), strict=True
    ):
        found.setdefault(row, []).append(Region(REGIONS[name - 1], start + 1, end + 1))
    return found


def _prediction(protein: Protein, result: Result, organism: str | None) -> Prediction:
    """organism: None where it is not known and the result is that of "other"."""
    kind, probabilities, site, chance, regions, likely = result
    if organism is None:
        protein = replace(protein, warnings=(*protein.warnings, UNDECIDED))
    return Prediction(
        protein,
        TYPES[kind],
        dict(zip(TYPES, probabilities, strict=True)),
        site or None,
        chance if site else None,
        regions if site else (),
        marginals=likely,
        organism=organism or "other",
        undecided=organism is None,
    )
