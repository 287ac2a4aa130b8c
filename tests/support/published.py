"""Files as the published PEFT-SP writes them, on a tiny random ESM-2 of fair-esm, and its forward.

Written from the names and shapes of its tensors; the network itself is fair-esm's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import esm
import torch
from torch import Tensor
from torch.nn import functional

from peft_sp.network.imports.importing import import_file

DEPTH, WIDTH, HEADS = 3, 40, 5
ALPHA, RANK = 8.0, 4
PROJECTIONS = ("q", "k", "v", "out")


def network(seed: int = 3) -> esm.ESM2:
    torch.manual_seed(seed)
    return esm.ESM2(num_layers=DEPTH, embed_dim=WIDTH, attention_heads=HEADS).eval()


def write_backbone(folder: Path, own: esm.ESM2) -> str:
    """The directory of a network of fair-esm, by way of a file as fair-esm distributes it."""
    state = {f"encoder.sentence_encoder.{name}": t for name, t in own.state_dict().items()}
    kept = {name: t for name, t in state.items() if not ("contact" in name or "lm_head" in name)}
    torch.save({"cfg": {"model": None}, "model": kept}, folder / "esm2_tiny.pt")
    import_file(folder / "esm2_tiny.pt", folder / "backbone")
    return str(folder / "backbone")


@dataclass
class Published:
    """A published state: its tensors by their published names, and what was put together.

    lora, adapter: how many of the last layers; prompts: the layers that have some; mlp: whether
    prompts go through networks; peft: "old" or "new" names of LoRA's tensors.
    """

    lora: int = 0
    adapter: int = 0
    prompts: tuple[int, ...] = ()
    mlp: bool = False
    peft: str = "new"
    seed: int = 3
    state: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.esm = network(self.seed)
        torch.manual_seed(11)
        layer = "model_seq.esm2.layers"
        state = {f"model_seq.esm2.{name}": t for name, t in self.esm.state_dict().items()}
        for number in range(DEPTH - self.adapter, DEPTH):
            for block in (0, 1):
                front = f"{layer}.{number}.adapter_layer.{block}.module"
                state |= _bottleneck(front, WIDTH // 2)
        for number in self.prompts:
            state[f"model_prompt.prompt_weight_layers.{number}"] = torch.randn(4, WIDTH)
            if self.mlp:
                state |= _bottleneck(f"model_prompt.res_mlp.{number}.module", 6)
        for number in range(DEPTH - self.lora, DEPTH):
            for kind in PROJECTIONS:
                front = f"{layer}.{number}.self_attn.{kind}_proj"
                middle = ".default" if self.peft == "new" else ""
                if self.peft == "new":
                    for end in ("weight", "bias"):
                        state[f"{front}.base_layer.{end}"] = state.pop(f"{front}.{end}")
                state[f"{front}.lora_A{middle}.weight"] = torch.randn(RANK, WIDTH) / 4
                state[f"{front}.lora_B{middle}.weight"] = torch.randn(WIDTH, RANK) / 4
        state["outputs_to_emissions.weight"] = torch.randn(37, WIDTH) / 4
        state["outputs_to_emissions.bias"] = torch.randn(37)
        state["crf.transitions"] = torch.randn(37, 37)
        state["crf.start_transitions"] = torch.randn(37)
        state["crf.end_transitions"] = torch.randn(37)
        front = "base_model.model." if self.lora else ""
        self.state = {front + name: tensor.clone() for name, tensor in state.items()}

    def save(self, path: Path, **changes: Tensor | None) -> Path:
        """Write the state, with some tensors changed, or left out where they are None."""
        state = {**self.state, **changes}
        torch.save({name: t for name, t in state.items() if t is not None}, path)
        return path

    def emissions(self, window: str) -> Tensor:
        """Emissions (L, S) of a window, computed from the tensors of the state."""
        state = {k.removeprefix("base_model.model."): t for k, t in self.state.items()}
        _, _, tokens = self.esm.alphabet.get_batch_converter()([("", window)])
        with torch.no_grad():
            hidden = 0.88 * self._before(state, 0, self.esm.embed_tokens(tokens))
            for number, layer in enumerate(self.esm.layers):
                if number:
                    hidden = self._before(state, number, hidden)
                hidden = self._through(state, number, layer, hidden)
            hidden = self.esm.emb_layer_norm_after(hidden)[0, -len(window) - 1 : -1]
            weight = state["outputs_to_emissions.weight"]
            return functional.linear(hidden, weight, state["outputs_to_emissions.bias"])

    def _before(self, state: dict[str, Tensor], number: int, hidden: Tensor) -> Tensor:
        """Hidden states with the prompts of a layer in place of those before it."""
        prompt = state.get(f"model_prompt.prompt_weight_layers.{number}")
        if prompt is None:
            return hidden
        if self.mlp:
            prompt = _through(state, f"model_prompt.res_mlp.{number}.module", prompt)
        first = min(self.prompts)
        return torch.cat([prompt[None], hidden[:, len(prompt) if number > first else 0 :]], dim=1)

    def _through(self, state: dict[str, Tensor], number: int, layer, hidden: Tensor) -> Tensor:
        """Hidden states (B, T, D) through a layer of fair-esm with LoRA and bottlenecks."""
        front = f"model_seq.esm2.layers.{number}"
        hooks = []
        before = {name: t.clone() for name, t in layer.state_dict().items()}
        for kind in PROJECTIONS:
            pair = [
                state.get(f"{front}.self_attn.{kind}_proj.lora_{factor}{middle}.weight")
                for factor in "AB"
                for middle in (".default" if self.peft == "new" else "",)
            ]
            if pair[0] is not None:
                module = getattr(layer.self_attn, f"{kind}_proj")
                module.weight += ALPHA / RANK * pair[1] @ pair[0]
        for block, module in enumerate((layer.self_attn, layer.fc2)):
            if f"{front}.adapter_layer.{block}.module.0.weight" in state:
                name = f"{front}.adapter_layer.{block}.module"

                def adapt(_, __, output, name=name):
                    if isinstance(output, tuple):
                        return (_through(state, name, output[0]), *output[1:])
                    return _through(state, name, output)

                hooks.append(module.register_forward_hook(adapt))
        out, _ = layer(hidden.transpose(0, 1))
        for hook in hooks:
            hook.remove()
        layer.load_state_dict(before)
        return out.transpose(0, 1)


def _bottleneck(front: str, inner: int) -> dict[str, Tensor]:
    shapes = {"0": (inner, WIDTH), "2": (WIDTH, inner)}
    made = {f"{front}.{part}.weight": torch.randn(shape) / 4 for part, shape in shapes.items()}
    made |= {f"{front}.{part}.bias": torch.randn(shape[0]) for part, shape in shapes.items()}
    return made | {f"{front}.3.weight": torch.randn(WIDTH), f"{front}.3.bias": torch.randn(WIDTH)}


def _through(state: dict[str, Tensor], front: str, hidden: Tensor) -> Tensor:
    """x + LayerNorm(up(relu(down(x))))."""
    part = {n: (state[f"{front}.{n}.weight"], state[f"{front}.{n}.bias"]) for n in "023"}
    inner = torch.relu(functional.linear(hidden, *part["0"]))
    outer = functional.linear(inner, *part["2"])
    return hidden + functional.layer_norm(outer, (WIDTH,), *part["3"])
