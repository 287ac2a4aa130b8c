"""Training: `transformers.Trainer` with our loss, learning rates, sampler and evaluation."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from peft_sp.inference.backends import TorchBackend
from peft_sp.inference.hardware.processors import limit_torch
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import SUMMARY_METRICS
from peft_sp.network.backbone import Backbone
from peft_sp.network.encoders.sharding import gather, whole
from peft_sp.network.model import SignalPeptideModel, seed_everything
from peft_sp.training.dataset import BalancedSampler, Batch
from peft_sp.training.evaluation.evaluate import Evaluation, evaluate
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.fitting.arguments import checkpoint_gradients, training_arguments
from peft_sp.training.fitting.averaging import Averaging, MovingAverage
from peft_sp.training.fitting.batches import Batches, Windows, mean_of_step
from peft_sp.training.fitting.checkpoints import claimed, last_checkpoint, refuse_other_run
from peft_sp.training.fitting.decay import decay_groups
from peft_sp.training.fitting.history import History
from peft_sp.training.fitting.precision import refuse_precision
from peft_sp.training.fitting.preparation import network_and_windows
from peft_sp.training.fitting.processes import (
    decided_by_first,
    is_first_process,
    join,
    meet,
    process_count,
    process_number,
)
from peft_sp.training.fitting.progress import Progress, Reporting, Watched
from peft_sp.training.fitting.provenance import device_name
from peft_sp.training.fitting.region_loss import region_term
from peft_sp.training.fitting.sharded import ShardedTrainer
from peft_sp.training.fitting.trackers import Trackers
from peft_sp.training.inputs import Split
from peft_sp.training.recipe import Recipe

OPTIMISERS = {"adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax}


@dataclass(frozen=True)
class HeldOut:
    """How a network does on the validation and the test partition; None where there is none."""

    validation: Evaluation | None
    test: Evaluation | None


@dataclass(frozen=True)
class Trained(HeldOut):
    """A fitted model.

    history: what was measured on the way; seconds: of all epochs and of what the model was
    measured by, interruptions left out; device: what computed; processes: how many shared the
    work; writes: this is the one of them that writes files.
    """

    model: SignalPeptideModel
    history: History
    seconds: float
    device: str
    processes: int = 1
    writes: bool = True


def train(
    recipe: Recipe,
    split: Split,
    directory: str | os.PathLike[str],
    progress: Progress | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    *,
    trackers: Trackers | None = None,
) -> Trained:
    """Fit a recipe's model on a split; each epoch leaves a checkpoint in `directory`.

    A run that was killed is resumed from its last whole epoch, with the same result as one that
    was not; one that could not start leaves nothing. progress: gets the run's reports.
    activation_cache: directory for the output of frozen layers (see
    `network/activation_cache.py`) and for the teachers' answers; None to compute the former anew
    in each epoch and leave the latter in `directory`. trackers: what else is told of the run.

    Raises InputError for unusable data, RecipeError or ModelError for an impossible network,
    OutputError where `directory` belongs to another recipe or is in use.
    """
    _set_libraries_up()
    join()
    progress = progress if is_first_process() else None
    refuse_precision(recipe.name, "optimisation.precision", recipe.optimisation.precision)
    refuse_other_run(Path(directory), recipe, split.inputs.labelled_sha256)
    model, windows = network_and_windows(recipe, split, Path(directory), activation_cache, progress)
    # It seeds all generators anew, so that training is the same whatever was computed before.
    trainer = SignalPeptideTrainer(
        model,
        recipe,
        directory=directory,
        windows=windows,
        validation=split.validation,
        progress=progress,
        trackers=trackers,
    )
    with claimed(Path(directory), recipe, split.inputs.labelled_sha256):
        checkpoint = decided_by_first(lambda: last_checkpoint(Path(directory)))
        trainer.train(resume_from_checkpoint=checkpoint)
    if trackers is not None:
        trackers.finish()
    model = trainer.fitted()
    validation, test = (
        evaluate(Watched(TorchBackend(model), len(held), progress), held) if held else None
        for held in (split.validation, split.test)
    )
    gather(model, model.trainable_state().keys())
    meet()  # the first process removes the checkpoints
    return Trained(
        validation,
        test,
        model,
        History.of(trainer.state.log_history),
        trainer.seconds,
        device_name(trainer.args.device),
        trainer.args.world_size,
        trainer.is_world_process_zero(),
    )


def _set_libraries_up() -> None:
    """Have them take the processors that they may, and leave to us what is shown of a run."""
    limit_torch()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("accelerate").setLevel(logging.ERROR)


class SignalPeptideTrainer(ShardedTrainer):
    """`transformers.Trainer` on our windows; the epoch is chosen by `Scores.selection`.

    validation: the proteins that it is chosen by; without any the last epoch is taken.
    """

    def __init__(
        self,
        model: SignalPeptideModel,
        recipe: Recipe,
        *,
        directory: str | os.PathLike[str],
        windows: Windows,
        validation: Sequence[LabelledProtein],
        progress: Progress | None = None,
        trackers: Trackers | None = None,
    ) -> None:
        self.started, self.before = time.monotonic(), -1.0
        self.progress = progress
        self.network, self.options, self.seed = model, recipe.optimisation, recipe.seed
        self.validation, options = validation, self.options
        # Of the labels' loss beside the teachers', None without teachers.
        distillation = recipe.distillation
        self.label_weight = None if distillation is None else distillation.label_weight
        args = training_arguments(
            options,
            directory,
            seed=recipe.seed,
            windows=len(windows),
            chooses=bool(validation),
            run=None if trackers is None else trackers.run,
        )
        super().__init__(
            model=model,
            args=args,
            train_dataset=windows,
            eval_dataset=validation or None,  # `evaluate` reads it
        )
        # Ours is the mean of the whole step already.
        self.model_accepts_loss_kwargs = True
        if number := process_number():  # each drops other units
            seed_everything(recipe.seed + number * 1_000_003)
        self.remove_callback(transformers.PrinterCallback)
        if options.gradient_checkpointing and isinstance(model.encoder, Backbone):
            checkpoint_gradients(model.encoder)
        self.average = MovingAverage(model, options.ema_decay) if options.ema_decay else None
        if self.average is not None:
            self.add_callback(Averaging(self.average))
        if progress is not None:
            self.add_callback(Reporting(progress))
        for callback in [] if trackers is None else trackers.callbacks():
            self.add_callback(callback)

    def fitted(self) -> SignalPeptideModel:
        """The network as it is kept and loaded later, ready to predict."""
        # Mixed precision wraps the network's forward.
        model: SignalPeptideModel = self.accelerator.unwrap_model(
            self.network, keep_fp32_wrapper=False
        )
        # Where an epoch was chosen by validation, its average is already loaded.
        if self.average is not None and not self.validation:
            self.average.exchange(model)
        if isinstance(model.encoder, Backbone):
            # What counts in the end is the whole network, unrounded.
            model.encoder.activation_cache = None
        return model.eval()

    @property
    def seconds(self) -> float:
        """Seconds of this run and, where it was resumed, of the epochs before."""
        if self.before < 0:
            # The log of a resumed run begins with that of the checkpoint.
            self.before = max((x.get("seconds", 0.0) for x in self.state.log_history), default=0.0)
        return self.before + time.monotonic() - self.started

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log figures with the seconds that it took to get there."""
        super().log({**logs, "seconds": round(self.seconds, 3)}, start_time)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """CRF negative log-likelihood of the allowed states plus the weighted region term.

        With teachers: the cross-entropy with their posterior plus that, weighted. A window
        without labels may take any path, which is certain, and adds nothing to the latter.
        """
        regions = self.options.region_weight
        output = model(inputs["residues"], inputs["allowed"], marginals=regions > 0)
        loss = -output.log_likelihood
        if regions:
            term = region_term(output.marginals, inputs["residues"], inputs["types"])
            loss = loss + regions * term
        if self.label_weight is not None:
            distilled = inputs["distilled"]
            cross_entropy = self.network.crf.cross_entropy(
                output.emissions,
                output.log_partition,
                output.mask,
                inputs["states"],
                inputs["transitions"],
            )
            # Where teachers have no answer, the labels take its place.
            weight = self.label_weight * distilled + (1 - distilled)
            loss = weight * loss + distilled * cross_entropy
        loss = mean_of_step(loss, inputs, num_items_in_batch, process_count())
        return (loss, output) if return_outputs else loss

    def get_batch_samples(self, *args: Any) -> tuple[list[Batch], Tensor]:
        """The batches of a step, and how many windows are in them, in all processes."""
        batches, _ = super().get_batch_samples(*args)
        return batches, sum(batch["total"] for batch in batches)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimiser, with a learning rate for the encoder and one for head and CRF."""
        if self.optimizer is None:
            options = self.options
            encoder, head = self.network.parameter_groups()
            groups = []
            for parameters, rate in (
                (encoder, options.learning_rate),
                (head, options.head_learning_rate),
            ):
                for group in decay_groups(parameters, options.weight_decay):
                    groups.append({**group, "lr": rate})
            self.optimizer = OPTIMISERS[options.optimiser](groups)
        return self.optimizer

    def get_train_dataloader(self) -> Batches:
        """The batches, of which each process has its share."""
        windows, options = self.train_dataset, self.options
        assert isinstance(windows, Windows)
        sampler = BalancedSampler(
            windows.classes, options.class_balance, self.seed, options.rare_class_size
        )
        return Batches(windows, sampler, options.batch_size)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Scores on the validation proteins, as the trainer logs them."""
        if self.average is not None:
            self.average.exchange(self.network)
        backend = Watched(TorchBackend(self.network), len(self.validation), self.progress)
        scores = score(Outcomes.predicted(backend, self.validation))
        if self.average is not None:
            self.average.exchange(self.network)
        metrics = {
            **{f"eval_{metric.name}": getattr(scores, metric.name) for metric in SUMMARY_METRICS},
            "eval_selection": scores.selection,
        }
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Only what training changes: a backbone is never copied into a checkpoint."""
        checkpoint = Path(output_dir or self.args.output_dir or ".")
        states = {"model": whole(self.network.trainable_state())}
        if self.average is not None:
            states["average"] = whole(self.average.state())
        if not is_first_process():
            return
        checkpoint.mkdir(parents=True, exist_ok=True)
        for name, state in states.items():
            own = {key: tensor.contiguous() for key, tensor in state.items()}
            save_file(own, checkpoint / f"{name}.safetensors")

    def _save_rng_state(self, output_dir: str) -> None:
        """Each process has its own; a checkpoint is whole when all are there."""
        super()._save_rng_state(output_dir)
        meet()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoint = Path(resume_from_checkpoint)
        self.network.load_trainable_state(load_file(checkpoint / "model.safetensors"))
        if self.average is not None:
            self.average.restore(load_file(checkpoint / "average.safetensors"))

    def _load_best_model(self) -> None:
        """The weights of the chosen epoch: their average where one is kept."""
        # By its name: the run may have been begun from another working directory.
        best = Path(str(self.args.output_dir), Path(str(self.state.best_model_checkpoint)).name)
        name = "model" if self.average is None else "average"
        state = load_file(best / f"{name}.safetensors")
        state.pop("steps", None)
        self.network.load_trainable_state(state)
