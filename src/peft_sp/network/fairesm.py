"""ESM-2 backbones in the `.pt` files of the package fair-esm, made into transformers directories.

Tensors are renamed from fair-esm 2.0 (`esm/model/esm2.py`, MIT) to transformers' `EsmModel`. Only
backbones are imported: the contents of the published PEFT-SP checkpoints are not documented, and
their states have other numbers than in this program's grammar.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import EsmConfig, EsmModel, EsmTokenizer

from peft_sp.errors import ModelError, OutputError
from peft_sp.io.atomic import publish, staging
from peft_sp.network.backbone_files import wrong_tensors

VOCABULARY = (
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
)
"""Tokens of every ESM-2 in their order."""

_PREFIX = re.compile(r"^(?:encoder\.sentence_encoder\.|encoder\.)")
_LAYER = re.compile(r"layers\.(\d+)\.(\w+(?:\.\w+)?)\.(weight|bias)")
_IN_LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "LayerNorm",
}
_OUTSIDE = {
    "embed_tokens.weight": "embeddings.word_embeddings.weight",
    "emb_layer_norm_after.weight": "encoder.emb_layer_norm_after.weight",
    "emb_layer_norm_after.bias": "encoder.emb_layer_norm_after.bias",
}
_NOT_ENCODER = ("lm_head.", "contact_head.")
_ROTARY = ".self_attn.rot_emb.inv_freq"


def import_backbone(file: str | os.PathLike[str], directory: str | os.PathLike[str]) -> EsmConfig:
    """Write the encoder of a fair-esm `.pt` file as a transformers directory, whole or not at all.

    The file is read without unpickling anything but tensors and plain settings. Raises
    ModelError for a file that is no ESM-2 of fair-esm, OutputError where the directory holds
    something already or cannot be written.
    """
    target = Path(directory)
    state, settings = _read(Path(file))
    config, renamed = _convert(Path(file), state, settings)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with staging(target) as folder:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(f"{target}: is not an empty directory; give another one")
        with torch.device("meta"):
            model = EsmModel(config, add_pooling_layer=False)
        # What the file lacks are tables that are computed anew when the directory is read.
        model.load_state_dict(renamed, strict=False, assign=True)
        model.save_pretrained(folder, state_dict=renamed)
        (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        tokenizer: Any = EsmTokenizer
        tokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
        publish(folder, target)
    return config


def _read(file: Path) -> tuple[dict[str, Tensor], Any]:
    """Tensors by fair-esm's names, and the settings beside them."""
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    try:
        with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it would run code, {code[1]}" if code else "no file of torch.save"
        raise ModelError(f"{file}: cannot be read ({reason})") from None
    except (OSError, EOFError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["it is cut off"])[0]
        raise ModelError(f"{file}: cannot be read ({reason})") from None
    state = content.get("model") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ModelError(f"{file}: {_OTHER}")
    cfg = content.get("cfg")
    return state, cfg.get("model") if isinstance(cfg, dict) else None


_OTHER = (
    "is no ESM-2 of the package fair-esm; only such backbones can be imported, not networks that "
    "other programs trained on them"
)


def _convert(
    file: Path, state: dict[str, Tensor], settings: Any
) -> tuple[EsmConfig, dict[str, Tensor]]:
    """The encoder's settings, and its tensors by transformers' names."""
    renamed: dict[str, Tensor] = {}
    rotary = None
    layers = 0
    for key, tensor in state.items():
        name = _PREFIX.sub("", key)
        match = _LAYER.fullmatch(name)
        if match and match[2] in _IN_LAYER:
            number = int(match[1])
            layers = max(layers, number + 1)
            renamed[f"encoder.layer.{number}.{_IN_LAYER[match[2]]}.{match[3]}"] = tensor
        elif name in _OUTSIDE:
            renamed[_OUTSIDE[name]] = tensor
        elif name.endswith(_ROTARY):
            rotary = tensor
        elif not name.startswith(_NOT_ENCODER):
            raise ModelError(f"{file}: {_OTHER} (tensor '{key}')")
    table = renamed.get("embeddings.word_embeddings.weight")
    first = renamed.get("encoder.layer.0.intermediate.dense.weight")
    heads = getattr(settings, "encoder_attention_heads", None)
    if table is not None and rotary is not None:
        heads = table.shape[1] // (2 * len(rotary))
    if table is None or first is None or not isinstance(heads, int):
        raise ModelError(f"{file}: {_OTHER}")
    if len(table) != len(VOCABULARY):
        raise ModelError(f"{file}: has {len(table)} tokens; every ESM-2 has {len(VOCABULARY)}")
    config = EsmConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=table.shape[1],
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=first.shape[0],
        pad_token_id=VOCABULARY.index("<pad>"),
        mask_token_id=VOCABULARY.index("<mask>"),
        position_embedding_type="rotary",
        token_dropout=bool(getattr(settings, "token_dropout", True)),
        layer_norm_eps=1e-5,
        max_position_embeddings=1026,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        emb_layer_norm_before=False,
    )
    _check_shapes(file, config, renamed)
    return config, renamed


def _check_shapes(file: Path, config: EsmConfig, renamed: dict[str, Tensor]) -> None:
    """Raise ModelError unless the tensors are exactly those of such an encoder."""
    if wrong := wrong_tensors(config, renamed):
        raise ModelError(f"{file}: not a whole ESM-2 (tensor '{wrong[0]}')")
