"""How a method that the `peft` library implements is put on a backbone."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peft import PeftConfig

    from peft_sp.network.backbone import Backbone
    from peft_sp.network.encoders.family import Role


def modules_of_layers(backbone: Backbone, numbers: range, roles: Sequence[Role]) -> str:
    """A pattern for `peft` of modules in some layers; it matches whole names.

    numbers: of the layers, from 0; roles: which of their projections.
    """
    family = backbone.family
    layers = "|".join(map(str, numbers))
    paths = "|".join(re.escape(path) for role in roles for path in family.modules[role])
    return rf"{re.escape(family.layers)}\.({layers})\.({paths})"


def wrap(backbone: Backbone, config: PeftConfig) -> None:
    """Put the encoder into a `peft` model, which adds what the config describes.

    Raises ValueError for a method that does not stand inside the encoder's modules, such as
    `peft`'s prompt learning: it acts in the forward pass of the wrapper, which is not used here,
    so that it would be trained without any effect.
    """
    from peft import get_peft_model

    if config.is_prompt_learning:
        raise ValueError(
            f"{type(config).__name__} of peft has no effect on this backbone, whose layers are "
            'called one by one; method = "prompt" trains vectors before the sequence'
        )
    with warnings.catch_warnings():
        # peft asks transformers for attributes that the latter is renaming.
        warnings.simplefilter("ignore", FutureWarning)
        backbone.encoder = get_peft_model(backbone.network, config)
