"""How programs that run SignalP 6 read its files, after the rules that their parsers keep to.

Each returns what the program takes from the files, and fails where it would fail.
"""

from __future__ import annotations

import json
import re
from pathlib import Path


def interproscan(folder: Path) -> dict[str, tuple[str, int, int, float]]:
    """InterProScan 6: type from the JSON, in parentheses; place and score from the GFF."""
    sequences = json.loads((folder / "output.json").read_text())["SEQUENCES"]
    kinds = {}
    for name, entry in sequences.items():
        assert entry["Name"]
        found = re.search(r"\((\S+)\)$", entry["Prediction"])
        kinds[name] = found[1] if found else entry["Prediction"]
    matches = {}
    for line in (folder / "output.gff3").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, source, _, start, end, score, _, _, _ = line.split("\t")
        assert source.startswith("SignalP")
        matches[name] = kinds[name], int(start), int(end), float(score)
    return matches


def trinotate(folder: Path) -> list[tuple[str, int, int, float, str]]:
    """Trinotate: columns 1, 4, 5, 6 and 9 of the GFF."""
    lines = (folder / "output.gff3").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(row[0], int(row[3]), int(row[4]), float(row[5]), row[8]) for row in rows]


def funannotate(folder: Path) -> dict[str, tuple[int, float]]:
    """Funannotate: the first line tells the version; label exactly SP, site in the fifth column."""
    lines = (folder / "prediction_results.txt").read_text().splitlines()
    assert lines[0].startswith("# SignalP-6")
    secreted = {}
    for line in lines:
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if columns[1] == "SP":
            place = columns[4].replace("CS pos: ", "").split(". Pr: ")
            secreted[columns[0]] = int(place[0].split("-")[0]), float(place[1])
    return secreted


def predector(folder: Path) -> dict[str, tuple[str, float, float, int | None]]:
    """Predector: four or five columns, the last a site; gives the first mature residue."""
    site = re.compile(r"CS\s+pos:\s+\d+-(\d+)\.?\s+Pr: (\d+(?:\.\d+)?)$")
    found = {}
    for line in (folder / "prediction_results.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        columns = line.rstrip("\n").split("\t")
        assert len(columns) in (4, 5)
        place = None
        if len(columns) == 5 and columns[4]:
            match = site.match(columns[4])
            assert match, columns[4]
            place = int(match[1])
        found[columns[0]] = columns[1], float(columns[2]), float(columns[3]), place
    return found


def isoform_switch_analyzer(folder: Path) -> list[tuple[str, int]]:
    """IsoformSwitchAnalyzeR: SignalP-6 in the first line, five columns; rows that have a site."""
    head, names, *rows = (folder / "prediction_results.txt").read_text().splitlines()
    assert "SignalP-6" in head
    assert len(names.split("\t")) == 5
    table = [row.split("\t") for row in rows]
    assert all(len(row) == 5 for row in table)
    return [
        (row[0], int(re.sub(r".*: *|-.*", "", row[4].split(".")[0]))) for row in table if row[4]
    ]


def anvio(folder: Path) -> dict[str, tuple[str, list[float], str]]:
    """Anvi'o: nine columns under a second line of names, one for each type."""
    lines = (folder / "prediction_results.txt").read_text().splitlines()
    names = lines[1].removeprefix("# ").split("\t")
    assert len(names) == 9 and names[0] == "ID" and names[-1] == "CS Position"
    found = {}
    for line in lines[2:]:
        columns = line.split("\t")
        assert len(columns) == 9
        found[columns[0]] = columns[1], [float(value) for value in columns[2:8]], columns[8]
    return found
