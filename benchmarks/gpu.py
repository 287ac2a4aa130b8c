"""Speed and agreement of predictions on a GPU: the network alone, decoding alone, and the whole.

Prints a Markdown table. For each model and precision: windows a second of the network by the
batch, of the decoder there and of the one in NumPy, proteins a second of one process and of several
that share the GPU, and how far the predictions are from those of the processor in float32.

    python benchmarks/gpu.py [--model NAME|DIR ...] [--backbone DIR] [--fasta FILE ...]
        [--proteins 40000] [--compared 2000] [--seconds 1] [--processes 8] [--json FILE]

`--sizes 650M 3B` adds backbones of other sizes, with random weights in bfloat16: their rate depends
on the size alone.

Without a GPU it says so and measures nothing; `--device cpu` tries it out on processors.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import WINDOW, grammar
from peft_sp.biology.prediction import Prediction
from peft_sp.errors import PeftSpError
from peft_sp.inference.backends import network_of
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from peft_sp.io.raw_fasta import read_raw
from peft_sp.io.registry.model_config import ModelConfig

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecoli_300.faa"
SIZES = {
    "8M": (6, 320),
    "35M": (12, 480),
    "150M": (30, 640),
    "650M": (33, 1280),
    "3B": (36, 2560),
    "15B": (48, 5120),
}
"""Layers and width of ESM-2."""
SIZED_BATCH = 512
PRECISIONS = ("float32", "tf32", "bfloat16")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
Options = argparse.Namespace
Rates = dict[int, float]
Pairs = list[tuple[str, str]]


@dataclass
class Row:
    """What was measured of a model in a precision: rates a second, and agreement."""

    model: str
    precision: str
    network: Rates
    decoder: Rates
    numpy_decoder: float
    whole: float
    decoding_share: float
    compared: int
    agreement: dict[str, float]


def proteins(sources: Sequence[Path], count: int) -> Pairs:
    """`count` proteins with windows of their own: exchanged letters where there are too few."""
    real: list[str] = []
    for source in sources:
        real += [raw.sequence for raw in islice(read_raw(source), count - len(real))]
    rng = np.random.default_rng(0)
    made = []
    for number, sequence in enumerate(islice(cycle(real), count)):
        letters = list(sequence)
        for position in rng.integers(1, min(len(letters), WINDOW), 4 * (number >= len(real))):
            letters[position] = LETTERS[rng.integers(20)]
        made.append((f"p{number}", "".join(letters)))
    return made


def rate(one: Callable[[], int], seconds: float) -> float:
    """Windows a second of a call that gives their number, after one that is not counted."""
    one()
    start, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        done += one()
    return done / passed


def network_rates(predictor: Predictor, windows: Sequence[str], options: Options) -> Rates:
    """Of the network alone, by the batch, from as many threads as a prediction takes."""
    network, _ = network_of(predictor.backend)
    threads = predictor.backend.concurrency
    found = {}
    with ThreadPoolExecutor(threads) as pool:
        for size in options.batch_sizes:
            residues = encode(windows[:size], WINDOW)

            def one(residues: Any = residues) -> int:
                list(pool.map(network, [residues] * 2 * threads))
                return 2 * threads * len(residues)

            found[size] = rate(one, options.seconds)
    return found


def decoder_rates(predictor: Predictor, windows: Sequence[str], options: Options) -> Rates:
    """Of decoding alone, where the predictor does it."""
    network, _ = network_of(predictor.backend)
    found = {}
    for size in options.batch_sizes:
        emissions = network(encode(windows[:size], WINDOW))
        lengths = np.fromiter(map(len, windows[:size]), dtype=np.int64)

        def one(emissions: Any = emissions, lengths: Any = lengths) -> int:
            predictor.decoder.decode(emissions, lengths)
            return len(lengths)

        found[size] = rate(one, options.seconds)
    return found


def numpy_rate(predictor: Predictor, windows: Sequence[str], seconds: float) -> float:
    """Of decoding in NumPy."""
    decoder = Decoder(grammar(), predictor.backend.scores)
    some = windows[:256]
    emissions = predictor.backend.emissions(encode(some, WINDOW))
    lengths = np.fromiter(map(len, some), dtype=np.int64)

    def one() -> int:
        decoder.decode(emissions, lengths)
        return len(some)

    return rate(one, seconds)


def whole_rate(predictor: Predictor, pairs: Pairs) -> tuple[float, float]:
    """Proteins a second of `Predictor.predict`, and the share of its time that is decoding."""
    for _ in predictor.predict(pairs[:64]):
        pass
    decode, decoding = predictor.decoder.decode, 0.0

    def timed(*given: Any, **named: Any) -> Any:
        nonlocal decoding
        start = time.perf_counter()
        found = decode(*given, **named)
        decoding += time.perf_counter() - start
        return found

    predictor.decoder.decode = timed  # type: ignore[method-assign]
    start = time.perf_counter()
    count = sum(1 for _ in predictor.predict(pairs))
    passed = time.perf_counter() - start
    return count / passed, decoding / passed


def worker(
    model: str, options: Options, precision: str, number: int, ready: Any, result: Any
) -> None:
    """One of several processes that share the GPU: predicts its share when all are ready."""
    predictor = load_on(model, options, precision)
    pairs = proteins(options.fasta, options.proteins)[number :: options.processes]
    for _ in predictor.predict(pairs[:64]):
        pass
    ready.wait(timeout=120)
    start = time.monotonic()
    count = sum(1 for _ in predictor.predict(pairs))
    result.put((start, time.monotonic(), count))


def together(model: str, options: Options, precision: str) -> float:
    """Proteins a second of all processes; NaN where one failed."""
    context = multiprocessing.get_context("spawn")
    ready, result = context.Barrier(options.processes), context.Queue()
    own = [
        context.Process(target=worker, args=(model, options, precision, number, ready, result))
        for number in range(options.processes)
    ]
    for process in own:
        process.start()
    try:
        found = [result.get(timeout=150) for _ in own]
    except Exception:  # a queue that stays empty
        return float("nan")
    finally:
        for process in own:
            process.join(5)
            process.kill()
    starts, ends, counts = zip(*found, strict=True)
    return float(sum(counts) / (max(ends) - min(starts)))


def agreement(found: Sequence[Prediction], expected: Sequence[Prediction]) -> dict[str, float]:
    """Shares of equal types and, of those, sites; the largest differences of probabilities."""
    pairs = list(zip(found, expected, strict=True))
    alike = [(a, b) for a, b in pairs if a.type == b.type]
    cut = [(a, b) for a, b in alike if b.cleavage_site]
    same = [(a, b) for a, b in cut if a.cleavage_site == b.cleavage_site]
    types = [abs(a.probabilities[k] - p) for a, b in pairs for k, p in b.probabilities.items()]
    sites = [abs((a.cleavage_probability or 0) - (b.cleavage_probability or 0)) for a, b in same]
    return {
        "types": len(alike) / len(pairs),
        "sites": len(same) / max(1, len(cut)),
        "type_difference": max(types),
        "site_difference": max(sites, default=0.0),
    }


def load_on(model: str, options: Options, precision: str, device: str | None = None) -> Predictor:
    """A predictor on the GPU, or on another device."""
    needs = (Path(model) / "config.json").is_file() and _has_backbone(Path(model))
    return load(
        model,
        device=device or options.device,
        precision=precision,  # type: ignore[arg-type]
        backbone=options.backbone if needs else None,
        threads=options.threads if device == "cpu" else None,
    )


def _has_backbone(directory: Path) -> bool:
    return ModelConfig.read(directory).backbone is not None


def measure(model: str, options: Options, pairs: Pairs) -> list[Row]:
    """All rows of a model. Raises PeftSpError for one that cannot run on the device."""
    windows = [sequence[:WINDOW] for _, sequence in pairs if len(sequence) >= WINDOW]
    load_on(model, options, options.precisions[0])
    reference = load_on(model, options, "float32", "cpu")
    compared = pairs[: options.compared]
    expected = list(reference.predict(compared))
    rows = []
    for precision in options.precisions:
        predictor = load_on(model, options, precision)
        agrees = agreement(list(predictor.predict(compared)), expected)
        network = network_rates(predictor, windows, options)
        decoder = decoder_rates(predictor, windows, options)
        plain = numpy_rate(predictor, windows, options.seconds)
        whole, share = whole_rate(predictor, pairs)
        row = Row(
            *(predictor.config.name, precision, network, decoder, plain, whole, share),
            *(len(compared), agrees),
        )
        rows.append(row)
        print(f"| {line(row)} |", flush=True)
    return rows


def backbone_rate(size: str, options: Options) -> float:
    """Windows a second of ESM-2 of a size with random weights, in bfloat16."""
    import torch
    from transformers import EsmConfig, EsmModel

    layers, width = SIZES[size]
    heads = 40 if size in ("3B", "15B") else 20
    settings: dict[str, Any] = {
        **{"vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1, "token_dropout": True},
        **{"num_hidden_layers": layers, "hidden_size": width, "intermediate_size": 4 * width},
        **{"num_attention_heads": heads, "position_embedding_type": "rotary"},
    }
    make: Any = EsmModel
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(options.device):
        network = make(EsmConfig(**settings), add_pooling_layer=False).eval()
        tokens = torch.randint(4, 24, (SIZED_BATCH, WINDOW + 2))
    torch.set_default_dtype(torch.float32)

    def one() -> int:
        with torch.inference_mode():
            network(tokens).last_hidden_state.sum().item()
        return len(tokens)

    return rate(one, options.seconds)


def line(row: Row) -> str:
    """A row of the table."""
    network = " / ".join(f"{one:,.0f}" for one in row.network.values())
    decoder = " / ".join(f"{one:,.0f}" for one in row.decoder.values())
    cells = (
        *(row.model, row.precision, network, decoder, f"{row.numpy_decoder:,.0f}"),
        *(f"{row.whole:,.0f}", f"{row.decoding_share:.0%}"),
        *(f"{row.agreement[kind]:.3%}" for kind in ("types", "sites")),
        *(f"{row.agreement[f'{kind}_difference']:.1e}" for kind in ("type", "site")),
    )
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", nargs="*", default=["fast"], help="models, as predict has them")
    parser.add_argument("--backbone", help="directory of the models' backbone")
    parser.add_argument("--fasta", type=Path, nargs="+", default=[EXAMPLE])
    parser.add_argument("--proteins", type=int, default=40_000)
    parser.add_argument("--compared", type=int, default=2_000, help="with the processor")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each rate")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--processes", type=int, default=1, help="that share the GPU")
    parser.add_argument("--sizes", nargs="+", default=[], choices=SIZES, help="of ESM-2")
    parser.add_argument("--shared", default="float32", help="precision of these")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    options = parser.parse_args()
    import torch

    if options.device != "cpu" and not torch.cuda.is_available():
        print("There is no GPU here: torch finds no CUDA device. Nothing was measured.")
        return
    name = "processors" if options.device == "cpu" else torch.cuda.get_device_name(options.device)
    sizes = ", ".join(map(str, options.batch_sizes))
    print(
        f"{name}; {os.cpu_count()} processors; torch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {sys.version.split()[0]}. Rates a second; network and decoder in batches of "
        f"{sizes}; {options.proteins:,} proteins in one process and in {options.processes}; "
        f"agreement of {options.compared:,} with the processor.\n"
    )
    print(
        "| model | precision | network | decoder | decoder in NumPy | whole | of it decoding | "
        "equal types | equal sites | types differ by | sites differ by |"
    )
    print("|---|---|" + "--:|" * 9)
    pairs = proteins(options.fasta, options.proteins)
    rows, shared, measured, left_out = [], {}, [], []
    for model in options.model:
        try:
            rows += measure(model, options, pairs)
        except PeftSpError as error:
            left_out.append(f"Left out: {error}")
        else:
            measured.append(model)
    if left_out:
        print("\n" + "\n".join(left_out), flush=True)
    for model in measured if options.processes > 1 else []:
        found = shared[model] = together(model, options, options.shared)
        print(
            f"\n{model}: {found:,.0f} proteins/s of "
            f"{options.processes} processes that share the device, in {options.shared}",
            flush=True,
        )
    sized = {}
    for size in options.sizes:
        sized[size] = backbone_rate(size, options)
        print(f"\nESM-2 {size}, bfloat16: {sized[size]:,.0f} windows/s", flush=True)
    if options.json:
        figures = {
            "device": name,
            "torch": torch.__version__,
            "rows": [asdict(row) for row in rows],
            "sizes": sized,
            "shared": {"processes": options.processes, "rates": shared},
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
