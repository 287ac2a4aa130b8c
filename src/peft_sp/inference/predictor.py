"""stub"""
from __future__ import annotations
from collections.abc import Sequence
import numpy as np
from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import grammar
from peft_sp.inference.backends import Backend
from peft_sp.inference.decoding import Decoded, Decoder


def decode_windows(backend: Backend, windows: Sequence[str]) -> list[Decoded]:
    decoder = Decoder(grammar(), backend.scores)
    out = []
    for i in range(0, len(windows), backend.batch_size):
        part = windows[i : i + backend.batch_size]
        out.append(decoder.decode(backend.emissions(encode(part)), np.array([len(w) for w in part])))
    return out
