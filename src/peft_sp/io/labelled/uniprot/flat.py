"""UniProt's text format (.txt, .dat), as it is since December 2019 and as it was before."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    KINDS,
    NON_TER,
    Entry,
    Feature,
    evidence_codes,
    group_of,
)

BEGINS = b"ID   "
_FEATURE = re.compile(r"FT   (\w+) +(\S+)(?: +(\S+)(?: +(.*))?)?$")
_POSITION = re.compile(r"[<>?]?\d*$")
_QUALIFIER = re.compile(r'/(\w+)=(?:"([^"]*)"|(\S*))')
_EXISTENCE = re.compile(r"PE   (\d)")
_BY_SOMEONE_ELSE = re.compile(r"\b(Potential|Probable|By similarity)\b")
"""How evidence was said before it had codes; a feature without such a word was seen."""
_INFERRED, _SEEN = "ECO:0000305", "ECO:0000269"


def read(text: Iterable[str], path: str) -> Iterator[Entry]:
    """The entries of a text. Raises InputError, with the line, where it is none or is cut off."""
    lines: dict[str, list[str]] = defaultdict(list)
    begin = 0
    for number, line in enumerate(map(str.rstrip, text), 1):
        if not line:
            continue
        if line.startswith("//"):
            yield _entry(lines, path, begin)
            lines = defaultdict(list)
            continue
        code = line[:2]
        if code == "ID":
            begin = number
            if lines:
                raise InputError("an entry begins before '//' ends the last", path=path, line=begin)
        elif not lines:
            raise InputError("an entry begins with a line ID", path=path, line=number)
        lines[code].append(line)
    if lines:
        raise InputError("the file ends within this entry", path=path, line=begin)


def _entry(lines: dict[str, list[str]], path: str, begin: int) -> Entry:
    if not lines["AC"]:
        raise InputError("an entry without a line AC", path=path, line=begin)

    def text(code: str) -> str:
        return " ".join(line[5:].strip() for line in lines[code])

    features = tuple(_features(lines["FT"]))
    existence = _EXISTENCE.match((lines["PE"] or [""])[0])
    flags = " ".join(line for line in lines["DE"] if "Flags:" in line)
    fragment = "Fragment" in flags or "(Fragment" in text("DE")
    # That an end is missing is said there; which one, by the feature.
    if any(feature.kind == NON_TER for feature in features):
        fragment = False
    return Entry(
        accession=text("AC").split(";")[0].strip(),
        sequence="".join("".join(line.split()) for line in lines["  "]).upper(),
        features=features,
        group=group_of(text("OC"), text("OS")),
        reviewed=bool(re.search(r"\b(Reviewed|STANDARD);", lines["ID"][0])),
        existence=int(existence[1]) if existence else None,
        fragment=fragment,
    )


def _features(lines: list[str]) -> Iterator[Feature]:
    """The features that are read; a feature is a line with a key and the lines that go on."""
    blocks: list[list[str]] = []
    for line in lines:
        if line[5:6].strip():
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line[5:].strip())
    for first, *more in blocks:
        match = _FEATURE.match(first)
        if match is None or match[1] not in KINDS:
            continue
        kind, start, end, note = match.groups()
        if end is not None and _POSITION.match(start) and _POSITION.match(end):
            yield _old_feature(kind, start, end, " ".join([note or "", *more]).strip())
        elif end is None and ":" not in start:  # "P12345-2:1..20" is of another isoform
            rest = " ".join(more)
            qualifiers = {m[1]: m[2] or m[3] or "" for m in _QUALIFIER.finditer(rest)}
            low, _, high = start.partition("..")
            yield Feature.at(
                kind, low, high or low, qualifiers.get("note", ""), evidence_codes(rest)
            )


def _old_feature(kind: str, start: str, end: str, note: str) -> Feature:
    codes = evidence_codes(note)
    if not codes:
        codes = (_INFERRED if _BY_SOMEONE_ELSE.search(note) else _SEEN,)
    return Feature.at(kind, start, end, note, codes)
