"""The families of encoders that can be a backbone: one a file, all of the shape of `Family`.

A family is chosen by the `model_type` of a `config.json`, from this list alone: nothing that a
file names is imported or run.
"""

from __future__ import annotations

from typing import Any

from peft_sp.network.encoders.bert import Bert
from peft_sp.network.encoders.esm import Esm
from peft_sp.network.encoders.esmc import Esmc
from peft_sp.network.encoders.family import Family, Shape
from peft_sp.network.encoders.t5 import T5

FAMILIES: tuple[Family, ...] = (Esm(), Esmc(), Bert(), T5())
_BY_TYPE = {family.model_type: family for family in FAMILIES}
TITLES = ", ".join(family.title for family in FAMILIES)


def family_named(model_type: Any) -> Family | None:
    """The family that a `config.json` calls so, None where it is not known."""
    return _BY_TYPE.get(model_type) if isinstance(model_type, str) else None


def family_of(config: Shape) -> Family:
    """The family of a configuration of transformers."""
    return _BY_TYPE[config.model_type]


__all__ = ["FAMILIES", "TITLES", "Family", "Shape", "family_named", "family_of"]
