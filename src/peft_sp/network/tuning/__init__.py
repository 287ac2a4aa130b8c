"""Ways to adapt a backbone with few parameters: one a file, all of the shape of `Method`."""

from typing import get_args

from peft_sp.network.tuning.adapter import Adapter
from peft_sp.network.tuning.bitfit import BitFit
from peft_sp.network.tuning.combined import Combined
from peft_sp.network.tuning.frozen import Frozen
from peft_sp.network.tuning.full import Full
from peft_sp.network.tuning.ia3 import IA3
from peft_sp.network.tuning.loha import LoHa
from peft_sp.network.tuning.lora import LoRA
from peft_sp.network.tuning.method import Method
from peft_sp.network.tuning.prompt import Prompt
from peft_sp.network.tuning.vera import VeRA

Tuning = LoRA | VeRA | LoHa | IA3 | BitFit | Adapter | Prompt | Combined | Frozen | Full
"""Any tuning method; `method` tells which."""
METHODS = {kind.model_fields["method"].default: kind for kind in get_args(Tuning)}
"""The methods by their names; others are offered by packages (see `io/registry/plugins.py`)."""

__all__ = [
    "IA3",
    "METHODS",
    "Adapter",
    "BitFit",
    "Combined",
    "Frozen",
    "Full",
    "LoHa",
    "LoRA",
    "Method",
    "Prompt",
    "Tuning",
    "VeRA",
]
