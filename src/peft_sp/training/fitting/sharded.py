"""What the `transformers` Trainer has to do otherwise with a network that processes share out.

Its checkpoints hold whole tensors, as those of one process do, so that either goes on from the
other's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import Trainer

from peft_sp.network.encoders.sharding import is_sharded, sliced, whole
from peft_sp.network.model import SignalPeptideModel
from peft_sp.training.fitting.processes import is_first_process


class ShardedTrainer(Trainer):
    """A trainer for networks that `network/encoders/sharding.py` has divided, and for others."""

    network: SignalPeptideModel

    def _wrap_model(self, model: nn.Module, *args: Any, **options: Any) -> nn.Module:
        """Spare it DDP: its gradients are averaged where they are divided."""
        if not is_sharded(model):
            return super()._wrap_model(model, *args, **options)
        if not getattr(model, "_is_accelerate_prepared", False):
            # With the numbers of mixed precision, but without another wrapping.
            self.accelerator.prepare_model(model, device_placement=False, evaluation_mode=True)
            model._is_accelerate_prepared = True  # type: ignore[assignment]
        return model

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not is_sharded(self.network):
            super()._save_optimizer_and_scheduler(output_dir)
            return
        assert self.optimizer is not None and self.lr_scheduler is not None
        state = whole(self.optimizer.state_dict())
        if is_first_process():
            torch.save(state, Path(output_dir, "optimizer.pt"))
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir, "scheduler.pt"))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        assert self.optimizer is not None
        for parameter, state in self.optimizer.state.items():
            state.update({key: sliced(value, parameter) for key, value in state.items()})
