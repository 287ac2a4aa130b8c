"""Emissions of encoded windows, from ONNX Runtime or from a torch model, on processors or a GPU."""

from __future__ import annotations

import importlib
import operator
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from peft_sp.biology.alphabet import PAD
from peft_sp.errors import ModelError, OptionError
from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, CrfScores, Temperatures
from peft_sp.inference.hardware.devices import CPU, Device
from peft_sp.inference.hardware.processors import available_processors
from peft_sp.inference.hardware.streams import own_stream
from peft_sp.io.registry import graph_check
from peft_sp.io.registry.graph_check import WINDOWS_PER_CALL

if TYPE_CHECKING:
    from torch import Tensor

    from peft_sp.network.model import SignalPeptideModel

Precision = Literal["float32", "tf32", "bfloat16"]
"""What a model on torch computes in."""

Network = Callable[[NDArray[np.uint8]], Any]
"""Residues (B, L) codes, padded -> emissions (B, L, S)."""

DEFAULT_BATCH_SIZE = 128
"""Windows a batch of an exported network whose settings do not say: what suits a student."""
TORCH_BATCH_SIZE = 64
"""Windows a batch of a model on torch, on processors."""
GPU_BATCH_SIZE = 1024
"""Windows a batch on a GPU, which a smaller one leaves idle; halved where its memory is short."""
GPU_CONCURRENCY = 2
"""Batches at once on a GPU: one is prepared while the other is computed."""


class Backend(Protocol):
    """What a predictor needs of a network.

    scores: of its CRF, with the temperatures of its probabilities; batch_size: windows a
    call that suit it; concurrency: calls that are worth making at once, from as many threads.
    One that also has `runtime` names what computes, with its version, as the last bits of the
    emissions may depend on it. One whose `gpu` is not None has `tensors`, whose emissions are
    for a decoder on that GPU (`network_of`).
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
    """A network exported to ONNX, run by ONNX Runtime.

    On processors one thread a batch and several batches at once: recurrent layers take 70 small
    steps, and threads that share a step wait for each other more than they work.

    batch_size: windows a batch that suit the network there. temperatures: see `CrfScores`. device:
    see `devices`; raises ModelError where the network cannot run on it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None = None,
        batch_size: int | None = None,
        temperatures: Temperatures = UNCALIBRATED,
        device: Device = CPU,
    ) -> None:
        library: Any = importlib.import_module("onnxruntime")

        self.batch_size = batch_size or DEFAULT_BATCH_SIZE
        self._windows_per_call = WINDOWS_PER_CALL
        options = library.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised as well, and said in one line
        self.concurrency = threads or available_processors()
        self._path = Path(path)
        content = graph_check.require(self._path)  # which is run, whatever becomes of the file
        providers = device.of_onnx_runtime(
            library.get_available_providers(), graph_check.INTEGER_PRODUCT in content, self._path
        )
        with self._one_line("not a model of this program"):
            self._session = library.InferenceSession(
                content, options, providers=providers, enable_fallback=0
            )
        used = device.used(self._session.get_providers(), self._path)
        scores = self._run(["transitions", "starts", "ends", "emissions"], _every_residue())
        transitions, starts, ends, _ = scores
        self.scores = CrfScores(transitions, starts, ends, temperatures)
        self.runtime = f"onnxruntime {library.__version__}"
        self.gpu: str | None = None
        if used != "cpu":
            self.gpu = device.decoder()
            self.runtime += f" on {used}, decoded {'there' if self.gpu else 'in NumPy'}"
            self._windows_per_call = GPU_BATCH_SIZE
            self.batch_size = GPU_BATCH_SIZE if self.gpu else DEFAULT_BATCH_SIZE
            self.concurrency = GPU_CONCURRENCY

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        parts: list[NDArray[np.float32]] = [
            self._run(["emissions"], residues[start : start + self._windows_per_call])[0]
            for start in range(0, len(residues), self._windows_per_call)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def tensors(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same: ONNX Runtime copies its results, and a decoder on a GPU copies them there."""
        return self.emissions(residues)

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
    """A model in PyTorch: in float32, with products in TF32, or under bfloat16 autocast.

    On a GPU, what goes there is copied from pinned memory in a stream of the calling thread, so
    that two threads copy, compute and decode at once. device: where it is moved to; None leaves it
    where it is. temperatures: see `CrfScores`.
    """

    def __init__(
        self,
        model: SignalPeptideModel,
        device: str | None = None,
        precision: str = "float32",
        temperatures: Temperatures = UNCALIBRATED,
    ) -> None:
        import torch

        from peft_sp.network.encoders.sharding import whole

        self._torch = torch
        self._model = model if device is None else model.to(device)
        self._device = next(model.head.parameters()).device
        self._most = sys.maxsize  # windows for which the memory is enough, as far as is known
        self._half = precision == "bfloat16"
        on_gpu = self._device.type == "cuda"
        self.gpu = str(self._device) if on_gpu else None
        self.batch_size = GPU_BATCH_SIZE if on_gpu else TORCH_BATCH_SIZE
        self.concurrency = GPU_CONCURRENCY if on_gpu else 1
        where = torch.cuda.get_device_name(self._device) if on_gpu else self._device.type
        threads = f", {torch.get_num_threads()} threads" if where == "cpu" else ""
        self.runtime = f"torch {torch.__version__} in {precision} on {where}{threads}"
        crf = model.crf
        transitions, starts, ends = (
            p.detach().cpu().numpy().copy()
            for p in map(whole, (crf.transitions, crf.starts, crf.ends))
        )
        self.scores = CrfScores(transitions, starts, ends, temperatures)

    def emissions(self, residues: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Residues (B, L) codes, padded -> emissions (B, L, S)."""
        found: NDArray[np.float32] = self.tensors(residues).cpu().numpy()
        return found

    def tensors(self, residues: NDArray[np.uint8]) -> Tensor:
        """Emissions (B, L, S) float32 where they were computed, and whole when this returns.

        A batch for which the memory is too short is halved, and so are later ones of its size.
        """
        torch, model = self._torch, self._model
        training = model.training
        if training:
            model.eval()
        try:
            with torch.inference_mode(), own_stream(self.gpu):
                return self._halved(torch.from_numpy(residues))
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"the network fails at {len(residues)} windows ({reason})") from None
        finally:
            if training:
                model.train()

    def _halved(self, residues: Tensor) -> Tensor:
        torch, half = self._torch, len(residues) // 2
        if len(residues) <= self._most:
            try:
                return self._computed(residues)
            except torch.OutOfMemoryError:
                if not half:
                    raise
                self._most = half
        # Outside of the handler, which would hold what the failed try has allocated.
        parts = [self._halved(part) for part in (residues[:half], residues[half:])]
        together: Tensor = torch.cat(parts)
        return together

    def _computed(self, residues: Tensor) -> Tensor:
        torch, kind = self._torch, self._device.type
        if kind == "cuda":
            residues = residues.pin_memory().to(self._device, non_blocking=True)
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self._half):
            output = self._model(residues.to(self._device))
        emissions: Tensor = output.emissions.float()
        return emissions


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
        gpus = {network_of(member)[1] for member in members}
        self.gpu = gpus.pop() if len(gpus) == 1 else None
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
        mean: NDArray[np.float32] = _mean([own.emissions for own in self.members], residues)
        return mean

    def tensors(self, residues: NDArray[np.uint8]) -> Tensor:
        """The same as a tensor on the GPU of all members."""
        with own_stream(self.gpu):
            mean: Tensor = _mean([network_of(own)[0] for own in self.members], residues)
        return mean


def network_of(backend: Backend) -> tuple[Network, str | None]:
    """What gives a decoder a backend's emissions, and the GPU that decodes them; None for NumPy."""
    gpu: str | None = getattr(backend, "gpu", None)
    whole: Any = backend
    return (backend.emissions if gpu is None else whole.tensors), gpu


def _mean(networks: list[Network], residues: NDArray[np.uint8]) -> Any:
    total = networks[0](residues)
    for network in networks[1:]:
        total = total + network(residues)
    return total / len(networks)


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
