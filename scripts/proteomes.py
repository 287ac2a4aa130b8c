"""Count what models predict in whole proteomes, one row for each model and file.

    python scripts/proteomes.py FASTA... --model fast --model esm2-8m --output counts.tsv

Organisms go by the headers (`--organism auto`). Rows that the output holds already are kept and
not computed again, so that a run that was stopped goes on. Prints the table as Markdown.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import peft_sp
from peft_sp.biology.grammar import NO_SP, TYPES
from peft_sp.io.atomic import write_text

COLUMNS = ("model", "proteome", "proteins", "eukarya", *(name.lower() for name in TYPES))
Row = dict[str, str]


def survey(predictor: peft_sp.Predictor, path: Path, model: str) -> Row:
    """Proteins of each type in a FASTA file."""
    counts: Counter[str] = Counter()
    for prediction in predictor.predict(peft_sp.read_fasta(path), organism="auto"):
        counts["proteins"] += 1
        counts[prediction.type.lower()] += 1
        counts["eukarya"] += prediction.organism == "eukarya"
    return {"model": model, "proteome": path.stem, **{c: str(counts[c]) for c in COLUMNS[2:]}}


def read_rows(path: Path) -> list[Row]:
    """Rows of an earlier run."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def as_text(rows: Iterable[Row]) -> str:
    """The rows as tab-separated lines with a header."""
    lines = ["\t".join(COLUMNS), *("\t".join(row[c] for c in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as a table: number and share of each type."""
    types = [name for name in TYPES if name != NO_SP]
    lines = [
        f"| proteome | model | proteins | {' | '.join(types)} |",
        f"|---|---|--:|{'--:|' * len(types)}",
    ]
    for row in sorted(rows, key=lambda row: (row["proteome"], row["model"])):
        total = int(row["proteins"])
        numbers = [int(row[name.lower()]) for name in types]
        cells = [f"{n:,} ({n / total:.1%})" if n else "0" for n in numbers]
        lines.append(f"| {row['proteome']} | {row['model']} | {total:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("fasta", type=Path, nargs="+")
    parser.add_argument("--model", action="append", required=True, help="name, directory or hub id")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = read_rows(options.output)
    done = {(row["model"], row["proteome"]) for row in rows}
    for model in options.model:
        predictor = peft_sp.load(model)
        name = predictor.config.name or model
        for path in options.fasta:
            if (name, path.stem) not in done:
                rows.append(survey(predictor, path, name))
                write_text(options.output, as_text(rows))
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
