"""Windows in batches of like length through a network and the decoder, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import Batch, batches
from peft_sp.biology.grammar import TYPES
from peft_sp.inference.backends import Backend, Network
from peft_sp.inference.decoding.decoder import Decoded, Decoder
from peft_sp.inference.decoding.published import PublishedDecoder, decoder_of

Computed = tuple[Batch, NDArray[np.float32]]
"""A batch and its emissions (B, L, S)."""


def compute_ahead(
    network: Network, queue: Iterator[Batch], workers: Executor, count: int
) -> Iterator[tuple[Batch, Any]]:
    """Batches with what a network makes of them, in order, while it is at the `count` next ones."""
    ahead: deque[tuple[Batch, Future[Any]]] = deque()

    def submit(number: int) -> None:
        for batch in islice(queue, number):
            ahead.append((batch, workers.submit(network, batch.residues)))

    submit(count)
    while ahead:
        submit(1)
        batch, emissions = ahead.popleft()
        yield batch, emissions.result()


def compute(backend: Backend, windows: Sequence[str] | NDArray[np.uint8]) -> Iterator[Computed]:
    """One pass of a network over windows, in batches that suit it, and as many of them at once."""
    queue = iter(batches(windows, backend.batch_size))
    if backend.concurrency == 1:
        for batch in queue:
            yield batch, backend.emissions(batch.residues)
        return
    with ThreadPoolExecutor(backend.concurrency) as workers:
        yield from compute_ahead(backend.emissions, queue, workers, backend.concurrency)


def decode_batches(
    decoder: Decoder | PublishedDecoder,
    computed: Iterable[Computed],
    allowed_types: NDArray[np.bool_],
) -> Decoded:
    """Decode all batches of N windows, in the windows' order.

    allowed_types (N, K) bool: see `Decoder.decode`.
    """
    parts = [
        (batch.rows, decoder.decode(emissions, batch.lengths, allowed_types[batch.rows]))
        for batch, emissions in computed
    ]
    count, width = len(allowed_types), max(part.paths.shape[1] for _, part in parts)
    whole = Decoded(
        np.empty((count, len(TYPES))),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count),
        np.full((count, width), -1, dtype=np.int8),
    )
    for rows, part in parts:
        whole.type_probabilities[rows] = part.type_probabilities
        whole.types[rows] = part.types
        whole.sites[rows] = part.sites
        whole.site_probabilities[rows] = part.site_probabilities
        whole.paths[rows, : part.paths.shape[1]] = part.paths
    return whole


def decode_windows(
    backend: Backend,
    windows: Sequence[str],
    allowed_types: NDArray[np.bool_] | None = None,
    *,
    published: bool = False,
) -> Decoded:
    """Run a network over windows and decode them all, in their order.

    allowed_types (N, K) bool: see `Decoder.decode`; None for all types. published: by the rule of
    the published PEFT-SP.
    """
    if allowed_types is None:
        allowed_types = np.ones((len(windows), len(TYPES)), dtype=bool)
    decoder = decoder_of(backend.scores, published)
    return decode_batches(decoder, compute(backend, windows), allowed_types)
