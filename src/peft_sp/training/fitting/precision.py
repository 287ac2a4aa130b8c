"""Which numbers a network is trained in, and whether the device has them."""

from __future__ import annotations

import torch
from transformers.utils.import_utils import is_torch_bf16_gpu_available

from peft_sp.errors import RecipeError


def trains_on_processor() -> bool:
    """Whether there is no other device to train on."""
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def refuse_precision(recipe: str, option: str, precision: str) -> None:
    """Raise RecipeError where the device of this run does not compute in such numbers.

    recipe: its name; option: the one that has the precision.
    """
    if precision == "float16" and not torch.cuda.is_available():
        problem = (
            f"{option}: float16 is computed in on CUDA devices alone, of which there is none here; "
            f"give --set {option}=float32, or bfloat16 where the processor has it"
        )
        raise RecipeError(recipe, [problem])
    if precision == "bfloat16" and not trains_on_processor() and not is_torch_bf16_gpu_available():
        problem = f"{option}: this GPU has no bfloat16; give --set {option}=float32"
        raise RecipeError(recipe, [problem])
