"""Ways to adapt a backbone with few parameters: one a file, all of the shape of `Method`."""

from peft_sp.network.tuning.adapter import Adapter
from peft_sp.network.tuning.combined import Combined
from peft_sp.network.tuning.frozen import Frozen
from peft_sp.network.tuning.full import Full
from peft_sp.network.tuning.ia3 import IA3
from peft_sp.network.tuning.lora import LoRA
from peft_sp.network.tuning.method import Method
from peft_sp.network.tuning.prompt import Prompt

Tuning = LoRA | IA3 | Adapter | Prompt | Combined | Frozen | Full
"""Any tuning method; `method` tells which."""

__all__ = ["IA3", "Adapter", "Combined", "Frozen", "Full", "LoRA", "Method", "Prompt", "Tuning"]
