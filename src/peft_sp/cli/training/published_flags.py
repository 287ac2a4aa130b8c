"""Command lines of the published PEFT-SP's training script, as recipes of this program.

`OPTIONS` has every option of that script, with its default there; `translate` says what each
becomes here, what had no effect there, and what cannot be done here.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from peft_sp.errors import RecipeError

SOURCE = "--published"
DEPTHS = {"15B": 48, "3B": 36, "650M": 33, "150M": 30, "35M": 12}
"""Layers of the backbones that the script knows, by their size."""

# (kind, default), or a flag. What becomes an option of a recipe:
_TRANSLATED: dict[str, tuple[type, Any]] = {
    "data": (str, "data/data/train_set.fasta"),
    "test_partition": (int, 0),
    "validation_partition": (int, 1),
    "lr": (float, 10.0),
    "clip": (float, 0.25),
    "epochs": (int, 8000),
    "batch_size": (int, 80),
    "wdecay": (float, 1.2e-6),
    "region_regularization_alpha": (float, 0.0),
    "crf_scaling_factor": (float, 1.0),
    "lm_output_dropout": (float, 0.1),
    "random_seed": (int, None),
    "model_architecture": (str, "esm2_t30_150M_UR50D"),
    "freeze_backbone": (bool, False),
    "prompt_len": (int, 0),
    "prompt_method": (str, "NoPrompt"),
    "num_end_prompt_layers": (int, 0),
    "res_mlp_bottleneck_size": (int, 0),
    "num_end_adapter_layers": (int, 0),
    "num_end_lora_layers": (int, 0),
    "num_lora_r": (int, None),
    "num_lora_alpha": (int, None),
}
# What the script takes and does not use, or uses for no more than its messages.
_IDLE: dict[str, type] = {
    **dict.fromkeys(("sample_weights", "optimizer", "resume", "model_name"), str),
    **dict.fromkeys(("output_root_dir", "esm2_pretrain_local", "splm_pretrain"), str),
    **dict.fromkeys(("log_all_final_metrics", "use_sample_weights", "finetune_backbone"), bool),
    **dict.fromkeys(("use_random_weighted_sampling", "use_weighted_kingdom_sampling"), bool),
    **dict.fromkeys(("load", "use_adapter", "optuna_use_lora", "optuna_use_ia3"), bool),
    **dict.fromkeys(("use_embedding_encoder",), bool),
    **dict.fromkeys(("lm_output_position_dropout", "positive_samples_weight"), float),
    **dict.fromkeys(("remove_top_layers", "num_gpu", "unfix_last_layer"), int),
    **dict.fromkeys(("num_end_ia3_layers",), int),
}
# What is always so here, or is said otherwise: (kind, why it needs no option).
_OTHERWISE: dict[str, tuple[type, str]] = {
    "output_dir": (str, "-o names the directory"),
    "experiment_name": (str, "-o names the directory"),
    "sp_region_labels": (bool, "always so, there too"),
    "constrain_crf": (bool, "always so here"),
    "crossval_run": (bool, "a run that begins badly is not given up here"),
    "average_per_kingdom": (
        bool,
        "the epoch is chosen by the mean MCC2 of organism groups and types, and cleavage recall",
    ),
}
# What changes the training there and does not exist here, by the values that leave it as it is.
_MISSING: dict[str, tuple[type, Any]] = {
    "num_seq_labels": (int, 37),
    "num_global_labels": (int, 6),
    "global_label_as_input": (bool, False),
    "additional_train_set": (str, None),
    "kingdom_embed_size": (int, 0),
    "use_cs_tag": (bool, False),
    "kingdom_as_token": (bool, False),
    "max_length": (int, 70),
}
_POSITIONS = ("noprompt", "first", "all", "last", "topmost")
OPTIONS = (*_TRANSLATED, *_IDLE, *_OTHERWISE, *_MISSING)


@dataclass
class Translation:
    """A recipe's values, and what there is to know of each option that became none of them."""

    values: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def translate(command: str) -> Translation:
    """The recipe that does what the script's options say. Raises RecipeError with all mistakes.

    command: the options as in a shell, with or without the script's name before them.
    """
    given = _parsed(command)
    problems = [
        f"--{name} {given[name]}: there is no such training here"
        for name, (_, neutral) in _MISSING.items()
        if name in given and given[name] != neutral
    ]
    notes = [f"--{name} has no effect there" for name in _IDLE if name in given]
    notes += [f"--{name}: {why}" for name, (_, why) in _OTHERWISE.items() if name in given]
    own = {name: given.get(name, default) for name, (_, default) in _TRANSLATED.items()}
    partitions = [own["test_partition"], own["validation_partition"]]
    if len({*partitions} & {0, 1, 2}) < 2:
        problems.append("--test_partition and --validation_partition are two of 0, 1 and 2")
    tuning, frozen_head = _tuning(own, problems, notes)
    if own["lr"] <= 0 or own["crf_scaling_factor"] <= 0:
        problems.append("--lr and --crf_scaling_factor are above 0")
    if problems:
        raise RecipeError(SOURCE, problems)
    rates = {} if tuning["method"] == "frozen" else {"learning_rate": own["lr"]}
    if not frozen_head:
        rates["head_learning_rate"] = own["lr"]
    values: dict[str, Any] = {
        "name": "published",
        "description": "Settings of a command line of the published PEFT-SP.",
        "data": own["data"],
        "backbone": f"facebook/{own['model_architecture']}",
        "partitions": {
            "train": sorted({0, 1, 2} - set(partitions)),
            "validation": own["validation_partition"],
            "test": own["test_partition"],
        },
        "tuning": tuning,
        "head": {"dropout": own["lm_output_dropout"], "frozen": frozen_head},
        "optimisation": {
            "epochs": own["epochs"],
            "batch_size": own["batch_size"],
            "optimiser": "adamax",
            **rates,
            "weight_decay": own["wdecay"],
            "max_grad_norm": own["clip"] or 1e9,
            "schedule": "constant",
            "warmup_fraction": 0,
            # Of the two terms only their ratio matters.
            "region_weight": own["region_regularization_alpha"] / own["crf_scaling_factor"],
        },
    }
    if own["random_seed"] is not None:
        values["seed"] = own["random_seed"]
    return Translation(values, notes)


def _tuning(
    own: Mapping[str, Any], problems: list[str], notes: list[str]
) -> tuple[dict[str, Any], bool]:
    """The options of [tuning], and whether head and CRF stay as they are drawn."""
    size = re.fullmatch(r"esm2_t\d+_(\w+)_UR50D", own["model_architecture"])
    if size is None or size[1] not in DEPTHS:
        known = ", ".join(f"esm2_t{depth}_{size}_UR50D" for size, depth in DEPTHS.items())
        problems.append(f"--model_architecture {own['model_architecture']} is none of {known}")
        return {"method": "frozen"}, False
    depth, parts = DEPTHS[size[1]], {}
    if (layers := own["num_end_lora_layers"]) > 0:
        if own["num_lora_r"] is None or own["num_lora_alpha"] is None:
            problems.append("--num_end_lora_layers needs --num_lora_r and --num_lora_alpha")
        else:
            counted = _layers("num_end_lora_layers", layers, depth, notes)
            rank, alpha = own["num_lora_r"], own["num_lora_alpha"]
            parts["lora"] = {"layers": counted, "rank": rank, "alpha": alpha, "dropout": 0.1}
    if (layers := own["num_end_adapter_layers"]) > 0:
        parts["adapter"] = {"layers": _layers("num_end_adapter_layers", layers, depth, notes)}
    parts |= _prompt(own, depth, problems, notes)
    if "lora" in parts:
        notes.append("with LoRA head and CRF are not trained there, nor here: head.frozen = true")
        if len(parts) > 1:
            notes.append("with LoRA adapters and prompts are not trained there; they are here")
    elif not own["freeze_backbone"] and parts:
        problems.append("without --freeze_backbone the backbone is trained beside what is added")
    if not parts:
        return {"method": "frozen" if own["freeze_backbone"] else "full"}, False
    if len(parts) > 1:
        return {"method": "combined", **parts}, "lora" in parts
    ((method, options),) = parts.items()
    return {"method": method, **options}, method == "lora"


def _prompt(
    own: Mapping[str, Any], depth: int, problems: list[str], notes: list[str]
) -> dict[str, dict[str, Any]]:
    """The options of [tuning.prompt], if prompts are trained."""
    position = own["prompt_method"].removeprefix("SoftPrompt").lower()
    if position not in _POSITIONS:
        known = ", ".join(("NoPrompt", *(f"SoftPrompt{one.title()}" for one in _POSITIONS[1:])))
        problems.append(f"--prompt_method {own['prompt_method']} is none of {known}")
    elif own["prompt_len"] > 0 and position != "noprompt":
        prompt = {"length": own["prompt_len"], "position": position}
        if position == "topmost":
            if (layers := own["num_end_prompt_layers"]) < 1:
                problems.append("--prompt_method SoftPromptTopmost needs --num_end_prompt_layers")
            prompt["layers"] = _layers("num_end_prompt_layers", layers, depth, notes)
        if own["res_mlp_bottleneck_size"] > 0:
            prompt["mlp"] = own["res_mlp_bottleneck_size"]
            notes.append("--res_mlp_bottleneck_size: one network for all layers here, no LayerNorm")
        return {"prompt": prompt}
    elif own["prompt_len"] > 0:
        notes.append("--prompt_len has no use without --prompt_method: no prompts are trained")
    return {}


def _layers(option: str, count: int, depth: int, notes: list[str]) -> int:
    if count > depth:
        notes.append(f"--{option} {count}: the backbone has {depth} layers, so all are meant")
    return min(count, depth)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RecipeError(SOURCE, [message])


def _parsed(command: str) -> dict[str, Any]:
    """The options that are given, with their values."""
    try:
        words = shlex.split(command.replace("\\\n", " "))
    except ValueError as error:
        raise RecipeError(SOURCE, [f"cannot be read as a command line ({error})"]) from None
    first = next((n for n, word in enumerate(words) if word.startswith("--")), len(words))
    parser = _Parser(prog=SOURCE, add_help=False, argument_default=argparse.SUPPRESS)
    kinds = {name: kind for name, (kind, _) in (_TRANSLATED | _OTHERWISE | _MISSING).items()}
    for name, kind in (kinds | _IDLE).items():
        if kind is bool:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=kind)
    return vars(parser.parse_args(words[first:]))
