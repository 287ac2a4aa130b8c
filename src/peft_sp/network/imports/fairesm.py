"""ESM-2 backbones in the `.pt` files of the package fair-esm, made into transformers directories.

Tensors are renamed from fair-esm 2.0 (`esm/model/esm2.py`, MIT) to transformers' `EsmModel`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import EsmConfig, EsmModel, EsmTokenizer

from peft_sp.errors import ModelError
from peft_sp.io.atomic import publish, staging
from peft_sp.network.backbone_files import wrong_tensors
from peft_sp.network.imports.torch_file import tensors_in

VOCABULARY = (
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
)
"""Tokens of every ESM-2 in their order."""

_PREFIX = re.compile(r"^(?:encoder\.sentence_encoder\.|encoder\.)")
_LAYER = re.compile(r"layers\.(\d{1,3})\.(\w+(?:\.\w+)?)\.(weight|bias)")
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


def import_backbone(file: Path, content: Mapping[str, Any], target: Path) -> EsmConfig:
    """Write the encoder of a fair-esm `.pt` file as a transformers directory, whole or not at all.

    content: of the file, as `torch_file` reads it. Raises ModelError for a file that is no ESM-2
    of fair-esm, OutputError where the directory cannot be written.
    """
    state = tensors_in(content.get("model"), file)
    if state is None:
        raise ModelError(f"{file}: {_OTHER}")
    cfg = content.get("cfg")
    config, renamed = _convert(file, state, cfg.get("model") if isinstance(cfg, Mapping) else None)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with staging(target, "choose another with -o") as folder:
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


_OTHER = "is no ESM-2 of the package fair-esm"


def transformers_name(name: str) -> str | None:
    """Name that transformers has for a tensor of fair-esm's encoder, "" of one that is not used.

    None for a name that no tensor of fair-esm's ESM-2 has.
    """
    if (match := _LAYER.fullmatch(name)) and match[2] in _IN_LAYER:
        return f"encoder.layer.{int(match[1])}.{_IN_LAYER[match[2]]}.{match[3]}"
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    return "" if name.endswith(_ROTARY) or name.startswith(_NOT_ENCODER) else None


def _convert(
    file: Path, state: dict[str, Tensor], settings: Any
) -> tuple[EsmConfig, dict[str, Tensor]]:
    """The encoder's settings, and its tensors by transformers' names."""
    renamed: dict[str, Tensor] = {}
    rotary = None
    for key, tensor in state.items():
        name = _PREFIX.sub("", key)
        own = transformers_name(name)
        if own is None:
            raise ModelError(f"{file}: {_OTHER} (tensor '{key}')")
        if own:
            renamed[own] = tensor
        elif name.endswith(_ROTARY):
            rotary = tensor
    table = renamed.get("embeddings.word_embeddings.weight")
    first = renamed.get("encoder.layer.0.intermediate.dense.weight")
    heads = getattr(settings, "encoder_attention_heads", None)
    if table is None or first is None or table.dim() != 2 or first.dim() != 2:
        raise ModelError(f"{file}: {_OTHER}")
    width = table.shape[1]
    if rotary is not None and rotary.numel():
        heads = width // (2 * rotary.numel())
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise ModelError(f"{file}: {_OTHER}")
    if len(table) != len(VOCABULARY):
        raise ModelError(f"{file}: has {len(table)} tokens; every ESM-2 has {len(VOCABULARY)}")
    config = EsmConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=len({key.split(".")[2] for key in renamed if ".layer." in key}),
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
