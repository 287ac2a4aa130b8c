"""A byte fuzzer, guided by coverage, of everything between an input file and the six result files.

Each input is written to a file, surveyed, read, predicted with the bundled model and written in
every format; what was written is parsed again. An input must be predicted or refused in one
line, every record once, in order, or named: anything else is a finding, and stops the run with
the bytes kept in a file. Needs atheris (Linux, `pip install ".[fuzz]"`).

    python benchmarks/fuzz.py --seconds 600 [--corpus DIR]
    python benchmarks/fuzz.py --models --seconds 600    # the bytes of a model instead
    python benchmarks/fuzz.py --operators --seconds 600 # ONNX operators with random inputs
    python benchmarks/fuzz.py --replay FILE
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_models
from hostile_models import ModelCheck

ROOT = Path(__file__).parent.parent
LONGEST = 4096
"""Bytes of an input before it is packed."""
PREDICTED = 8
"""One input of so many goes through the network and the writers."""


def plain(data: bytes) -> bytes:
    return data


def cut(data: bytes) -> bytes:
    packed = gzip.compress(data, 1)
    return packed[: max(len(packed) - 1 - len(data) % 40, 3)]


def wide(data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode("utf-16")


Step = Callable[[bytes], bytes]
PACKINGS: tuple[tuple[Step, Step], ...] = (
    # How the bytes are changed, and how they are packed then.
    (plain, plain),
    (plain, plain),
    (plain, plain),
    (plain, lambda data: gzip.compress(data, 1)),
    (plain, cut),
    (plain, lambda data: lzma.compress(data, preset=0)),
    (plain, lambda data: bz2.compress(data, 1)),
    (wide, plain),
    (lambda data: data.replace(b"\n", b"\r\n"), plain),
    (lambda data: data.replace(b"\n", b"\r"), plain),
)

SEEDS = (
    b">a first\nMKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN\n>b\nMSTNPKPQRKTKRNTNRRPQDVKF\n",
    b"\xef\xbb\xbf>sp|P1|X_Y caf\xe9 OS=Homo sapiens OX=9606\nMKT*AY-J.U\n;c\n#d\n>a\n\n>a\nMK1\n",
    b">x [[Clostridium] symbiosum]\nMKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAK\n",
    b'>P10152|EUKARYA|SP|1\nMVMVLSPLLL\nSSSSSSSSSO\n>P1;CRAB\ntitle\nMKT*\n>"q;=%&,#\tz\n'
    + b"ACGT" * 20,
    b"text before\n>#\nMKT\n>\x00\x1b[2J\xe2\x80\xa8\nMKV\n>>\nMKL\n>\xed\xa0\x80\nM\n",
    b"@r\nACGT\n+\nIIII\n",
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd\x04\x00\x41",
)
DICTIONARY = (
    b">",
    b"\n>",
    b"\r\n",
    b"*",
    b"-",
    b"\xef\xbb\xbf",
    b" OS=Homo sapiens",
    b" OX=562",
    b"]",
)


class FindingError(AssertionError):
    """Something that must not be."""


class Check:
    """One input, from bytes to parsed results; `tally` counts what became of the inputs."""

    def __init__(self) -> None:
        from peft_sp.inference.loading import load

        tempfile.tempdir = _memory()
        self.predictor = load("fast", threads=1)
        self.folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self.path = Path(self.folder.name, "input")
        self.tally: Counter[str] = Counter()

    def __call__(self, data: bytes) -> None:
        from peft_sp.errors import InputError
        from peft_sp.io.fasta import open_input

        change, pack = PACKINGS[data[0] % len(PACKINGS)] if data else PACKINGS[0]
        content = change(data[1 : LONGEST + 1])
        self.path.write_bytes(pack(content))
        self.tally["inputs"] += 1
        try:
            with open_input([self.path]) as source:
                survey = source.survey(skip_invalid=True)
                proteins = list(source.proteins())
        except InputError as error:
            message = str(error)
            if len(message.splitlines()) != 1 or len(message) > 600:
                raise FindingError(f"not one line: {message!r}") from None
            self.tally["refused"] += 1
            return
        self.tally["read"] += 1
        self.tally["records"] += survey.count
        self.tally["records named"] += len(survey.skipped)
        if pack is cut:
            raise FindingError("what was cut off was read")
        self._nothing_lost(content, survey, proteins)
        if self.tally["read"] % PREDICTED == 0:
            self._written(survey, proteins)
            self.tally["predicted and written"] += 1

    def _nothing_lost(self, content: bytes, survey: Any, proteins: list[Any]) -> None:
        if survey.count != len(proteins):
            raise FindingError(f"{survey.count} surveyed, {len(proteins)} read")
        if proteins != sorted(proteins, key=lambda p: p.line):
            raise FindingError("the order is lost")
        lines = _lines(content)
        starts = [n for n, line in enumerate(lines, 1) if line.strip("\ufeff \t").startswith(">")]
        named = sorted([p.line for p in proteins] + [e.line for e in survey.skipped])
        if lines and starts != named:
            raise FindingError(f"headers in lines {starts}, records in lines {named}")
        for protein in proteins:
            if not protein.sequence or len(protein.header.splitlines()) != 1:
                raise FindingError(f"an empty or torn record: {protein!r}")

    def _written(self, survey: Any, proteins: list[Any]) -> None:
        from peft_sp.biology.organism import BY_HEADER, Organism
        from peft_sp.io.raw_fasta import read_raw
        from peft_sp.io.results.run_directory import RunDirectory
        from peft_sp.io.results.run_info import RunInfo
        from peft_sp.io.writers import gff3, signalp6, tables

        choices = (*Organism, BY_HEADER)
        organism = choices[self.tally["read"] // PREDICTED % 3]
        out = Path(self.folder.name, "out")
        run = RunInfo(
            tool="fuzz",
            model="fast",
            organism=organism,
            count=survey.count,
            directory=str(out),
            skipped=survey.skipped,
        )
        predictions = []
        with RunDirectory(out) as files:
            table = tables.TableWriter(files.open(tables.FILE))
            features = gff3.Gff3Writer(files.open(gff3.FILE), run.tool)
            writer = signalp6.SignalP6Writer(files, run)
            for prediction in self.predictor.predict(proteins, organism):
                predictions.append(prediction)
                table.write(prediction)
                features.write(prediction)
                writer.write(prediction)
            writer.finish()
        if [p.protein.sequence for p in predictions] != [p.sequence for p in proteins]:
            raise FindingError("predictions are not one a protein, in order")
        signals = [p for p in predictions if p.cleavage_site]
        text = {file.name: file.read_bytes().decode() for file in out.iterdir()}
        _rows(text[tables.FILE], 1, len(proteins), len(tables.COLUMNS))
        ids = [line.split("\t")[0] for line in text[tables.FILE].split("\n")[1:-1]]
        if ids != [p.id for p in proteins]:
            raise FindingError("ids of the table are not those of the proteins")
        _rows(text["prediction_results.txt"], 2, len(proteins), 5 if organism == "eukarya" else 9)
        _rows(text["output.gff3"], 1, len(signals), 9)
        if text[gff3.FILE].count("\tsignal_peptide\t") != len(signals):
            raise FindingError("predictions.gff3 has not one feature a signal peptide")
        if any(
            line[0] != "#" and line.count("\t") != 8 for line in text[gff3.FILE].split("\n")[:-1]
        ):
            raise FindingError("a line of predictions.gff3 has not nine columns")
        regions = text["region_output.gff3"].split("\n")[1:-1]
        if any(line.count("\t") != 8 or line[0] in "#>" for line in regions):
            raise FindingError("a line of region_output.gff3 has not nine columns")
        entries = json.loads(text["output.json"])["SEQUENCES"]
        if [e["Name"] for e in entries.values()] != [p.header for p in proteins]:
            raise FindingError("output.json has not every header, in order")
        # Where a whole protein was a signal peptide nothing is left to read.
        if signals and all(p.mature for p in signals):
            again = [(r.header, r.sequence) for r in read_raw(out / "processed_entries.fasta")]
            if again != [(p.protein.header, p.mature) for p in signals]:
                raise FindingError("processed_entries.fasta does not read as it was written")


def _rows(text: str, heads: int, rows: int, columns: int) -> None:
    lines = text.split("\n")
    if lines.pop() or len(lines) != heads + rows:
        raise FindingError(f"{len(lines)} lines, not {heads} + {rows}")
    for line in lines[heads:]:
        if line.count("\t") != columns - 1 or line[:1] in ("#", ">"):
            raise FindingError(f"a row of other than {columns} columns: {line!r}")


def _lines(content: bytes) -> list[str]:
    """The lines of an input, told apart without the reader's help; none where it is not plain."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        if content[2:4] == b"\x00\x00":
            return []
        text = content.decode("utf-16", "replace")
    elif b"\x00" in content[:128]:
        return []
    else:
        text = content.decode("utf-8", "replace")
    # Of the odd spaces only those at a line's beginning matter; all are like a blank.
    text = "".join(" " if c.isspace() and c not in "\r\n" else c for c in text)
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def seeds(folder: Path) -> None:
    """Real beginnings and odd ones, under each packing."""
    folder.mkdir(parents=True, exist_ok=True)
    real = (ROOT / "examples" / "ecoli_300.faa").read_bytes()[:2000]
    for number, seed in enumerate((*SEEDS, real)):
        for packing in range(len(PACKINGS)):
            (folder / f"seed-{number}-{packing}").write_bytes(bytes([packing]) + seed)


def operators(seconds: int) -> None:
    """Compare what is computed of single operators with ONNX Runtime, from seed 0 on."""
    sys.path.insert(0, str(ROOT))
    from tests.support.operators import compare

    tally: Counter[str] = Counter()
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        tally[compare(tally.total())] += 1
    print(f"{tally.total():,} graphs:", dict(tally))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--models", action="store_true", help="change models, not FASTA files")
    parser.add_argument("--operators", action="store_true", help="compare sizes with ONNX Runtime")
    parser.add_argument("--replay", type=Path, nargs="*", help="run these inputs alone")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    if options.operators:
        operators(options.seconds)
        return
    if options.replay:
        check = ModelCheck(_memory()) if options.models else Check()
        for path in options.replay:
            for _ in range(3 * PREDICTED):  # whichever input is the one that is written
                check(path.read_bytes())
        print(dict(check.tally))
        return
    import atheris

    with atheris.instrument_imports(include=["peft_sp.io", "dnaio.readers"]):
        import peft_sp.io.fasta
        import peft_sp.io.organism
        import peft_sp.io.registry.graph_check
        import peft_sp.io.registry.lookup
        import peft_sp.io.writers.signalp6
        import peft_sp.io.writers.tables  # noqa: F401
    check = ModelCheck(_memory()) if options.models else Check()
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    if isinstance(check, ModelCheck):
        hostile_models.seeds(corpus, check.whole)
    else:
        seeds(corpus)
    longest, dictionary = LONGEST + 1, [*DICTIONARY]
    if options.models:
        longest, dictionary = hostile_models.LONGEST + 1, [*hostile_models.DICTIONARY]
    words = corpus.parent / f"{corpus.name}.dict"
    words.write_text(
        "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in dictionary)
    )
    random.seed(0)
    start = time.monotonic()

    def one(data: bytes) -> None:
        check(data)
        if time.monotonic() - start > options.seconds:
            seconds = time.monotonic() - start
            print(f"{seconds:.0f} s, {check.tally['inputs'] / seconds:.0f} inputs/s", flush=True)
            for what, count in check.tally.items():
                print(f"{what}: {count:,}", flush=True)
            check.folder.cleanup()
            os._exit(0)

    arguments = [sys.argv[0], f"-dict={words}", f"-max_len={longest}", "-timeout=20", "-seed=1"]
    atheris.Setup([*arguments, "-rss_limit_mb=2000", "-print_final_stats=1", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
