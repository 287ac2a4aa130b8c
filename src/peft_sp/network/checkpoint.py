"""Trained models on disk: adapter, head and settings, never the backbone and never a pickle."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import WINDOW
from peft_sp.errors import ModelError
from peft_sp.io.atomic import grant_permissions, write_text
from peft_sp.io.registry.checksums import CARD, CONFIG
from peft_sp.io.registry.model_config import Backbone, ModelConfig
from peft_sp.io.registry.regular import open_regular
from peft_sp.network.backbone_files import first_line, require_published
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from peft_sp.network.tuning import Combined

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
    `adapter_config.json`, so that `peft` reads them too, unless they are combined with another
    method; a frozen backbone leaves none). What
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
    elif (tuned := _peft_model(model, settings)) is not None:
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
        if settings.student is not None:
            _require_student(path / ENCODER, settings.student)
        if backbone is not None:
            settings = settings.model_copy(update={"backbone": backbone})
        model = _built(settings, backbones, "" if backbone else _remedy(path))
        expected = None if config.backbone is None else config.backbone.sha256
        if expected != model.backbone_hash:
            raise ModelError(
                f"{path}: was trained on a backbone with the hash {str(expected)[:12]}..., but "
                f"'{settings.backbone}' has {str(model.backbone_hash)[:12]}...; point "
                "--backbone to the right one"
            )
        own = model.trainable_state()
        state = _read(path / HEAD, own)
        if (tuned := _peft_model(model, settings)) is not None:
            from peft import get_peft_model_state_dict, set_peft_model_state_dict

            expected_state = get_peft_model_state_dict(tuned, save_embedding_layers=False)
            adapter = _read(path / ADAPTER, expected_state)
            if wrong := set(expected_state) - set(adapter):
                raise KeyError(f"tensors that do not match: {sorted(wrong)[:4]}")
            set_peft_model_state_dict(tuned, adapter)
            state.update(_contiguous(model.trainable_state(), ("encoder.",)))
        elif model.parameter_groups()[0]:
            state.update(_read(path / _encoder_file(settings), own))
        model.load_trainable_state(state)
    except ValidationError as error:
        raise ModelError(f"{path}: cannot be used ({_first_problem(error)})") from None
    except (KeyError, OSError, RuntimeError, SafetensorError) as error:
        reason = first_line(error)
        raise ModelError(f"{path}: not a whole model ({reason})") from None
    return model.eval()


def _first_problem(error: ValidationError) -> str:
    """What is wrong with a model's settings, such as a method of a package that is missing."""
    first = error.errors()[0]
    if first["type"] == "union_tag_invalid":
        return (
            f"its tuning method '{first['ctx']['tag']}' is not known here, and no installed "
            "package offers it"
        )
    place = ".".join(map(str, ("settings", *first["loc"])))
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def _remedy(directory: Path) -> str:
    """What to do where a model's backbone is not found; its card may say where it comes from."""
    card = directory / CARD
    try:
        says = card.is_file() and "--backbone" in card.read_text(encoding="utf-8", errors="replace")
    except OSError:
        says = False
    return "; give it with --backbone" + (
        f" (the model's card, {card}, says which)" if says else ""
    )


def _built(settings: ModelSettings, backbones: Backbones | None, remedy: str) -> SignalPeptideModel:
    """The network, untrained. Raises ModelError, with the remedy for another backbone."""
    try:
        if remedy and settings.backbone is not None:
            require_published(settings.backbone)
        return build_model(settings, backbones)
    except ModelError as error:
        raise ModelError(f"{error}{remedy}") from None


def _require_student(file: Path, settings: StudentSettings) -> None:
    """Raise KeyError unless a file's tensors are a student's, before one of its size is made."""
    from peft_sp.network.student import Student

    with torch.device("meta"):
        expected = {f"encoder.{k}": list(t.shape) for k, t in Student(settings).named_parameters()}
    given = _shapes(file)
    if wrong := [name for name in expected if given.get(name) != expected[name]]:
        raise KeyError(f"tensors that do not match: {wrong[:4]}")


def _shapes(file: Path) -> dict[str, list[int]]:
    """The shapes of the tensors in a file, none of which is read."""
    open_regular(file).close()
    with safe_open(file, "pt") as tensors:
        return {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118


def _read(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, all of them numbers, and none but those expected.

    Raises ModelError, KeyError, OSError and SafetensorError.
    """
    shapes = {name: list(tensor.shape) for name, tensor in expected.items()}
    # Before any is read: a file without content may say that it has tensors of any size.
    if wrong := [name for name, shape in _shapes(file).items() if shapes.get(name) != shape]:
        raise KeyError(f"tensors that do not match: {wrong[:4]}")
    state = load_file(file)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelError(
                f"{file}: holds NaN or infinite weights (tensor '{name}'); get the model again, "
                "or train it anew"
            )
    return state


def _peft_model(model: SignalPeptideModel, settings: ModelSettings) -> PeftModel | None:
    """What `peft` has wrapped the backbone in, None where another method adapts it, too."""
    if isinstance(settings.tuning, Combined):
        return None
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
