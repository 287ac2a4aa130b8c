"""Backbones that are published as pickles, made into directories with safetensors."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from peft_sp.errors import ModelError
from peft_sp.io.atomic import grant_permissions, publish, staging
from peft_sp.network.backbone_files import CONFIG, WEIGHTS, read_config, token_ids, wrong_tensors
from peft_sp.network.encoders import family_of


def import_encoder(file: Path, state: Mapping[str, Tensor], target: Path) -> Any:
    """Write the encoder of a checkpoint of transformers as a directory, whole or not at all.

    state: the file's tensors; its settings and its vocabulary stand beside it. Returns the
    configuration. Raises ModelError where they are no encoder of a known family, OutputError
    where the directory cannot be written.
    """
    place = str(file.parent)
    config = read_config(place)
    family = family_of(config)
    token_ids(place)
    named = ((family.tensor_name(stored), tensor) for stored, tensor in state.items())
    tensors = {name: tensor.contiguous() for name, tensor in named if name is not None}
    if wrong := wrong_tensors(config, tensors):
        raise ModelError(
            f"{file}: not a whole {family.title} with the {CONFIG} beside it (tensor '{wrong[0]}')"
        )
    with staging(target, "choose another with -o") as folder:
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})
        grant_permissions(folder / WEIGHTS)
        shutil.copyfile(file.parent / CONFIG, folder / CONFIG)
        for vocabulary in family.vocabularies:
            if (file.parent / vocabulary).is_file():
                shutil.copyfile(file.parent / vocabulary, folder / vocabulary)
        publish(folder, target)
    return config
