"""Files of the real SignalP 6, and ours beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peft_sp.io.fasta import open_input
from peft_sp.io.writers.signalp6 import FILES
from tests.support.paths import DATA

REAL = DATA / "signalp6"


def without_numbers(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "0", text)


def compare(ours: Path, real: Path, fasta: Path) -> list[str]:
    """Our files against the real ones, token by token: numbers alone may differ.

    Where a type is another one, so is what follows from it: returns the names of these proteins.
    """
    rows = [
        [line.split("\t") for line in (place / "prediction_results.txt").read_text().split("\n")]
        for place in (ours, real)
    ]
    assert len(rows[0]) == len(rows[1])
    other = {a[0] for a, b in zip(*rows, strict=True) if a[1:2] != b[1:2] and a[0][:1] != "#"}
    with open_input([fasta]) as source:
        proteins = {protein.header: protein for protein in source.proteins()}
    for name in FILES[:3]:
        texts = []
        for place in (ours, real):
            lines = (place / name).read_text().split("\n")
            kept = [line for line in lines if line.split("\t")[0] not in other]
            texts.append(without_numbers("\n".join(kept)))
        assert texts[0] == texts[1], name
    _compare_json(ours, real, other)
    for place in (ours, real):
        for record in (place / "processed_entries.fasta").read_text().split(">")[1:]:
            header, mature, end = record.split("\n")
            assert proteins[header].sequence.endswith(mature) and not end
    headers = [
        re.findall("^>(.*)$", (p / FILES[3]).read_text(), re.MULTILINE) for p in (ours, real)
    ]
    assert [header for header in headers[0] if header not in other] == headers[1]
    for table in real.glob("*_plot.txt"):
        _compare_tables(ours / table.name, table)
    return sorted(other)


def _compare_json(ours: Path, real: Path, other: set[str]) -> None:
    texts = [(place / "output.json").read_text() for place in (ours, real)]
    found = [json.loads(text)["SEQUENCES"] for text in texts]
    assert list(found[0]) == list(found[1])
    for name in set(found[0]) - other:
        for key in ("Prediction", "CS_pos"):
            assert without_numbers(found[0][name][key]) == without_numbers(found[1][name][key])
    # What is left to compare: all but what was found, and where the run was asked to write it.
    blank = r'("(?:Prediction|CS_pos|FORMAT|Plot_eps|Plot_png)": )".*"'
    texts = [re.sub(blank, r'\1""', text) for text in texts]
    texts = [re.sub(r'("(?:\w+_FILE|Plot_txt)": )".*/', r'\1"', text) for text in texts]
    assert without_numbers(texts[0]) == without_numbers(texts[1])


def _compare_tables(ours: Path, real: Path) -> None:
    tables = [path.read_text().split("\n") for path in (ours, real)]
    assert tables[0][:2] == tables[1][:2]
    cells = [[line.split("\t") for line in table[2:]] for table in tables]
    assert [row[:2] for row in cells[0]] == [row[:2] for row in cells[1]]
    for mine, theirs in zip(*cells, strict=True):
        assert len(mine) == len(theirs)
        assert without_numbers("\t".join(mine[3:])) == without_numbers("\t".join(theirs[3:]))
        assert all(re.fullmatch(r"\d\.\d{6}", value) for value in mine[3:])
