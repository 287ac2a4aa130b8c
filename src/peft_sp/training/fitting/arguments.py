"""What the `transformers` Trainer is told of a run, in its own words."""

from __future__ import annotations

import math
import os
from typing import Any

from transformers import TrainingArguments

from peft_sp.network.backbone import Backbone
from peft_sp.training.fitting.precision import trains_on_processor
from peft_sp.training.options import Optimisation


def training_arguments(
    options: Optimisation,
    directory: str | os.PathLike[str],
    *,
    seed: int,
    windows: int,
    chooses: bool,
    run: str | None,
) -> TrainingArguments:
    """The library's arguments for a run.

    directory: of the checkpoints; windows: as many as an epoch has; chooses: validation chooses
    the epoch; run: what trackers call it.
    """
    steps = options.epochs * math.ceil(windows / (options.batch_size * options.accumulation))
    args = TrainingArguments(
        **_fitting(options),
        output_dir=os.fspath(directory),
        use_cpu=trains_on_processor(),
        seed=seed,
        eval_strategy="epoch" if chooses else "no",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=chooses,
        metric_for_best_model="selection" if chooses else None,
        greater_is_better=True,
        # Of a short run each step is worth a point of the learning curve.
        logging_steps=max(1, min(20, int(steps) // 100)),
        report_to=[],
        run_name=run,
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        label_names=[],
        # All are used: `build_model` has looked.
        ddp_find_unused_parameters=False,
    )
    _refuse_what_is_around(args)
    return args


def _refuse_what_is_around(args: TrainingArguments) -> None:
    """Take back what the library adds to a run for what it finds: devices, variables, packages."""
    # Several devices are used by one process each (torchrun), never by one over all.
    args._n_gpu = min(args.n_gpu, 1)
    # The recipe decides, not ACCELERATE_MIXED_PRECISION.
    args.mixed_precision = "bf16" if args.bf16 else "fp16" if args.fp16 else "no"
    # Nothing is told of a run but what was asked for.
    args.report_to = []


def checkpoint_gradients(backbone: Backbone) -> None:
    """Have layers computed a second time in the backward pass."""
    network = backbone.network
    new = getattr(network, "activation_checkpointing_enable", None)  # its name from 5.20 on
    (new or network.gradient_checkpointing_enable)({"use_reentrant": False})


def _fitting(options: Optimisation) -> dict[str, Any]:
    """How the library names our options."""
    constant = options.schedule == "constant"
    return {
        "num_train_epochs": options.epochs,
        # Of all processes: each takes its share of a batch.
        "per_device_train_batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "weight_decay": options.weight_decay,
        "max_grad_norm": options.max_grad_norm,
        "warmup_steps": options.warmup_fraction,
        "lr_scheduler_type": "constant_with_warmup" if constant else options.schedule,
        "gradient_accumulation_steps": options.accumulation,
        "bf16": options.precision == "bfloat16",
        "fp16": options.precision == "float16",
    }
