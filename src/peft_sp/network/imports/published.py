"""The published PEFT-SP weights (Zeng et al. 2024): `model.pt` made into a model of this program.

Such a file is the state of a whole network, its ESM-2 included, which is left out here; it must
be the named backbone. What was trained is read off the names of the tensors and their shapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional
from transformers import EsmConfig

from peft_sp.biology.grammar import STATES
from peft_sp.biology.published import penalised
from peft_sp.errors import ModelError, RecipeError
from peft_sp.network.backbone import Backbones
from peft_sp.network.backbone_files import NAMES, read_config, wrong_tensors
from peft_sp.network.imports.fairesm import transformers_name
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import HeadSettings, ModelSettings
from peft_sp.network.tuning import Adapter, Combined, Frozen, Full, LoRA, Prompt, Tuning

_OF_PEFT = "base_model.model."
_ENCODER = "model_seq.esm2."
_UPDATE = re.compile(
    r"layers\.(\d{1,3})\.self_attn\.([qkv]|out)_proj\.lora_([AB])\.(?:default\.)?weight"
)
_BOTTLENECK = re.compile(
    r"layers\.(\d{1,3})\.adapter_layer\.([01])\.module\.([023])\.(weight|bias)"
)
_PROMPT = re.compile(r"model_prompt\.prompt_weight_layers\.(\d{1,3})")
_PROMPT_MLP = re.compile(r"model_prompt\.res_mlp\.(\d{1,3})\.module\.([023])\.(weight|bias)")
_HEAD = {
    "outputs_to_emissions.weight": "head.weight",
    "outputs_to_emissions.bias": "head.bias",
    "crf.transitions": "crf.transitions",
    "crf.start_transitions": "crf.starts",
    "crf.end_transitions": "crf.ends",
}
_PROJECTIONS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "out": "attention.output.dense",
}
_BLOCKS = {"0": "attention.output", "1": "output"}
_PARTS = {"0": "down", "2": "up", "3": "norm"}
_ROUNDING = 2.0**-10
"""Of a backbone that was kept in half precision."""


@dataclass
class _Contents:
    """A file's tensors by what they are.

    backbone, head: by the names that they have here. updates: LoRA's, by layer, projection and
    factor; bottlenecks: adapters', by layer, block, part and kind; prompts: by layer; mlps: the
    networks through which prompts went, by layer, part and kind.
    """

    backbone: dict[str, Tensor] = field(default_factory=dict)
    head: dict[str, Tensor] = field(default_factory=dict)
    updates: dict[tuple[int, str, str], Tensor] = field(default_factory=dict)
    bottlenecks: dict[tuple[int, str, str, str], Tensor] = field(default_factory=dict)
    prompts: dict[int, Tensor] = field(default_factory=dict)
    mlps: dict[tuple[int, str, str], Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedModel:
    """A network as its file has it, and the settings that build it."""

    model: SignalPeptideModel
    settings: ModelSettings

    @property
    def has_lora(self) -> bool:
        """Whether LoRA is all or part of how it was adapted."""
        return _has_lora(self.settings.tuning)


def _has_lora(tuning: Tuning | None) -> bool:
    return isinstance(tuning, LoRA) or (isinstance(tuning, Combined) and tuning.lora is not None)


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Whether tensors have the names of the published networks."""
    return any(name.removeprefix(_OF_PEFT).startswith(_ENCODER) for name in state)


def read_published(
    file: Path, state: Mapping[str, Tensor], backbone: str | None, alpha: float
) -> PublishedModel:
    """The network in a file, on the backbone of that name.

    state: the file's tensors. alpha: of LoRA, which the file does not hold. Raises ModelError for
    tensors that are missing, not known, of other shapes or no numbers, and for another backbone.
    """
    contents = _sorted(file, state)
    if backbone is None:
        raise ModelError(f"{file}: {_measures(contents)}; name that backbone with --backbone")
    config = read_config(backbone)
    _require_same_shapes(file, contents, backbone, config)
    backbones = Backbones()
    given, _ = backbones.take(backbone)
    own = given.state_dict()
    different = [
        name for name, t in contents.backbone.items() if not torch.equal(t.float(), own[name])
    ]
    try:
        tuning, tensors = _tuning(file, contents, config, alpha)
    except ValidationError as error:
        raise _problem(file, error.errors()[0]["msg"]) from None
    if different and isinstance(tuning, Frozen):
        tuning = Full()
        tensors = {f"encoder.encoder.{name}": t for name, t in contents.backbone.items()}
    elif far := [n for n in different if not _close(contents.backbone[n], own[n])]:
        raise ModelError(
            f"{file}: its backbone is not '{backbone}': their weights differ (tensor '{far[0]}'); "
            "give the one that it adapts with --backbone"
        )
    # With LoRA the published training left head and CRF as they had been drawn.
    head = HeadSettings(frozen=_has_lora(tuning))
    settings = ModelSettings(backbone=backbone, tuning=tuning, head=head)
    try:
        model = build_model(settings, backbones)
    except RecipeError as error:
        raise ModelError(f"{file}: {'; '.join(error.problems)}") from None
    _fill(file, model, tensors | _head(file, contents, config))
    return PublishedModel(model.eval(), settings)


def _sorted(file: Path, state: Mapping[str, Tensor]) -> _Contents:
    """Tensors by what they are. Raises ModelError for names that the published networks lack."""
    wrapped = {name.startswith(_OF_PEFT) for name in state}
    if len(wrapped) > 1:
        other = next(name for name in state if not name.startswith(_OF_PEFT))
        raise _problem(file, f"'{other}' does not begin with {_OF_PEFT}, as others do")
    found = _Contents()
    for key, tensor in state.items():
        name = key.removeprefix(_OF_PEFT)
        inner = name.removeprefix(_ENCODER).replace("_proj.base_layer.", "_proj.")
        if not tensor.is_floating_point():
            raise _problem(file, f"tensor '{key}' is no floating-point numbers")
        if name in _HEAD:
            found.head[_HEAD[name]] = tensor
        elif match := _PROMPT.fullmatch(name):
            found.prompts[int(match[1])] = tensor
        elif match := _PROMPT_MLP.fullmatch(name):
            found.mlps[int(match[1]), match[2], match[3]] = tensor
        elif not name.startswith(_ENCODER):
            raise _problem(file, f"tensor '{key}' is not known")
        elif match := _UPDATE.fullmatch(inner):
            found.updates[int(match[1]), match[2], match[3]] = tensor
        elif match := _BOTTLENECK.fullmatch(inner):
            found.bottlenecks[int(match[1]), match[2], match[3], match[4]] = tensor
        elif (own := transformers_name(inner)) is None:
            raise _problem(file, f"tensor '{key}' is not known")
        elif own:
            found.backbone[own] = tensor
    return found


def _problem(file: Path, what: str) -> ModelError:
    return ModelError(f"{file}: not a whole network of the published PEFT-SP ({what})")


def _measures(contents: _Contents) -> str:
    """What a file says of its backbone."""
    depth = len({name.split(".")[2] for name in contents.backbone if ".layer." in name})
    table = contents.backbone.get("embeddings.word_embeddings.weight")
    width = "unknown width" if table is None or table.dim() != 2 else f"width {table.shape[1]}"
    named = [name for name, hub in NAMES.items() if f"_t{depth}_" in hub]
    example = f", probably {named[0]}" if named else ""
    return f"adapts an ESM-2 of {depth} layers and {width}{example}"


def _require_same_shapes(file: Path, contents: _Contents, backbone: str, config: EsmConfig) -> None:
    """Raise ModelError unless the file's backbone has the tensors of the named one."""
    depth = len({name.split(".")[2] for name in contents.backbone if ".layer." in name})
    table = contents.backbone.get("embeddings.word_embeddings.weight")
    same = (
        config.model_type == "esm"
        and depth == config.num_hidden_layers
        and (table is None or table.shape[-1:] == (config.hidden_size,))
    )
    if not same:
        raise ModelError(
            f"{file}: {_measures(contents)}; '{backbone}' has {config.num_hidden_layers} layers "
            f"and width {config.hidden_size}; give the right one with --backbone"
        )
    if wrong := wrong_tensors(config, contents.backbone):
        raise _problem(file, f"tensor '{wrong[0]}' of its backbone is missing or of another shape")


def _close(given: Tensor, own: Tensor) -> bool:
    """Whether weights are the same but for rounding."""
    return torch.allclose(given.float(), own, rtol=_ROUNDING, atol=1e-6)


def _tuning(
    file: Path, contents: _Contents, config: EsmConfig, alpha: float
) -> tuple[Tuning, dict[str, Tensor]]:
    """How the backbone was adapted, and the trained tensors by the names that they have here."""
    parts: dict[str, LoRA | Adapter | Prompt] = {}
    tensors: dict[str, Tensor] = {}
    wrapped = "base_model.model." if contents.updates else ""
    layer = f"encoder.encoder.{wrapped}encoder.layer"
    if contents.updates:
        layers = _last_layers(file, "LoRA", {key[0] for key in contents.updates}, config)
        rank = _length(file, contents.updates[min(contents.updates)])
        parts["lora"] = LoRA(layers=layers, rank=rank, alpha=alpha)
        behind = ".dense" if contents.bottlenecks else ""
        adapted = {key[0] for key in contents.bottlenecks}
        for (number, kind, factor), tensor in contents.updates.items():
            inside = behind if kind == "out" and number in adapted else ""
            name = f"{layer}.{number}.{_PROJECTIONS[kind]}{inside}.lora_{factor}.default.weight"
            tensors[name] = tensor
    if contents.bottlenecks:
        layers = _last_layers(file, "adapters", {key[0] for key in contents.bottlenecks}, config)
        width = _length(file, contents.bottlenecks[min(contents.bottlenecks)])
        parts["adapter"] = Adapter(layers=layers, bottleneck=width)
        for (number, block, part, kind), tensor in contents.bottlenecks.items():
            name = f"{_BLOCKS[block]}.dense.bottleneck.{_PARTS[part]}.{kind}"
            tensors[f"{layer}.{number}.{name}"] = tensor
    if contents.prompts:
        parts["prompt"], tensors["encoder.prompts.vectors"] = _prompt(file, contents, config)
    if len(parts) > 1:
        return Combined(**parts), tensors  # type: ignore[arg-type]
    return next(iter(parts.values()), Frozen()), tensors


def _last_layers(file: Path, what: str, numbers: set[int], config: EsmConfig) -> int:
    """How many layers are changed, which must be the last ones."""
    depth, count = config.num_hidden_layers, len(numbers)
    if numbers != set(range(depth - count, depth)):
        raise _problem(file, f"{what} in other layers than the last {count} of {depth}")
    return count


def _length(file: Path, tensor: Tensor) -> int:
    if not tensor.dim():
        raise _problem(file, "a number in place of a matrix")
    return len(tensor)


def _prompt(file: Path, contents: _Contents, config: EsmConfig) -> tuple[Prompt, Tensor]:
    """Prompts (K, P, D) as they meet the layers: behind the networks that they went through.

    At the first layer they were scaled as embeddings are (ESM-2's "token dropout"); here prompts
    are set behind that.
    """
    vectors = []
    width = config.hidden_size
    for number in sorted(contents.prompts):
        own = contents.prompts[number]
        if (
            own.dim() != 2
            or own.shape[1] != width
            or own.shape != contents.prompts[min(contents.prompts)].shape
        ):
            raise _problem(file, f"prompts of shape {tuple(own.shape)} at layer {number}")
        own = own.float()
        if contents.mlps:
            own = own + _through_mlp(file, contents, number, own)
        if number == 0 and config.token_dropout:
            own = own * (1 - 0.15 * 0.8)
        vectors.append(own)
    if stray := {key[0] for key in contents.mlps} - set(contents.prompts):
        raise _problem(file, f"res_mlp of layer {min(stray)}, which has no prompts")
    length, depth = len(vectors[0]), config.num_hidden_layers
    if set(contents.prompts) == {0}:
        return Prompt(length=length, position="first"), torch.stack(vectors)
    count = _last_layers(file, "prompts", set(contents.prompts), config)
    if count in (1, depth):
        return Prompt(length=length, position="last" if count == 1 else "all"), torch.stack(vectors)
    return Prompt(length=length, position="topmost", layers=count), torch.stack(vectors)


def _through_mlp(file: Path, contents: _Contents, number: int, vectors: Tensor) -> Tensor:
    """Vectors (P, D) through the network of their layer: two projections and a LayerNorm."""
    try:
        own = {
            (part, kind): contents.mlps[number, part, kind].float()
            for part in _PARTS
            for kind in ("weight", "bias")
        }
        inner = torch.relu(functional.linear(vectors, own["0", "weight"], own["0", "bias"]))
        outer = functional.linear(inner, own["2", "weight"], own["2", "bias"])
        return functional.layer_norm(outer, vectors.shape[1:], own["3", "weight"], own["3", "bias"])
    except (KeyError, RuntimeError):
        raise _problem(file, f"res_mlp of layer {number}") from None


def _head(file: Path, contents: _Contents, config: EsmConfig) -> dict[str, Tensor]:
    """Head and CRF. What was forbidden in training and is allowed here keeps its penalty."""
    size = len(STATES)
    shapes = {
        "head.weight": (size, config.hidden_size),
        "head.bias": (size,),
        "crf.transitions": (size, size),
        "crf.starts": (size,),
        "crf.ends": (size,),
    }
    if wrong := [name for name, shape in shapes.items() if _shape(contents.head, name) != shape]:
        published = {own: name for name, own in _HEAD.items()}[wrong[0]]
        found = _shape(contents.head, wrong[0])
        what = "is missing" if found is None else f"has shape {found}, not {shapes[wrong[0]]}"
        raise _problem(file, f"tensor '{published}' {what}")
    names = ("crf.transitions", "crf.starts", "crf.ends")
    scores = penalised(*(contents.head[name].float().numpy() for name in names))
    return contents.head | {
        name: torch.from_numpy(array).float() for name, array in zip(names, scores, strict=True)
    }


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def _fill(file: Path, model: SignalPeptideModel, tensors: dict[str, Tensor]) -> None:
    """Set what was trained. Raises ModelError for other tensors than the network has."""
    own = model.trainable_state()
    for name in sorted(own.keys() | tensors.keys()):
        short = name.removeprefix("encoder.encoder.").removeprefix(_OF_PEFT)
        if name not in tensors or name not in own:
            raise _problem(file, f"{short} is {'missing' if name in own else 'one too many'}")
        given, wanted = tuple(tensors[name].shape), tuple(own[name].shape)
        if given != wanted:
            raise _problem(file, f"{short} has shape {given}, not {wanted}")
        if not bool(tensors[name].float().isfinite().all()):
            raise ModelError(
                f"{file}: holds NaN or infinite weights (tensor '{short}'); get it again"
            )
    model.load_trainable_state({name: t.float() for name, t in tensors.items()})
