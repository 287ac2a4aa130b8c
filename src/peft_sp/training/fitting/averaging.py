"""A moving average of the weights, which is judged and kept in their place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from peft_sp.network.encoders.sharding import sliced
from peft_sp.network.model import SignalPeptideModel


class MovingAverage:
    """Exponential moving average of the trainable tensors.

    The decay grows from 0 with the steps seen, so that the first ones do not linger.
    """

    def __init__(self, model: SignalPeptideModel, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.tensors = {k: v.detach().clone() for k, v in model.trainable_state().items()}

    @torch.no_grad()
    def update(self, model: SignalPeptideModel) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        share = 1 - min(self.decay, self.steps / (self.steps + 10))
        for name, tensor in model.trainable_state().items():
            self.tensors[name].lerp_(tensor, share)

    @torch.no_grad()
    def exchange(self, model: SignalPeptideModel) -> None:
        """Swap the average with the model's weights."""
        for name, tensor in model.trainable_state().items():
            current = tensor.clone()
            tensor.copy_(self.tensors[name])
            self.tensors[name].copy_(current)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {**self.tensors, "steps": torch.tensor(self.steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.steps = int(state["steps"])
        for name, tensor in self.tensors.items():
            tensor.copy_(sliced(state[name], tensor))


class Averaging(TrainerCallback):
    """Feeds a moving average after each step."""

    def __init__(self, average: MovingAverage) -> None:
        self.average = average

    def on_step_end(self, *_: Any, model: Any = None, **__: Any) -> None:
        """Called by the trainer."""
        self.average.update(model)
