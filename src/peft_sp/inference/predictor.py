"""Proteins -> predictions: streaming, in input order, identical windows computed once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import EUKARYOTIC_TYPES, TYPES, grammar
from peft_sp.biology.prediction import REGION_OF_STATE, Prediction, Protein, Region
from peft_sp.errors import MissingExtraError, ModelError
from peft_sp.inference.backends import Backend, EnsembleBackend, OnnxBackend, TorchBackend
from peft_sp.inference.decoding import Decoded, Decoder
from peft_sp.io import models
from peft_sp.io.fasta import clean

CHUNK = 2048
"""Proteins that are looked at together: enough to fill batches of one length."""
REMEMBERED = 20_000
"""Windows whose results are kept for later proteins that begin with the same residues."""
MODES = {"eukarya": EUKARYOTIC_TYPES, "other": TYPES}

_REGION_NAMES = tuple(dict.fromkeys(name for name in REGION_OF_STATE if name))
# Region number of each state, 0 for none; one more entry, so that a path's -1 reads as none.
_REGION_NUMBER = np.array(
    [_REGION_NAMES.index(name) + 1 if name else 0 for name in (*REGION_OF_STATE, "")],
    dtype=np.int8,
)

Result = tuple[int, tuple[float, ...], int, float, tuple[Region, ...]]


class Predictor:
    """A trained network, ready to predict; `config` is its `config.json`."""

    def __init__(self, backend: Backend, config: dict[str, Any] | None = None) -> None:
        self.backend = backend
        self.config = config or {}
        self.decoder = Decoder(grammar(), backend.scores)

    def predict(
        self,
        proteins: Iterable[Protein | tuple[str, str]],
        organism: Literal["eukarya", "other"] = "other",
        batch_size: int | None = None,
    ) -> Iterator[Prediction]:
        """Predictions of proteins, or of (name, sequence) pairs, in their order.

        With organism "eukarya" only NO_SP and SP exist, and their probabilities are exact.
        Reads ahead by `CHUNK` proteins and never holds more. Raises ValueError for an unknown
        organism, fasta.UnusableRecordError for a sequence that is none, TypeError for what is
        neither a protein nor a pair.
        """
        if organism not in MODES:
            raise ValueError(f"organism is 'eukarya' or 'other', not '{organism}'")
        allowed = np.isin(TYPES, MODES[organism])
        remembered: dict[str, Result] = {}
        stream = iter(proteins)
        with ThreadPoolExecutor(self.backend.concurrency) as workers:
            while raw := list(islice(stream, CHUNK)):
                chunk = [_protein(item) for item in raw]
                windows = list(dict.fromkeys(protein.window for protein in chunk))
                new = [window for window in windows if window not in remembered]
                results = {w: remembered[w] for w in windows if w in remembered}
                results.update(self._compute(new, allowed, workers, batch_size))
                yield from (_prediction(p, results[p.window]) for p in chunk)
                remembered.update(results)
                for window in list(islice(remembered, max(len(remembered) - REMEMBERED, 0))):
                    del remembered[window]

    def _compute(
        self,
        windows: list[str],
        allowed: NDArray[np.bool_],
        workers: ThreadPoolExecutor,
        batch_size: int | None,
    ) -> Iterator[tuple[str, Result]]:
        """Results of distinct windows; the network runs some batches ahead of the decoder."""
        # Sorted by length, so that batches carry next to no padding.
        ordered = sorted(windows, key=len)
        size = batch_size or self.backend.batch_size
        batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]

        def run(batch: list[str]) -> NDArray[np.float32]:
            return self.backend.emissions(encode(batch))

        queue = deque(batches)
        ahead: deque[Future[NDArray[np.float32]]] = deque()
        for batch in batches:
            while queue and len(ahead) <= self.backend.concurrency:
                ahead.append(workers.submit(run, queue.popleft()))
            emissions = ahead.popleft().result()
            lengths = np.array([len(window) for window in batch])
            yield from zip(
                batch, _results(self.decoder.decode(emissions, lengths, allowed)), strict=True
            )


def _protein(item: Protein | tuple[str, str]) -> Protein:
    if isinstance(item, Protein):
        return item
    if isinstance(item, str) or len(item) != 2:
        raise TypeError(f"proteins are (name, sequence) pairs, not {item!r}")
    name, sequence = item
    return clean(name, sequence)


def decode_windows(
    backend: Backend,
    windows: Sequence[str],
    allowed_types: NDArray[np.bool_] | None = None,
) -> Decoded:
    """Decode windows as one batch's worth of arrays, in order; for evaluation.

    allowed_types (K,) or (B, K) bool: see `Decoder.decode`.
    """
    decoder = Decoder(grammar(), backend.scores)
    order = np.argsort([len(window) for window in windows], kind="stable")
    allowed = np.ones((len(windows), len(TYPES)), dtype=bool)
    if allowed_types is not None:
        allowed &= allowed_types
    width = max(map(len, windows))
    parts: list[Decoded] = []
    for start in range(0, len(windows), backend.batch_size):
        rows = order[start : start + backend.batch_size]
        batch = [windows[row] for row in rows]
        lengths = np.array([len(window) for window in batch])
        emissions = backend.emissions(encode(batch))
        parts.append(decoder.decode(emissions, lengths, allowed[rows]))
    back = np.argsort(order)
    paths = np.full((len(windows), width), -1, dtype=np.int8)
    for start, part in zip(range(0, len(windows), backend.batch_size), parts, strict=True):
        paths[start : start + len(part.paths), : part.paths.shape[1]] = part.paths
    return Decoded(
        np.concatenate([p.type_probabilities for p in parts])[back],
        np.concatenate([p.types for p in parts])[back],
        np.concatenate([p.sites for p in parts])[back],
        np.concatenate([p.site_probabilities for p in parts])[back],
        paths[back],
    )


def load(
    model: str | os.PathLike[str] = models.DEFAULT,
    *,
    device: str = "auto",
    threads: int | None = None,
    backbone: str | None = None,
) -> Predictor:
    """A predictor from a model's name or directory.

    Exported models run on ONNX Runtime without torch; others need `peft-sp[train]` and their
    backbone, which `backbone` (name, hub id or directory) may point to. threads: of the
    processor, None for all. device: "auto", "cpu" or "cuda"; for models on torch.

    Raises ModelError where the model cannot be found, read or run so, and MissingExtraError.
    """
    directory = models.locate(model)
    config = models.read_config(directory)
    exported = directory / models.ONNX
    if backbone is not None and "backbone" not in config:
        raise ModelError(f"model '{model}' has no backbone; leave out --backbone")
    if names := models.members(config):
        place = {"device": device, "threads": threads, "backbone": backbone}
        parts = [load(directory / name, **place).backend for name in names]  # type: ignore[arg-type]
        found: Backend = EnsembleBackend(parts)
    elif exported.is_file():
        if device not in ("auto", "cpu"):
            raise ModelError(f"model '{model}' is exported for the CPU; leave out --device")
        found = OnnxBackend(exported, threads)
    else:
        found = _torch_backend(directory, device, threads, backbone)
    found.scores = replace(found.scores, temperature=models.temperature(config))
    return Predictor(found, config)


def _torch_backend(
    directory: Path, device: str, threads: int | None, backbone: str | None
) -> TorchBackend:
    try:
        import torch

        from peft_sp.network.checkpoint import load_checkpoint
    except ImportError as error:
        raise MissingExtraError(f"{directory}", "train", error.name) from None
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ModelError("this machine has no CUDA device; use --device cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    return TorchBackend(load_checkpoint(directory, backbone), device)


def _results(decoded: Decoded) -> Iterator[Result]:
    """One result a window, as plain Python data."""
    regions = _regions(decoded.paths)
    columns = (
        decoded.types.tolist(),
        decoded.type_probabilities.tolist(),
        decoded.sites.tolist(),
        decoded.site_probabilities.tolist(),
    )
    for row, (kind, shares, site, chance) in enumerate(zip(*columns, strict=True)):
        yield kind, tuple(shares), site, chance, tuple(regions.get(row, ()))


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
        found.setdefault(row, []).append(Region(_REGION_NAMES[name - 1], start + 1, end + 1))
    return found


def _prediction(protein: Protein, result: Result) -> Prediction:
    kind, probabilities, site, chance, regions = result
    if not site:
        return Prediction(protein, TYPES[kind], probabilities)
    return Prediction(protein, TYPES[kind], probabilities, site, chance, regions)
