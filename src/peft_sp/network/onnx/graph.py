"""A trained network as an ONNX file, which predicts without torch.

A student is exported as it stands. A backbone is rebuilt first as `PlainBackbone`: what peft added
is merged into the weights, query, key and value become one product, the tokens' embeddings and
their positions become tables, and everything from residue codes to emissions is in the graph. The
networks of an ensemble become one graph (`ensemble.py`). Every file is compared with what it was
made from, at other shapes than it was made with.
"""

from __future__ import annotations

import copy
import importlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, encode
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import ModelError
from peft_sp.io.registry import graph_check
from peft_sp.io.registry.graph_check import OPSET
from peft_sp.io.registry.graph_file import GraphError
from peft_sp.network.model import SignalPeptideModel
from peft_sp.network.onnx.ensemble import joined
from peft_sp.network.onnx.plain import PlainBackbone
from peft_sp.network.onnx.quantization import compute_in_integers
from peft_sp.network.onnx.storage import Precision, store

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone

TOLERANCE = 1e-4
"""Largest difference of an emission between an exported network in float32 and its original."""
SIZE_LIMIT = 2**31
"""Bytes that one ONNX file can hold."""

Example = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Residues (B, L) and a network's emissions (B, L, S) for them."""


def export_onnx(
    model: SignalPeptideModel | Sequence[SignalPeptideModel],
    path: str | os.PathLike[str],
    precision: Precision = "float32",
    *,
    tolerance: float = TOLERANCE,
    size_limit: int = SIZE_LIMIT,
) -> float:
    """Write `model.onnx`: residues (B, L) uint8 -> emissions (B, L, S), and the CRF's scores.

    Any B, and L up to the window; padding changes nothing. Weights are inside the file. Several
    networks become one that gives the means of theirs. Returns the largest difference of an
    emission from the original's. tolerance: the largest difference in float32, as a fraction of
    the largest emission where that is above 1; size_limit: bytes of float32 weights.

    Raises ModelError for a network that is too large or cannot be exported, or that in float32
    does not equal the original.
    """
    file = Path(path)
    networks = [model] if isinstance(model, SignalPeptideModel) else list(model)
    size = sum(4 * p.numel() for network in networks for p in network.parameters())
    if size >= size_limit:
        raise ModelError(
            f"a network of {size / 1e9:.1f} GB cannot be exported, since an ONNX file holds 2 GB "
            "at most; predict with it on torch"
        )
    references, graphs = [], []
    for network in networks:
        # What lower precisions approximate is the network in float32, whatever it was kept in.
        own = copy.deepcopy(network).cpu().float().eval()
        _refuse_unknown(own)
        references.append(reference_emissions(own))  # before it is rebuilt from its own parts
        graphs.append(_graph(own, file))
    examples = [
        (alike[0][0], np.mean([emissions for _, emissions in alike], axis=0))
        for alike in zip(*references, strict=True)
    ]
    graph = graphs[0]
    if len(graphs) > 1:
        graph = joined(graphs, low_rank=precision != "float32")
    if precision == "int8" and all(network.backbone_hash is None for network in networks):
        compute_in_integers(graph)
    elif precision != "float32":
        store(graph, precision)
    onnx.save(graph, file)
    try:
        graph_check.check(file.read_bytes())
    except GraphError as error:
        raise ModelError(f"{file}: the exported network would be refused ({error})") from None
    difference, largest = largest_difference(examples, file)
    if precision == "float32" and not difference <= tolerance * max(1.0, largest):
        raise ModelError(f"{file}: the exported network is off by {difference:.1e}")
    return difference


def reference_emissions(model: SignalPeptideModel) -> list[Example]:
    """Emissions of a network on the CPU for made-up windows of several lengths, some padded."""
    examples = []
    for lengths in ((1,), (WINDOW,) * 5, (33, 32), (1, WINDOW, 2, 17, 69)):
        residues = _made_up_windows(lengths)
        with torch.no_grad():
            examples.append((residues, model(torch.from_numpy(residues)).emissions.numpy()))
    return examples


def largest_difference(examples: Sequence[Example], file: Path) -> tuple[float, float]:
    """Largest difference of an exported network's emissions at residues, and largest emission."""
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(os.fspath(file), options, ["CPUExecutionProvider"])
    difference = largest = 0.0
    for residues, expected in examples:
        (emissions,) = session.run(["emissions"], {"residues": residues})
        inside = residues != PAD
        difference = max(difference, float(np.abs(emissions - expected)[inside].max()))
        largest = max(largest, float(np.abs(expected[inside]).max()))
    return difference, largest


def _refuse_unknown(model: SignalPeptideModel) -> None:
    """Raise ModelError for a backbone that has no graph."""
    if model.backbone_hash is not None:
        backbone = cast("Backbone", model.encoder)
        if getattr(backbone.network, "is_loaded_in_4bit", False):
            raise ModelError(
                "a backbone in 4 bits has no graph; 'peft-sp export' reads it in float32"
            )
        if problem := backbone.family.not_exported(backbone.network.config):
            raise ModelError(problem)


def _graph(model: SignalPeptideModel, file: Path) -> onnx.ModelProto:
    """The graph of a network on the CPU, which is taken apart for it; `file` is overwritten.

    Residues (B, L) -> emissions (B, L, S), transitions (S, S), starts (S,), ends (S,).
    """
    if model.backbone_hash is not None:
        model.encoder = PlainBackbone(cast("Backbone", model.encoder))
    free = {0: "batch", 1: "length"}
    # The newer exporter fixes the length of an LSTM from its second call in a process on. A
    # backbone it exports well, with the same products, but takes ten times as long and one
    # more package.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _EmissionsAndScores(model).eval(),
            (torch.from_numpy(_made_up_windows((21, 40, 3))),),
            os.fspath(file),
            dynamo=False,
            opset_version=OPSET,
            input_names=["residues"],
            output_names=["emissions", "transitions", "starts", "ends"],
            dynamic_axes={"residues": free, "emissions": free},
        )
    return onnx.load(file)


class _EmissionsAndScores(nn.Module):
    """What `model.onnx` computes: emissions, and the CRF's scores as constants."""

    def __init__(self, model: SignalPeptideModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, residues: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        crf = self.model.crf
        emissions = self.model(residues).emissions
        return emissions, crf.transitions.clone(), crf.starts.clone(), crf.ends.clone()


def _made_up_windows(lengths: Sequence[int]) -> NDArray[np.uint8]:
    """Codes (B, L) of windows of given lengths (B,) that hold every letter, padded."""
    letters = (AMINO_ACIDS[3:] + "X" + AMINO_ACIDS[::-1] + "BZUO" + AMINO_ACIDS) * 3
    return encode([letters[5 * n : 5 * n + size] for n, size in enumerate(lengths)])
