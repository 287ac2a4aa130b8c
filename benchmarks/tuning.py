"""Parameters, step time and memory of the tuning methods, and estimates for larger backbones.

python benchmarks/tuning.py --backbone esm2_t6_8M

Each recipe for the measured backbone runs in a process of its own. The second table is
arithmetic from the first, not measurement; its assumptions stand above it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
from transformers import EsmConfig, EsmModel

from peft_sp.biology.alphabet import AMINO_ACIDS, RESIDUES, encode
from peft_sp.biology.grammar import WINDOW
from peft_sp.io.registry.recipe_files import shipped
from peft_sp.network.backbone import Backbone
from peft_sp.network.model import SignalPeptideModel, build_model
from peft_sp.network.settings import HeadSettings
from peft_sp.training.recipe import Recipe, read_recipe

BATCH = 32
TOKENS = WINDOW + 2
STEPS = 5
# Layers and width of the published backbones.
SIZES = {
    **{"8M": (6, 320), "35M": (12, 480), "150M": (30, 640), "650M": (33, 1280)},
    **{"3B": (36, 2560), "15B": (48, 5120)},
}
METHODS = ("frozen", "ia3", "prompt", "adapter", "lora", "full")
PROTEINS = 13_500
"""Two of the three partitions."""


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def counts(name: str) -> tuple[int, int]:
    """Trained and all parameters of a recipe's network, built without its weights."""
    recipe = read_recipe(name)
    depth, width = SIZES[name.rpartition("-")[2]]
    assert recipe.tuning is not None
    config = EsmConfig(
        vocab_size=33,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=20,
        intermediate_size=4 * width,
        position_embedding_type="rotary",
        pad_token_id=1,
        mask_token_id=32,
    )
    tokens = {token: number for number, token in enumerate((*RESIDUES, "<cls>", "<eos>", "<pad>"))}
    with torch.device("meta"):
        encoder = EsmModel(config, add_pooling_layer=False).requires_grad_(False)
        backbone = Backbone(encoder, tokens)
        recipe.tuning.apply(backbone)
        model = SignalPeptideModel(backbone, width, HeadSettings(dropout=0.0))
    trained = sum(p.numel() for group in model.parameter_groups() for p in group)
    return trained, sum(p.numel() for p in model.parameters())


def measure(name: str, backbone: str) -> dict[str, Any]:
    """Parameters, seconds a step (whole, and with lower layers cached), peak bytes."""
    recipe = read_recipe(name, [f"backbone={backbone}"])
    model = build_model(recipe).train()
    before = peak()
    groups = model.parameter_groups()
    parameters = [p for group in groups for p in group]
    optimiser = torch.optim.AdamW(parameters, lr=1e-4)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(len(AMINO_ACIDS), (BATCH, WINDOW), generator=generator)
    windows = ["M" + "".join(AMINO_ACIDS[i] for i in row[1:]) for row in rows.tolist()]
    residues = torch.from_numpy(encode(windows))
    allowed = torch.ones(BATCH, WINDOW, 37, dtype=torch.bool)
    allowed[:, :, 9:] = False

    def step() -> None:
        optimiser.zero_grad()
        output = model(residues, allowed)
        assert output.log_likelihood is not None
        torch.autograd.backward(-output.log_likelihood.mean())
        optimiser.step()

    figures: dict[str, Any] = {
        "trained": sum(p.numel() for p in parameters),
        "encoder": sum(p.numel() for p in groups[0]),
        "all": sum(p.numel() for p in model.parameters()),
        "step": seconds(step),
        "peak": peak(),
        "before": before,
    }
    figures["cached"] = cached_step(model, recipe, residues, step)
    return figures


def cached_step(model: Any, recipe: Recipe, residues: torch.Tensor, step: Any) -> float | None:
    """Seconds of a step with the untouched layers' output in the activation cache."""
    encoder = model.encoder
    assert isinstance(encoder, Backbone)
    depth = encoder.untouched
    if not depth:
        return None
    with torch.no_grad():
        states = encoder.lower(residues, depth)

    class Given:
        """In place of `ActivationCache`, whose look-up of 32 windows takes no time to speak of."""

        def __init__(self) -> None:
            self.depth = depth

        def look_up(self, _: torch.Tensor) -> torch.Tensor:
            return states

    encoder.activation_cache = Given()
    return seconds(step)


def seconds(work: Any) -> float:
    times = []
    for _ in range(STEPS + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def matrix_rate() -> float:
    """Float32 multiplications and additions a second in a large matrix product."""
    square = torch.randn(2048, 2048)
    return 2 * 2048**3 / seconds(lambda: square @ square)


def measured_table(figures: dict[str, dict[str, Any]]) -> None:
    print("| recipe | trained | of them in the backbone | step | with kept layers | peak memory |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, row in figures.items():
        cached = "–" if row["cached"] is None else f"{1e3 * row['cached']:.0f} ms"
        print(
            f"| {name} | {row['trained']:,} ({row['trained'] / row['all']:.1%}) "
            f"| {row['encoder']:,} | {1e3 * row['step']:.0f} ms | {cached} "
            f"| {row['peak'] / 2**20:,.0f} MiB |"
        )


def estimated_table(found: dict[str, dict[str, Any]], rate: float) -> None:
    """Larger backbones from the measured one.

    The parameters are counted in networks that are built without weights. Time: multiplications
    grow with the parameters, and seconds a step with them. Memory: the weights (4 bytes each; 2
    for the backbone's where the recipe keeps them in bfloat16), 12 more bytes for each trained
    parameter (gradient and AdamW's two moments), and what the backward pass needs, which grows
    with layers x width (with gradient checkpointing: a layer at a time, and 4 bytes a layer,
    token and width), from what was measured; a frozen backbone needs one layer's at a time. Every
    backbone is read in float32 first: 4 bytes a parameter of the computer's own memory.
    """
    layers, width = SIZES["8M"]
    head = ("parameters", "trained", "memory for training", "hours an epoch at 1 TFLOP/s", "here")
    print(f"| recipe | {' | '.join(head)} |")
    print("|---|--:|--:|--:|--:|--:|")
    for method in METHODS:
        row = found[f"{method}-8M"]
        activations = max(row["peak"] - row["before"] - 16 * row["trained"], 0) / (layers * width)
        for size, (depth, wide) in SIZES.items():
            if size == "8M" or f"{method}-{size}" not in shipped():
                continue
            recipe = read_recipe(f"{method}-{size}")
            trained, every = counts(recipe.name)
            lean = recipe.optimisation.gradient_checkpointing
            if lean:
                backward = activations * wide + 4 * depth * wide * BATCH * TOKENS
            else:
                backward = activations * (layers if method == "frozen" else depth) * wide
            memory = weights(recipe, trained, every) + 12 * trained + backward
            # Checkpointing computes each layer forward twice: three thirds become four.
            step = row["step"] * every / row["all"] * (4 / 3 if lean else 1)
            here = PROTEINS / BATCH * step / 3600
            print(
                f"| {recipe.name} | {every / 1e6:,.0f} M | {trained / 1e6:,.2f} M "
                f"| {memory / 2**30:.1f} GiB | {here * rate / 1e12:.2f} | {here:.1f} h |"
            )


def weights(recipe: Recipe, trained: int, every: int) -> int:
    """Bytes of a network's parameters: what is trained is in float32 always."""
    frozen = 2 if recipe.backbone_precision == "bfloat16" else 4
    return 4 * trained + frozen * (every - trained)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--backbone", required=True, help="ESM-2 8M: a name or a directory")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.backbone)))
        return
    found = {}
    for name in sorted(name for name in shipped() if name.endswith("-8M")):
        command = [sys.executable, __file__, "--backbone", options.backbone, "--one", name]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        found[name] = json.loads(run.stdout)
    rate = matrix_rate()
    print(
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, {rate / 1e9:.0f} GFLOP/s "
        f"in float32 matrix products; batches of {BATCH} windows of {WINDOW} residues; medians of "
        f"{STEPS} steps.\n"
    )
    measured_table(found)
    print(f"\n{estimated_table.__doc__}\n")
    estimated_table(found, rate)


if __name__ == "__main__":
    main()
