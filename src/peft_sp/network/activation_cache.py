"""The activation cache: what frozen layers compute, on disk for every later pass.

Where only the last layers or the head are trained, the layers below compute the same for a
window in each epoch, fold, method and trial. Their output is stored in bfloat16, memory-mapped,
in a directory named by hashes of the backbone's weights and of the windows, so that every run
on the same data with the same backbone finds it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peft_sp.biology.alphabet import PAD, batches
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import OutputError
from peft_sp.io.atomic import locked
from peft_sp.network.backbone import Backbone
from peft_sp.network.model import SignalPeptideModel

BATCH_SIZE = 64
REMEDY = "--activation-cache DIR keeps it elsewhere, --activation-cache none nowhere"

Progress = Callable[[int, int], None]
"""Called with windows done, and their number in all."""


class ActivationCache:
    """Hidden states behind the first `depth` layers for N distinct windows.

    keys (N,): windows as fixed-width bytes, sorted; starts (N,): row of `values` at which the
    tokens of each begin; values (tokens, D): bfloat16 numbers, seen as uint16. frame: tokens of a
    window beyond its residues.
    """

    def __init__(
        self,
        depth: int,
        keys: NDArray[np.bytes_],
        starts: NDArray[np.int64],
        values: NDArray[np.uint16],
        frame: int = 2,
    ) -> None:
        self.depth, self.keys, self.starts, self.values = depth, keys, starts, values
        self.frame = frame

    def look_up(self, residues: Tensor) -> Tensor | None:
        """Hidden states (B, L + frame, D) float32 of residues (B, L); None if one is missing."""
        keys = window_keys(residues.cpu().numpy())
        rows = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if not np.array_equal(self.keys[rows], keys):
            return None
        lengths = (residues != PAD).sum(1).cpu().numpy() + self.frame
        positions = np.arange(residues.shape[1] + self.frame)
        # Behind a window's end its last token is repeated; the mask hides it.
        tokens = self.starts[rows][:, None] + np.minimum(positions, lengths[:, None] - 1)
        states = torch.from_numpy(self.values[tokens]).view(torch.bfloat16).float()
        return states.to(residues.device)


def window_keys(residues: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Codes (B, L) as bytes strings (B,) of one width; equal where the windows are."""
    # From 1 on: a bytes string does not tell a closing zero from nothing.
    full = np.full((len(residues), WINDOW), PAD + 1, dtype=np.uint8)
    full[:, : residues.shape[1]] = residues + 1
    return full.view(f"S{WINDOW}")[:, 0]


def cached_activations(
    backbone: Backbone,
    fingerprint: str,
    residues: NDArray[np.uint8],
    depth: int,
    directory: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> ActivationCache:
    """Hidden states of windows `residues` (N, L) behind the first `depth` layers.

    Read from `directory`, or computed and written there, whole or not at all. fingerprint: hash
    of the backbone's weights. Takes twice the backbone's width in bytes a token on disk. Raises
    OutputError where that cannot be written or read.
    """
    keys, first = np.unique(window_keys(residues), return_index=True)
    windows = residues[first]
    _, starts = _layout(windows, backbone.frame)
    data = hashlib.sha256(keys.tobytes()).hexdigest()
    precision = str(backbone.precision).removeprefix("torch.")
    file = Path(directory, f"{fingerprint[:16]}-{precision}-{data[:16]}", f"layer-{depth}.npy")
    if not file.exists():
        _write_once(backbone, windows, depth, file, progress)
    try:
        values = np.load(file, mmap_mode="r")
        return ActivationCache(depth, keys, starts, values, backbone.frame)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{file}: cannot be read ({error}); remove it, and it is computed again"
        ) from None


def cache_untouched_layers(
    model: SignalPeptideModel,
    residues: NDArray[np.uint8],
    directory: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> None:
    """Have a model look up the layers that training leaves as they are, if there are any.

    residues, directory, progress: see `cached_activations`, which may raise.
    """
    backbone = model.encoder
    assert isinstance(backbone, Backbone) and model.backbone_hash is not None
    if depth := backbone.untouched:
        if torch.cuda.is_available():
            backbone.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        backbone.activation_cache = cached_activations(
            backbone, model.backbone_hash, residues, depth, directory, progress=progress
        )


def _layout(windows: NDArray[np.uint8], frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens (N,) of each window (N, L), and the row (N,) at which its first one is stored."""
    lengths = (windows != PAD).sum(1) + frame
    return lengths, np.concatenate([[0], np.cumsum(lengths)[:-1]])


def _write_once(
    backbone: Backbone,
    windows: NDArray[np.uint8],
    depth: int,
    file: Path,
    progress: Progress | None,
) -> None:
    """Write the file, or wait for a run beside this one that does. Raises OutputError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); {REMEDY}") from None
    with locked(file.parent):
        if not file.exists():
            _write(backbone, windows, depth, file, progress)


def _write(
    backbone: Backbone,
    windows: NDArray[np.uint8],
    depth: int,
    file: Path,
    progress: Progress | None,
) -> None:
    """Compute the hidden states of distinct windows (N, L) into a file. Raises OutputError."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    lengths, _ = _layout(windows, backbone.frame)
    shape = (int(lengths.sum()), backbone.width)
    try:
        free, needed = shutil.disk_usage(file.parent).free, 2 * shape[0] * shape[1]
        # A full disk would end the process when a page of the mapped file is written.
        if free < needed:
            raise OutputError(
                f"{file.parent}: the output of frozen layers takes {needed / 1e9:.1f} GB, but "
                f"{free / 1e9:.1f} GB are free; {REMEDY}"
            )
        values = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint16, shape=shape)
        _compute(backbone, windows, depth, values, progress)
        values.flush()
        partial.replace(file)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); {REMEDY}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@torch.inference_mode()
def _compute(
    backbone: Backbone,
    windows: NDArray[np.uint8],
    depth: int,
    values: NDArray[np.uint16],
    progress: Progress | None,
) -> None:
    """Fill `values` (tokens, D) with bfloat16 hidden states of windows (N, L)."""
    _, starts = _layout(windows, backbone.frame)
    training, device = backbone.training, backbone.lookup.device
    backbone.eval()
    done = 0
    for batch in batches(windows, BATCH_SIZE):
        residues = torch.from_numpy(batch.residues).to(device)
        # shape: (batch, length + frame, width)
        states = backbone.lower(residues, depth).to(torch.bfloat16).cpu()
        positions = np.arange(states.shape[1])
        inside = positions < batch.lengths[:, None] + backbone.frame
        tokens = (starts[batch.rows][:, None] + positions)[inside]
        values[tokens] = states[torch.from_numpy(inside)].view(torch.uint16).numpy()
        done += len(batch.rows)
        if progress is not None:
            progress(done, len(windows))
    backbone.train(training)
