"""Frozen layers computed once: what comes out of them, kept on disk for every later pass.

Where only the last layers or the head are trained, the layers below give the same for a
window in each epoch, fold, method and trial. Their output is kept in bfloat16, memory-mapped,
in a folder named by the backbone's weights and the windows, so that whoever trains on the same
data with the same backbone finds it again.
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

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import OutputError
from peft_sp.network.backbone import Backbone

BATCH = 64
MEND = "--activation-cache DIR keeps it elsewhere, --activation-cache none nowhere"


class KeptActivations:
    """What the first `depth` layers give for known windows.

    keys (N,): the windows as fixed-width bytes, sorted; starts (N,): where the tokens of each
    begin in `values` (tokens, D), bfloat16 seen as uint16.
    """

    def __init__(
        self,
        depth: int,
        keys: NDArray[np.bytes_],
        starts: NDArray[np.int64],
        values: NDArray[np.uint16],
    ) -> None:
        self.depth, self.keys, self.starts, self.values = depth, keys, starts, values

    def find(self, residues: Tensor) -> Tensor | None:
        """Kept states (B, L + 2, D) float32 of residues (B, L), None if any row is not known."""
        keys = window_keys(residues.cpu().numpy())
        rows = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if not np.array_equal(self.keys[rows], keys):
            return None
        lengths = (residues != PAD).sum(1).cpu().numpy() + 2
        places = np.arange(residues.shape[1] + 2)
        # Behind a window's end stands its last token; the mask hides it.
        found = self.values[self.starts[rows][:, None] + np.minimum(places, lengths[:, None] - 1)]
        states = torch.from_numpy(found).view(torch.bfloat16).float()
        return states.to(residues.device)


def window_keys(residues: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Codes (B, L) as bytes strings (B,) of one width; equal where the windows are."""
    # From 1 on: a bytes string does not tell a closing zero from nothing.
    full = np.full((len(residues), WINDOW), PAD + 1, dtype=np.uint8)
    full[:, : residues.shape[1]] = residues + 1
    return full.view(f"S{WINDOW}")[:, 0]


def keep_activations(
    backbone: Backbone,
    fingerprint: str,
    residues: NDArray[np.uint8],
    depth: int,
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> KeptActivations:
    """The first `depth` layers' output for windows `residues` (N, L), from `folder` or computed.

    fingerprint: hash of the backbone's weights. progress: windows done, of how many. Needs
    twice the backbone's width in bytes a token on disk. Raises OutputError where that cannot be
    written or read.
    """
    keys, first = np.unique(window_keys(residues), return_index=True)
    windows = residues[first]
    lengths, starts = _layout(windows)
    data = hashlib.sha256(keys.tobytes()).hexdigest()
    precision = str(backbone.precision).removeprefix("torch.")
    place = Path(folder, f"{fingerprint[:16]}-{precision}-{data[:16]}")
    file = place / f"layer-{depth}.npy"
    if not file.exists():
        beside = file.with_name(f"{file.name}.{os.getpid()}.part")
        shape = (int(lengths.sum()), backbone.width)
        try:
            place.mkdir(parents=True, exist_ok=True)
            free, wanted = shutil.disk_usage(place).free, 2 * shape[0] * shape[1]
            # A full disk would end the process when a page of the mapped file is written.
            if free < wanted:
                raise OutputError(
                    f"{place}: what frozen layers compute takes {wanted / 1e9:.1f} GB, but "
                    f"{free / 1e9:.1f} GB are free; {MEND}"
                )
            values = np.lib.format.open_memmap(beside, mode="w+", dtype=np.uint16, shape=shape)
            _compute(backbone, windows, depth, values, progress)
            values.flush()
            beside.replace(file)
        except OSError as error:
            raise OutputError(f"{file}: cannot be written ({error.strerror}); {MEND}") from None
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    try:
        return KeptActivations(depth, keys, starts, np.load(file, mmap_mode="r"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file}: not readable ({error}); remove it to have it anew") from None


def _layout(windows: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens of each window, and where they begin when all stand one after the other."""
    lengths = (windows != PAD).sum(1) + 2
    return lengths, np.concatenate([[0], np.cumsum(lengths)[:-1]])


@torch.inference_mode()
def _compute(
    backbone: Backbone,
    windows: NDArray[np.uint8],
    depth: int,
    values: NDArray[np.uint16],
    progress: Callable[[int, int], None] | None,
) -> None:
    lengths, starts = _layout(windows)
    training, device = backbone.training, backbone.lookup.device
    backbone.eval()
    order = np.argsort(-lengths, kind="stable")  # alike lengths together: little padding
    for begin in range(0, len(order), BATCH):
        rows = order[begin : begin + BATCH]
        longest = int(lengths[rows].max())
        batch = torch.from_numpy(windows[rows][:, : longest - 2]).to(device)
        states = backbone.lower(batch, depth).to(torch.bfloat16).cpu()
        places = np.arange(longest)
        inside = places < lengths[rows][:, None]
        into = (starts[rows][:, None] + places)[inside]
        values[into] = states[torch.from_numpy(inside)].view(torch.uint16).numpy()
        if progress is not None:
            progress(min(begin + BATCH, len(order)), len(order))
    backbone.train(training)
