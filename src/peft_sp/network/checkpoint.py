"""Trained models on disk: adapter, head and settings, never the backbone and never a pickle."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import ModelError
from peft_sp.io.atomic import grant_permissions, write_text
from peft_sp.io.registry.checksums import CONFIG
from peft_sp.io.registry.model_config import Backbone, ModelConfig
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import ModelSettings

if TYPE_CHECKING:
    from peft import PeftModel

    from peft_sp.network.backbone import Backbones

ADAPTER = "adapter_model.safetensors"
ENCODER = "encoder.safetensors"
HEAD = "head.safetensors"


def save_checkpoint(
    directory: str | os.PathLike[str],
    model: SignalPeptideModel,
    settings: ModelSettings,
    config: ModelConfig,
    card: str = "",
) -> None:
    """Write a model's directory.

    A tuned backbone leaves `adapter_model.safetensors` (LoRA and IA3 with
    `adapter_config.json`, so that `peft` reads them too; a frozen backbone leaves none). What
    was trained whole, a student or a fully fine-tuned backbone, leaves `encoder.safetensors`.
    All leave `head.safetensors` (head and CRF) and, last, `config.json`: a directory without it
    is no model. config: all of `config.json` but the network's settings and its backbone's hash;
    card: the text of its README.md.
    """
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    (path / CONFIG).unlink(missing_ok=True)
    state = model.trainable_state()
    save_file(_contiguous(state, ("head.", "crf.")), path / HEAD)
    encoder = _contiguous(state, ("encoder.",))
    if settings.tuning is None:
        save_file(encoder, path / ENCODER)
    elif (tuned := _peft_model(model)) is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuned.save_pretrained(str(path), save_embedding_layers=False)
        _sort_keys(path / "adapter_config.json")
    elif encoder:
        save_file(encoder, path / _encoder_file(settings))
    for file in path.glob("*.safetensors"):
        grant_permissions(file)  # safetensors leaves them to their owner alone
    # After peft, which would put a card of its own there.
    write_text(path / "README.md", card)
    backbone = None
    if model.backbone_hash is not None:
        backbone = Backbone(str(settings.backbone), model.backbone_hash)
    replace(
        config,
        settings=settings.model_dump(mode="json", include=set(ModelSettings.model_fields)),
        backbone=backbone,
        residues=RESIDUES,
        window=WINDOW,
    ).write(path)


def load_checkpoint(
    directory: str | os.PathLike[str],
    backbone: str | None = None,
    backbones: Backbones | None = None,
) -> SignalPeptideModel:
    """Read a model's directory; the result is ready to predict.

    backbone: where its backbone is now, if not where it was when trained. backbones: those
    that were read before, see `build_model`. Raises ModelError for a directory that is no
    model, tensors that do not fit, or a backbone whose weights are not those that the model
    was trained on.
    """
    path = Path(directory)
    config = ModelConfig.read(path)
    try:
        settings = ModelSettings.model_validate(config.settings)
        if backbone is not None:
            settings = settings.model_copy(update={"backbone": backbone})
        model = build_model(settings, backbones)
        expected = None if config.backbone is None else config.backbone.sha256
        if expected != model.backbone_hash:
            raise ModelError(
                f"{path}: was trained on a backbone with the hash {str(expected)[:12]}..., but "
                f"'{settings.backbone}' has {str(model.backbone_hash)[:12]}...; point "
                "--backbone to the right one"
            )
        state = load_file(path / HEAD)
        if (tuned := _peft_model(model)) is not None:
            from peft import get_peft_model_state_dict, set_peft_model_state_dict

            adapter = load_file(path / ADAPTER)
            expected_keys = set(get_peft_model_state_dict(tuned, save_embedding_layers=False))
            if wrong := expected_keys ^ set(adapter):
                raise KeyError(f"tensors that do not match: {sorted(wrong)[:4]}")
            set_peft_model_state_dict(tuned, adapter)
            state.update(_contiguous(model.trainable_state(), ("encoder.",)))
        elif model.parameter_groups()[0]:
            state.update(load_file(path / _encoder_file(settings)))
        model.load_trainable_state(state)
    except ModelError as error:
        if backbone is None and config.backbone is not None:
            raise ModelError(f"{error}; give this model's backbone with --backbone") from None
        raise
    except (KeyError, OSError, RuntimeError, SafetensorError, ValidationError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: not a whole model ({reason})") from None
    return model.eval()


def _peft_model(model: SignalPeptideModel) -> PeftModel | None:
    """What `peft` has wrapped the backbone in, None where another method adapts it."""
    inner = getattr(model.encoder, "encoder", None)
    return cast("PeftModel", inner) if hasattr(inner, "peft_config") else None


def _encoder_file(settings: ModelSettings) -> str:
    whole = settings.tuning is None or settings.tuning.trained == "backbone"
    return ENCODER if whole else ADAPTER


def _contiguous(state: dict[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: t.contiguous() for name, t in state.items() if name.startswith(prefixes)}


def _sort_keys(file: Path) -> None:
    """`peft` writes sets in any order; the same model shall give the same file."""
    content = json.loads(file.read_text(encoding="utf-8"))
    for key, value in content.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            content[key] = sorted(value)
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
