"""Emissions of encoded windows, from ONNX Runtime or from a torch model."""

from __future__ import annotations

import importlib
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import PAD
from peft_sp.errors import ModelError, OptionError
from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, CrfScores, Temperatures
from peft_sp.inference.processors import available_processors
from peft_sp.io.registry import graph_check
from peft_sp.io.registry.graph_check import WINDOWS_PER_CALL

if TYPE_CHECKING:
    from peft_sp.network.model import SignalPeptideModel

DEFAULT_BATCH_SIZE = 128
"""Windows a batch of an exported network whose settings do not say: what suits a student."""


class Backend(Protocol):
    """What a predictor needs of a network.

    scores: of its CRF, with the temperatures of its probabilities; batch_size: windows a
    call that suit it; concurrency: calls that are worth making at once, from as many threads.
    One that also has `runtime` names what computes, with its version, as the last bits of the
    emissions may depend on it.
    """

    @property
    def scores(self) -> CrfScores: ...  # noqa: D102
    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def concurrency(self) -> int: ...  # noqa: D102

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        ...


class OnnxBackend:
    """A network exported to ONNX, run by ONNX Runtime on the CPU.

    One thread a batch and several batches at once: recurrent layers take 70 small steps, and
    threads that share a step wait for each other more than they work.

    batch_size: windows a batch that suit the network. temperatures: see `CrfScores`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None = None,
        batch_size: int | None = None,
        temperatures: Temperatures = UNCALIBRATED,
    ) -> None:
        library: Any = importlib.import_module("onnxruntime")

        self.batch_size = batch_size or DEFAULT_BATCH_SIZE
        options = library.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised as well, and said in one line
        self.concurrency = threads or available_processors()
        self._path = Path(path)
        content = graph_check.require(self._path)  # which is run, whatever becomes of the file
        with self._one_line("not a model of this program"):
            self._session = library.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        scores = self._run(["transitions", "starts", "ends", "emissions"], _every_residue())
        transitions, starts, ends, _ = scores
        self.scores = CrfScores(transitions, starts, ends, temperatures)
        self.runtime = f"onnxruntime {library.__version__}"

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        parts: list[NDArray[np.float32]] = [
            self._run(["emissions"], residues[start : start + WINDOWS_PER_CALL])[0]
            for start in range(0, len(residues), WINDOWS_PER_CALL)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, outputs: list[str], residues: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        with self._one_line("the network fails at what it is given"):
            found: list[NDArray[np.float32]] = self._session.run(outputs, {"residues": residues})
        return found

    @contextmanager
    def _one_line(self, what: str) -> Iterator[None]:
        """Raise ModelError for any error: those of ONNX Runtime have no common base."""
        try:
            yield
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{self._path}: {what} ({reason})") from None


class TorchBackend:
    """A model in PyTorch, in float32 or under bfloat16 autocast.

    device: where it is moved to; None leaves it where it is. temperatures: see `CrfScores`.
    """

    batch_size = 64
    concurrency = 1

    def __init__(
        self,
        model: SignalPeptideModel,
        device: str | None = None,
        precision: str = "float32",
        temperatures: Temperatures = UNCALIBRATED,
    ) -> None:
        import torch

        self._torch = torch
        self._model = model if device is None else model.to(device)
        self._device = next(model.head.parameters()).device
        self._bf16 = precision == "bfloat16"
        threads = f", {torch.get_num_threads()} threads" if self._device.type == "cpu" else ""
        self.runtime = f"torch {torch.__version__} in {precision} on {self._device.type}{threads}"
        crf = model.crf
        transitions, starts, ends = (
            p.detach().cpu().numpy().copy() for p in (crf.transitions, crf.starts, crf.ends)
        )
        self.scores = CrfScores(transitions, starts, ends, temperatures)

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        torch, model = self._torch, self._model
        training = model.training
        model.eval()
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16),
            ):
                output = model(torch.from_numpy(residues).to(self._device))
            emissions: NDArray[np.float32] = output.emissions.float().cpu().numpy()
            return emissions
        except RuntimeError as error:  # such as too little memory of a GPU
            reason = " ".join(str(error).split())
            raise ModelError(f"the network fails at {len(residues)} windows ({reason})") from None
        finally:
            model.train(training)


class EnsembleBackend:
    """Several networks as one: the mean of their emissions and of their CRFs' scores.

    The log weight of a path is then the mean of its log weights in the members, and the one
    decoder serves. temperatures: of the ensemble; those of the members are not read.
    """

    def __init__(
        self, members: Sequence[Backend], temperatures: Temperatures = UNCALIBRATED
    ) -> None:
        self.members = members
        self.batch_size = min(member.batch_size for member in members)
        self.concurrency = min(member.concurrency for member in members)
        self.runtime = "; ".join(dict.fromkeys(map(runtime, members)))
        scores = [member.scores for member in members]
        self.scores = CrfScores(
            np.mean([s.transitions for s in scores], axis=0),
            np.mean([s.starts for s in scores], axis=0),
            np.mean([s.ends for s in scores], axis=0),
            temperatures,
        )

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        total = self.members[0].emissions(residues)
        for member in self.members[1:]:
            total = total + member.emissions(residues)
        return total / np.float32(len(self.members))


def runtime(backend: Backend) -> str:
    """What computes a backend's emissions, with its version."""
    return str(getattr(backend, "runtime", type(backend).__name__))


def positive_integer(name: str, value: object) -> None:
    """Make sure that an argument is a whole number from 1 up, or None. Raises OptionError."""
    if value is None:
        return
    if not isinstance(value, SupportsIndex) or isinstance(value, bool) or operator.index(value) < 1:
        raise OptionError(f"{name} is {value!r}; give a whole number from 1 up, or None")


def _every_residue() -> NDArray[np.uint8]:
    """A window (1, L) of all residue codes, with padding behind them."""
    return np.arange(PAD + 1, dtype=np.uint8)[None]
