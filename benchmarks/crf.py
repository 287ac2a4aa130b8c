"""Time of the CRF: alone, and as a fraction of a training step.

python benchmarks/crf.py [--backbone NAME_OR_DIRECTORY]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from peft_sp.biology.alphabet import AMINO_ACIDS, encode
from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.biology.tagging import allowed_states
from peft_sp.inference.backends import TorchBackend
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings, StudentSettings
from peft_sp.network.tuning import LoRA
from peft_sp.training.fitting.region_loss import region_term

LABELS = "S" * 22 + "O" * 48


def seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Median seconds of a call, after one that is not counted."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def windows(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    return ["M" + "".join(rng.choice(list(AMINO_ACIDS), WINDOW - 1)) for _ in range(count)]


def alone(batch: int) -> dict[str, float]:
    """Seconds of loss and marginals, and of decoding, for the emissions of a batch."""
    rules = grammar()
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    emissions = torch.randn(batch, WINDOW, rules.size)
    mask = torch.ones(batch, WINDOW, dtype=torch.bool)
    allowed = torch.from_numpy(allowed_states(windows(1)[0], LABELS, "SP")).expand_as(emissions)
    small = build_model(ModelSettings(student=StudentSettings()))
    decoder = Decoder(rules, TorchBackend(small).scores)
    lengths = np.full(batch, WINDOW)

    def loss_and_marginals() -> None:
        with torch.no_grad():
            crf.log_likelihood_and_marginals(emissions, mask, allowed)

    return {
        "loss and marginals": seconds(loss_and_marginals),
        "decoding": seconds(lambda: decoder.decode(emissions.numpy(), lengths)),
    }


def in_training(settings: ModelSettings, batch: int) -> tuple[float, float]:
    """Seconds of a step without the optimiser, and of the CRF and the region term in it."""
    model = build_model(settings).train()
    chosen = windows(batch)
    residues = torch.from_numpy(encode(chosen))
    allowed = torch.from_numpy(np.stack([allowed_states(w, LABELS, "SP") for w in chosen]))
    types = torch.full((batch,), TYPES.index("SP"))

    def crf_part(emissions: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(emissions.shape[:2], dtype=torch.bool)
        likelihood, marginals, _ = model.crf.log_likelihood_and_marginals(emissions, mask, allowed)
        assert marginals is not None
        return (0.5 * region_term(marginals, residues, types) - likelihood).mean()

    def step() -> None:
        model.zero_grad()
        torch.autograd.backward(crf_part(model(residues).emissions))

    fixed = model(residues).emissions.detach().requires_grad_()
    return seconds(step, 5), seconds(lambda: torch.autograd.backward(crf_part(fixed)), 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--backbone")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; medians.\n")
    print("| what | time |\n|---|--:|")
    for name, taken in alone(256).items():
        print(f"| {name}, 256 x {WINDOW} x {grammar().size} | {1e3 * taken:.0f} ms |")
    steps = {"fast": (ModelSettings(student=StudentSettings()), 64)}
    if options.backbone:
        steps["LoRA"] = ModelSettings(backbone=options.backbone, tuning=LoRA()), 32
    for name, (settings, batch) in steps.items():
        whole, part = in_training(settings, batch)
        print(
            f"| training step, {name}, batch {batch} | {1e3 * whole:.0f} ms; CRF and region term "
            f"{1e3 * part:.0f} ms, {part / whole:.1%} |"
        )


if __name__ == "__main__":
    main()
