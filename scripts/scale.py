"""What large sets of proteins take on clusters: the figures of docs/scale.md and
docs/scale-costs.md.

    python scripts/scale.py

The rates are measured: those of whole predictions stand in docs/speed.md and
docs/results/speed.json, all else in docs/results/scale.json (`benchmarks/shards.py`). The rest is
assumed and simulated (`scripts/simulation.py`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from simulation import SEED, Assumed, Cluster, Work, shard_of

from peft_sp.inference.cache import CACHED

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "scale.md", DOCS / "scale-costs.md")
SETS = {
    "UniProtKB": 250_000_000,
    "MGnify": 2_400_000_000,
    "the largest atlas": 6_800_000_000,
    "ten thousand million": 10_000_000_000,
}
NODES = (1, 10, 100, 1000)
SIZES = (10_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 5_000_000)


@cache
def measured() -> dict[str, Any]:
    """docs/results/scale.json."""
    found: dict[str, Any] = json.loads((DOCS / "results" / "scale.json").read_text())
    return found


@cache
def rates() -> dict[str, float]:
    """Proteins a second of whole commands on both cores of the reference machine, by model.

    That of `esm2-8m` by how much slower it was than `fast` where both took turns.
    """
    speed = (DOCS / "speed.md").read_text()
    row = re.search(r"\| `fast`, 500,000 proteins, all files \| ([\d,]+)", speed)
    rows = json.loads((DOCS / "results" / "speed.json").read_text())
    once = {r["model"]: r["proteins"] / r["seconds"] for r in rows}
    if row is None:
        raise SystemExit("docs/speed.md: has no rate of `fast` for 500,000 proteins")
    fast = float(row[1].replace(",", ""))
    return {"fast": fast, "esm2-8m": fast * once["esm2-8m"] / once["fast"]}


@cache
def gpu_rates() -> dict[str, float]:
    """Proteins a second of one LoRA network on ESM-2 8M on an H100, by precision."""
    page = (DOCS / "gpu.md").read_text()
    rows = {
        name: re.search(rf"^\| `{name}` \|[^|]*\|[^|]*\| ([\d,]+) \|", page, re.MULTILINE)
        for name in ("float32", "tf32")
    }
    if missing := [name for name, row in rows.items() if row is None]:
        raise SystemExit(f"docs/gpu.md: has no rate for {', '.join(missing)}")
    return {name: float(row[1].replace(",", "")) for name, row in rows.items() if row}


@cache
def work(model: str) -> Work:
    """A worker on the reference machine."""
    own = measured()["models"][model]
    protein = 2 / rates()[model] * own["of_predict"]
    return Work(
        model, protein, own["seconds_a_worker"] * protein * 1e6 / own["microseconds_a_protein"]
    )


def there(seconds: float) -> float:
    """Seconds on the reference machine of what took `seconds` where all was measured.

    That machine was busy, and how fast it was then shows the time of predictions in the same run.
    """
    microseconds: float = measured()["proof"]["microseconds_a_protein"]["run"]
    return seconds * work("fast").protein * 1e6 / microseconds


def duration(seconds: float) -> str:
    """Two digits of seconds, minutes, hours or days."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            value = seconds / size
            return f"{value:,.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.2g} s"


def table(head: str, rows: list[list[str]]) -> str:
    """In Markdown; the first column is text."""
    columns = head.split(" | ")
    lines = [f"| {head} |", "|---|" + "--:|" * (len(columns) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def summary() -> str:
    """One set, on a laptop and on a node."""
    texts = []
    for model in rates():
        own, proteins = work(model), SETS["UniProtKB"]
        times = []
        for cores in (8, 64):
            assumed = Assumed(cores=cores)
            found = Cluster(own, 1, assumed=assumed).run(proteins, shard_of(own, proteins, cores))
            times.append(duration(found.seconds))
        hours = found.core_seconds / 3600
        texts.append(
            f"`{model}` takes {hours:,.0f} core-hours ({hours * assumed.price:,.0f} dollars) for "
            f"it: {times[0]} on a laptop of 8 cores, {times[1]} on a node of 64"
        )
    return f"UniProtKB has 2.5 x 10^8 proteins. {'; '.join(texts)}."


def rates_table() -> str:
    """What was measured of the workers."""
    rows = []
    for model in rates():
        own, one = measured()["models"][model], work(model)
        rows.append(
            [
                f"`{model}`",
                f"{rates()[model]:,.0f}",
                f"{own['of_predict']:.2f}",
                f"{1 / one.protein:,.0f}",
                f"{2 / own['slower_beside_another']:.2f}",
                f"{one.start:.1f} s",
                f"{own['megabytes']:,} MB",
                f"{1e9 * one.protein / 3600:,.0f}",
            ]
        )
    return table(
        "model | `predict`, two cores, proteins/s | a shard's time a protein, of `predict`'s "
        "| a worker, proteins/s | two workers, times one | start of a worker "
        "| memory | core-hours for 10^9 proteins",
        rows,
    )


def time_table(model: str, sets: Collection[str] = tuple(SETS)) -> str:
    """Time and cost of the sets on clusters of several sizes."""
    assumed, own, rows = Assumed(), work(model), []
    for name in sets:
        cells, hours = [], 0.0
        for nodes in NODES:
            shard = shard_of(own, SETS[name], nodes * assumed.cores)
            found = Cluster(own, nodes).run(SETS[name], shard)
            cells.append(f"{duration(found.seconds)} ({shard:,})")
            hours = max(hours, found.core_seconds / 3600)
        cost = f"{hours * assumed.price:,.0f}"
        rows.append([name, f"{SETS[name] / 1e6:,.0f}", f"{hours:,.0f}", cost, *cells])
    many = " | ".join(f"{n:,} node{'s' * (n > 1)}" for n in NODES)
    return table(f"`{model}` | million proteins | core-hours | US dollars | {many}", rows)


def gpu_text() -> str:
    """A GPU against cores, and the sets on some GPUs."""
    assumed, found, rows = Assumed(cores=1), gpu_rates(), []
    own = Work("gpu", 1 / found["float32"], assumed.gpu_start)
    for name, proteins in SETS.items():
        runs = [Cluster(own, gpus, assumed=assumed).run(proteins, 5_000_000) for gpus in (1, 8, 64)]
        hours = max(run.core_seconds for run in runs) / 3600
        cost = f"{hours * assumed.gpu_price:,.0f}"
        rows.append([name, f"{hours:,.0f}", cost, *(duration(run.seconds) for run in runs)])
    core = 1 / work("esm2-8m").protein
    on_gpu, on_cores = 1e9 / found["float32"] / 3600, 1e9 / core / 3600
    text = (
        f"One LoRA network on ESM-2 8M predicts {found['float32']:,.0f} proteins a second on one "
        f"H100 in float32 and {found['tf32']:,.0f} in tf32, with one process "
        f"([measured](gpu.md#measured)); {found['float32'] / core:,.0f} cores of the reference "
        f"machine do as many with `esm2-8m`, a network of the same shape. A thousand million "
        f"proteins are {on_gpu:.0f} hours of an H100, {on_gpu * assumed.gpu_price:,.0f} dollars at "
        f"{assumed.gpu_price:g} an hour, or {on_cores:,.0f} core-hours, "
        f"{on_cores * assumed.price:,.0f} dollars. In shards of five million, a worker on each "
        f"GPU, whose start is assumed to take {assumed.gpu_start:.0f} s, and all else as above:"
    )
    head = "one network on ESM-2 8M, float32 | H100-hours | US dollars | 1 GPU | 8 GPUs | 64 GPUs"
    return f"{text}\n\n{table(head, rows)}"


def sweep_table(sizes: Collection[int] = SIZES) -> str:
    """Shards of several sizes, for one set on one cluster."""
    own, rows, proteins, nodes = work("fast"), [], 10**9, 4
    ideal = proteins * own.protein / nodes / Assumed().cores
    for shard in sizes:
        plain = Cluster(own, nodes).run(proteins, shard)
        twice = Cluster(own, nodes, copies=True).run(proteins, shard)
        start = plain.shards * own.start / (proteins * own.protein)
        proof = sum(after(proteins, plain.shards).values())
        rows.append(
            [
                f"{shard:,}",
                f"{plain.shards:,}",
                duration(shard * own.protein),
                f"{start:.1%}",
                f"{plain.lost:,}",
                f"{duration(plain.seconds)} ({plain.seconds / ideal:.2f})",
                f"{duration(twice.seconds)} ({twice.seconds / ideal:.2f})",
                duration(proof),
            ]
        )
    return table(
        "proteins a shard | shards | a shard takes | spent on starts | attempts that fail "
        "| all done after | with second copies | verify and merge",
        rows,
    )


def after(proteins: float, shards: float) -> dict[str, float]:
    """Seconds of what one process does when all is predicted."""
    proof = measured()["proof"]
    each, every = proof["microseconds_a_protein"], proof["milliseconds_a_shard"]
    return {
        name: there(proteins * each[name] / 1e6 + shards * every[name] / 1e3)
        for name in ("verify", "merge to parquet")
    }


def data_table() -> str:
    """What is read, written and proved, whatever the number of nodes."""
    proof, store, assumed, rows = measured()["proof"], measured()["store"], Assumed(), []
    size = proof["bytes_a_protein"]
    for name, proteins in SETS.items():
        asked = proteins * store["requests"] / store["proteins"]
        own = after(proteins, proteins / 1e6)
        rows.append(
            [
                name,
                f"{proteins * size['input'] / 1e9:,.0f} GB",
                f"{proteins * size['parquet'] / 1e9:,.0f} GB",
                f"{asked:,.0f} ({asked * assumed.request_price:.2f} dollars)",
                *(duration(seconds) for seconds in own.values()),
            ]
        )
    return table(
        "set | input, unpacked | results, Parquet | requests of an object store | `verify` "
        "| `merge` into one Parquet file",
        rows,
    )


def stages_table() -> str:
    """From how many cores on each stage takes longer than predicting."""
    found, assumed = measured(), Assumed()
    proof, store = found["proof"], found["store"]
    size, shards = proof["bytes_a_protein"]["input"], 1e9 / 1e6
    asked = store["requests"] / store["proteins"]
    own = after(1e9, shards)
    reading = 1e3 * size / proof["megabytes_read_a_second_by_verify_inputs"]
    times = {
        "`merge` into one Parquet file": own["merge to parquet"],
        "`merge` into one TSV": there(1e3 * proof["microseconds_a_protein"]["merge to tsv"]),
        "`verify`": own["verify"],
        "`verify --inputs`": own["verify"] + there(reading),
        f"reading the input from a disk of {assumed.disk:g} GB/s": size / assumed.disk,
        f"requests of an object store, {assumed.requests:,.0f} a second": 1e9
        * asked
        / assumed.requests,
        "`status` (all manifests)": there(shards * proof["milliseconds_a_shard"]["status"] / 1e3),
        "`plan` of one plain file": there(found["plan"]["seconds_of_a_terabyte"]),
        "`plan` of 100,000 files": there(100 * found["plan"]["milliseconds_a_file"]),
    }
    predicting = {model: 1e9 * work(model).protein for model in rates()}
    rows = [
        [
            name,
            duration(seconds),
            *(cores(total / seconds) for total in predicting.values()),
        ]
        for name, seconds in sorted(times.items(), key=lambda item: -item[1])
    ]
    return table("what | for 10^9 proteins | longer than `fast` from cores | than `esm2-8m`", rows)


def cores(number: float) -> str:
    """Two digits; a cluster has no million."""
    if number > 1e6:
        return "-"
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{round(number / step) * step:,.0f}"


def target() -> str:
    """Whether a thousand million proteins take 180 core-hours."""
    assumed, own, proteins = Assumed(), work("fast"), 10**9
    nodes = 1
    found = Cluster(own, nodes).run(proteins, 1_000_000)
    net, gross = proteins * own.protein / 3600, found.core_seconds / 3600
    whole = proteins * 2 / rates()["fast"] / 3600
    windows = measured()["windows"]
    again = 1 - windows["distinct"] / windows["proteins"]
    verdict = "holds" if gross <= 180 else "is missed"
    return (
        f"A thousand million proteins with `fast` in 180 core-hours: this {verdict}. At the rate "
        f"of `predict` on both cores of the reference machine they are {whole:.0f} core-hours, in "
        f"shards without any trouble {net:.0f}, and with the starts, slow nodes and failures of "
        f"the simulation (one node of {assumed.cores} cores, shards of a million) {gross:.0f}: "
        f"{gross * assumed.price:.2f} dollars. Windows that occur again are computed once, where "
        f"they are among the last {CACHED:,} of a shard: in 13 proteomes these are at most "
        f"{again:.1%} of {windows['proteins']:,} proteins, and in catalogues that list each "
        "sequence once hardly more, so that nothing is subtracted for them."
    )


def overhead() -> str:
    """What a shard costs beside its proteins."""
    proof, texts = measured()["proof"], []
    for model in rates():
        own, one = measured()["models"][model], work(model)
        loading = one.start * own["seconds_to_start"] / own["seconds_a_worker"]
        size = shard_of(one, 10**9, 64)
        texts.append(
            f"with `{model}` a start takes {one.start:.1f} s, of which {loading:.1f} s are Python, "
            f"its libraries and the model, and the rest what is done for the first time: "
            f"{one.start / (size * one.protein):.2%} of a shard of {size:,} proteins"
        )
    files = there(proof["milliseconds_of_a_shard_s_files"])
    return (
        f"What a shard costs beside its proteins: {'; '.join(texts)}. A worker that keeps the "
        f"model, as `--shard` given several times does, and Ray, spends {files:.0f} ms on each "
        "further shard, for its files, checksums and manifest."
    )


def assumptions() -> str:
    """What was not measured."""
    own = Assumed()
    return (
        f"A node has {own.cores} cores as fast as those of the reference machine, each with a "
        f"worker of one thread; the logarithms of the nodes' speeds are normally distributed with "
        f"a standard deviation of {own.spread}. {own.slow:.0%} of the attempts take "
        f"{own.slowness:g} times as long (stragglers), {own.killed:.1%} end early, at a time that "
        f"is uniformly distributed (memory, time limit, preemption). A node fails once in "
        f"{own.node_days:g} days (exponentially distributed) and is back after "
        f"{duration(own.repair)}. What was begun then is lost, and done again at the end. A core "
        f"costs {own.price} US dollars an hour, while it works. The seed is {SEED}."
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "summary": summary,
    "rates": rates_table,
    "overhead": overhead,
    "target": target,
    "assumptions": assumptions,
    "times of fast": lambda: time_table("fast"),
    "times of esm2-8m": lambda: time_table("esm2-8m"),
    "gpus": gpu_text,
    "data": data_table,
    "stages": stages_table,
    "sizes": sweep_table,
}
MARKED = re.compile(r"(<!-- (.+?), by scripts/scale\.py -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def written(page: str, names: Collection[str] | None = None) -> str:
    """The page with its sections made anew; names: of these alone."""

    def made(found: re.Match[str]) -> str:
        if names is not None and found[2] not in names:
            return found[0]
        return f"{found[1]}\n{SECTIONS[found[2]]()}\n{found[4]}"

    return MARKED.sub(made, page)


def main() -> None:
    """Write the pages."""
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    named = {found[2] for page in pages.values() for found in MARKED.finditer(page)}
    if missing := SECTIONS.keys() - named:
        raise SystemExit(f"docs: no section for {', '.join(sorted(missing))}")
    for path, page in pages.items():
        path.write_text(written(page), encoding="utf-8")


if __name__ == "__main__":
    main()
