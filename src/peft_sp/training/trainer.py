"""Training: `transformers.Trainer` with our loss, learning rates, sampler and evaluation."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback, TrainingArguments

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import InputError, OutputError
from peft_sp.inference.backends import TorchBackend
from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import LabelledProtein, data_hash, partition, read_labelled
from peft_sp.network.activation_cache import cached_activations
from peft_sp.network.backbone import Backbone
from peft_sp.network.model import SignalPeptideModel, build_model, seed_everything
from peft_sp.network.region_loss import region_term
from peft_sp.training.averaging import Averaging, MovingAverage
from peft_sp.training.dataset import BalancedSampler, Batch, LabelledWindows, as_is
from peft_sp.training.distillation.dataset import DistilledWindows, distilled_windows
from peft_sp.training.evaluation.evaluate import Examination, examine
from peft_sp.training.evaluation.metrics import Outcomes, score
from peft_sp.training.recipe import Recipe

LAST_WRITTEN = "trainer_state.json"
"""What `transformers` writes into a checkpoint after everything else."""

OPTIMISERS = {"adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax}
Progress = Callable[[dict[str, float]], None]
Windows = LabelledWindows | DistilledWindows


@dataclass(frozen=True)
class Trained:
    """A fitted model with what its recipe's partitions say of it; None where not asked for.

    model: None for an ensemble, whose members are on disk. writes: this process is the one of a
    distributed run that writes files.
    """

    model: SignalPeptideModel | None
    validation: Examination | None
    test: Examination | None
    writes: bool = True


def train(
    recipe: Recipe,
    directory: str | os.PathLike[str],
    proteins: Sequence[LabelledProtein] | None = None,
    progress: Progress | None = None,
    kept: str | os.PathLike[str] | None = None,
) -> Trained:
    """Fit a recipe's model; checkpoints of each epoch go to `directory` and are resumed from.

    A run that was killed goes on from its last whole epoch with the same result as one that
    was not. `progress` gets the trainer's log. kept: folder for what frozen layers compute (see
    `network/activation_cache.py`); None to compute it anew in each epoch.

    Raises InputError for unusable data, RecipeError or ModelError for an impossible network,
    OutputError where `directory` belongs to another recipe.
    """
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    proteins = read_labelled(recipe.data) if proteins is None else proteins
    learned, judged, tested = divide(recipe, proteins)
    _claim(Path(directory), recipe)
    seed_everything(recipe.seed)
    model = build_model(recipe)
    if kept is not None:
        _keep_frozen_layers(model, recipe, [*learned, *judged, *tested], kept)
    windows = _windows(recipe, learned, [*judged, *tested], kept or directory, progress)
    trainer = SignalPeptideTrainer(model, recipe, directory, windows, judged)
    if progress is not None:
        trainer.add_callback(_Report(progress))
    trainer.train(resume_from_checkpoint=_last_checkpoint(Path(directory)))
    # Mixed precision wraps the network's forward; figures are of it as it is loaded later.
    model = trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    # The average has been what was judged; where an epoch was chosen, it is already loaded.
    if trainer.average is not None and not judged:
        trainer.average.exchange(model)
    model.eval()
    if isinstance(model.encoder, Backbone):
        model.encoder.activation_cache = (
            None  # what counts in the end is the whole network, unrounded
        )
    backend = TorchBackend(model)
    return Trained(
        model,
        examine(backend, judged) if judged else None,
        examine(backend, tested) if tested else None,
        trainer.is_world_process_zero(),
    )


def divide(
    recipe: Recipe, proteins: Sequence[LabelledProtein]
) -> tuple[list[LabelledProtein], list[LabelledProtein], list[LabelledProtein]]:
    """Proteins to learn from, to judge epochs by, and to test on.

    No window is in two of them. Raises InputError where a partition that is asked for has none.
    """
    parts = recipe.partitions
    tested = partition(proteins, [] if parts.test is None else [parts.test])
    avoid = {p.sequence for p in tested}
    judged = partition(proteins, [] if parts.validation is None else [parts.validation], avoid)
    learned = partition(proteins, parts.train, avoid | {p.sequence for p in judged})
    for name, part, wanted in (
        ("training", learned, True),
        ("validation", judged, parts.validation is not None),
        ("test", tested, parts.test is not None),
    ):
        if wanted and not part:
            raise InputError(f"no {name} proteins in the chosen partitions", path=recipe.data)
    return learned, judged, tested


def _windows(
    recipe: Recipe,
    learned: Sequence[LabelledProtein],
    apart: Sequence[LabelledProtein],
    folder: str | os.PathLike[str],
    progress: Progress | None,
) -> Windows:
    """What is learned from: labelled windows, or a student's with its teachers' answers."""
    fit = recipe.optimisation
    if recipe.distillation is None:
        return LabelledWindows(learned, *fit.augmentation)

    def report(done: int, of: int) -> None:
        if progress is not None:
            progress({"step": done, "steps": of, "asked": done})

    avoid = {p.sequence for p in apart}
    return distilled_windows(recipe, learned, avoid, folder, report)


def _keep_frozen_layers(
    model: SignalPeptideModel,
    recipe: Recipe,
    proteins: Sequence[LabelledProtein],
    folder: str | os.PathLike[str],
) -> None:
    """Have the layers that training leaves alone computed once, where there are any."""
    options = recipe.optimisation
    if recipe.tuning is None or any(options.augmentation) or not options.cache_activations:
        return
    backbone = model.encoder
    assert isinstance(backbone, Backbone) and model.backbone_hash is not None
    if depth := recipe.tuning.untouched(backbone.depth):
        if torch.cuda.is_available():
            backbone.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        windows = encode([p.sequence for p in proteins], WINDOW)
        backbone.activation_cache = cached_activations(
            backbone, model.backbone_hash, windows, depth, folder
        )


class SignalPeptideTrainer(Trainer):
    """`transformers.Trainer` over `LabelledWindows`; epochs are judged by `Scores.selection`."""

    def __init__(
        self,
        model: SignalPeptideModel,
        recipe: Recipe,
        directory: str | os.PathLike[str],
        windows: Windows,
        judged: Sequence[LabelledProtein],
    ) -> None:
        self.recipe, self.judged, self.network = recipe, judged, model
        options = recipe.optimisation
        args = TrainingArguments(
            output_dir=os.fspath(directory),
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            max_grad_norm=options.max_grad_norm,
            warmup_steps=options.warmup_fraction,
            lr_scheduler_type=(
                "constant_with_warmup" if options.schedule == "constant" else options.schedule
            ),
            bf16=options.precision == "bfloat16",
            use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
            seed=recipe.seed,
            eval_strategy="epoch" if judged else "no",
            save_strategy="epoch",
            save_total_limit=2,
            load_best_model_at_end=bool(judged),
            metric_for_best_model="selection" if judged else None,
            greater_is_better=True,
            logging_steps=20,
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            label_names=[],
        )
        # Several devices are used by one process each (torchrun), never by one over all.
        args._n_gpu = min(args.n_gpu, 1)
        super().__init__(
            model=model,
            args=args,
            data_collator=as_is,  # type: ignore[arg-type]  # gets a batch, not a list
            train_dataset=windows,
            eval_dataset=judged or None,  # `evaluate` reads it
        )
        self.remove_callback(transformers.PrinterCallback)
        if options.gradient_checkpointing and isinstance(model.encoder, Backbone):
            esm: Any = model.encoder.esm
            new = getattr(esm, "activation_checkpointing_enable", None)  # its name from 5.20 on
            (new or esm.gradient_checkpointing_enable)({"use_reentrant": False})
        self.average = MovingAverage(model, options.ema_decay) if options.ema_decay else None
        if self.average is not None:
            self.add_callback(Averaging(self.average))

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """CRF negative log-likelihood over the allowed sets plus the weighted region term.

        With teachers: their cross-entropy plus that, weighted. What has no label may be
        anything, which is certain, and costs nothing.
        """
        output = model(inputs["residues"], inputs["allowed"])
        term = region_term(output.marginals, inputs["residues"], inputs["types"])
        weight = self.recipe.optimisation.region_weight
        loss = weight * term - output.log_likelihood
        if self.recipe.distillation is not None:
            taught = inputs["taught"]
            other = self.network.crf.cross_entropy(
                output.emissions,
                output.log_partition,
                output.mask,
                inputs["states"],
                inputs["moves"],
            )
            # Where no teacher was asked, the labels take its place.
            share = self.recipe.distillation.label_weight * taught + (1 - taught)
            loss = share * loss + taught * other
        loss = loss.mean()
        return (loss, output) if return_outputs else loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimiser, with a learning rate for the encoder and one for head and CRF.

        Only matrices are decayed: not what adds to or multiplies a vector (biases, norms, IA3's
        factors, CRF starts and ends), and not prompts, which are many vectors.
        """
        if self.optimizer is None:
            options = self.recipe.optimisation
            encoder, head = self.network.parameter_groups()
            groups = []
            for parameters, rate in (
                (encoder, options.learning_rate),
                (head, options.head_learning_rate),
            ):
                matrices = [p for p in parameters if p.ndim == 2 and min(p.shape) > 1]
                vectors = [p for p in parameters if not (p.ndim == 2 and min(p.shape) > 1)]
                groups += [
                    {"params": matrices, "lr": rate, "weight_decay": options.weight_decay},
                    {"params": vectors, "lr": rate, "weight_decay": 0.0},
                ]
            self.optimizer = OPTIMISERS[options.optimiser]([g for g in groups if g["params"]])
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> BalancedSampler:
        dataset = self.train_dataset
        assert isinstance(dataset, Windows)
        options = self.recipe.optimisation
        return BalancedSampler(
            dataset.classes, options.class_balance, self.recipe.seed, options.rare_class_size
        )

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Scores on the validation proteins, as the trainer logs them."""
        if self.average is not None:
            self.average.exchange(self.network)
        scores = score(Outcomes.predicted(TorchBackend(self.network), self.judged))
        if self.average is not None:
            self.average.exchange(self.network)
        metrics = {
            "eval_mean_mcc2": scores.mean_mcc2,
            "eval_big_mcc2": scores.big_mcc2,
            "eval_selection": scores.selection,
        }
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Only what training changes: a backbone is never copied into a checkpoint."""
        place = Path(output_dir or self.args.output_dir or ".")
        place.mkdir(parents=True, exist_ok=True)
        state = self.network.trainable_state()
        save_file({k: v.contiguous() for k, v in state.items()}, place / "model.safetensors")
        if self.average is not None:
            save_file(self.average.state(), place / "average.safetensors")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        place = Path(resume_from_checkpoint)
        self.network.load_trainable_state(load_file(place / "model.safetensors"))
        if self.average is not None:
            self.average.restore(load_file(place / "average.safetensors"))

    def _load_best_model(self) -> None:
        """The weights of the chosen epoch: their average where one is kept."""
        # By its name: the run may have been begun from another working directory.
        best = Path(str(self.args.output_dir), Path(str(self.state.best_model_checkpoint)).name)
        name = "model" if self.average is None else "average"
        state = load_file(best / f"{name}.safetensors")
        state.pop("steps", None)
        self.network.load_trainable_state(state)


class _Report(TrainerCallback):
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if state.is_world_process_zero and logs:
            self.progress({"step": state.global_step, "steps": state.max_steps, **logs})


def _last_checkpoint(directory: Path) -> str | None:
    """The last checkpoint that is whole; a kill may have left half of one, which is removed."""
    found = sorted(directory.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    whole = [place for place in found if (place / LAST_WRITTEN).exists()]
    for place in set(found) - set(whole):
        shutil.rmtree(place)
    return str(whole[-1]) if whole else None


def _claim(directory: Path, recipe: Recipe) -> None:
    """Write the recipe beside its checkpoints, or make sure that it is the one that is there."""
    # The data by their content: a path may be written in many ways, and its file may change.
    settings = recipe.model_dump(mode="json", exclude={"data", "search"})
    content = {**settings, "data_sha256": data_hash(recipe.data)}
    text = json.dumps(content, indent=2) + "\n"
    file = directory / "recipe.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if file.exists():
            if file.read_text(encoding="utf-8") != text:
                raise OutputError(
                    f"{directory} holds a run of another recipe or of other data; give "
                    "another directory, or remove it to start anew"
                )
        else:
            write_text(file, text)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written ({error.strerror})") from None
