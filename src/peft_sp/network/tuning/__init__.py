"""Ways to adapt a backbone with few parameters: one method a file, all of one shape.

A method is a settings class with `method` (its name in recipes), `problems(config)` (what
does not fit the backbone, as sentences) and `apply(encoder)` (the encoder with what is to be
trained added and everything else frozen).
"""

from peft_sp.network.tuning.lora import LoRA

Tuning = LoRA
"""Any tuning method; becomes a union as methods are added."""

__all__ = ["LoRA", "Tuning"]
