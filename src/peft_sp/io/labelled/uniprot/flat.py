"""UniProt's text format (.txt, .dat), as it is since December 2019 and as it was before."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    KINDS,
    NON_TER,
    PASSED_OVER,
    Entry,
    Feature,
    checked_accession,
    evidence_codes,
    groups_of,
    length_of,
)

BEGINS = b"ID   "
_FEATURE = re.compile(r"FT   (\w+) +(\S+)(?: +(\S+)(?: +(.*))?)?$")
_QUALIFIER = re.compile(r'/(\w+)=(?:"([^"]*)"|(\S*))')
_LENGTH = re.compile(r"(\d+) AA\b")
_EXISTENCE = re.compile(r"PE   (\d)")
_BY_SOMEONE_ELSE = re.compile(r"\b(Potential|Probable|By similarity)\b")
"""How evidence was said before it had codes; a feature without such a word was seen."""
_AGAIN = "if the file is cut off, download it again"
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
                raise InputError(
                    f"an entry begins before '//' ends this one; {_AGAIN}",
                    path=path,
                    line=number,
                    record=_name(lines),
                )
        elif not lines:
            problem = f"an entry begins with a line ID; {_AGAIN}"
            raise InputError(problem, path=path, line=number)
        lines[code].append(line)
    if lines:
        raise InputError(
            f"the file ends within this entry; {_AGAIN}",
            path=path,
            line=begin,
            record=_name(lines),
        )


def _name(lines: dict[str, list[str]]) -> str:
    """An entry's accession, or its name where it has not come to that yet."""
    first = (lines["AC"] or lines["ID"])[0][5:].split()
    return first[0].rstrip(";") if first else ""


def _entry(lines: dict[str, list[str]], path: str, begin: int) -> Entry:
    if not lines["AC"]:
        problem = "an entry without a line AC, which gives its accession"
        raise InputError(problem, path=path, line=begin, record=_name(lines))

    def text(code: str) -> str:
        return " ".join(line[5:].strip() for line in lines[code])

    features, unreadable = _features(lines["FT"])
    length = _LENGTH.search(" ".join(lines["SQ"])) or _LENGTH.search(lines["ID"][0])
    existence = _EXISTENCE.match((lines["PE"] or [""])[0])
    flags = " ".join(line for line in lines["DE"] if "Flags:" in line)
    fragment = "Fragment" in flags or "(Fragment" in text("DE")
    # That an end is missing is said there; which one, by the feature.
    if any(feature.kind == NON_TER for feature in features):
        fragment = False
    return Entry(
        accession=checked_accession(text("AC").split(";")[0].strip(), path, begin),
        sequence="".join("".join(line.split()) for line in lines["  "]).upper(),
        features=features,
        groups=groups_of(text("OC"), text("OS")),
        reviewed=bool(re.search(r"\b(Reviewed|STANDARD);", lines["ID"][0])),
        existence=int(existence[1]) if existence else None,
        fragment=fragment,
        length=length_of(length[1]) if length else None,
        unreadable=unreadable,
    )


def _features(lines: list[str]) -> tuple[tuple[Feature, ...], str]:
    """The features that are read, and what cannot be read.

    A feature is a line with a key and the lines that go on.
    """
    blocks: list[list[str]] = []
    for line in lines:
        if line[5:6].strip():
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line[5:].strip())
    found: list[Feature] = []
    unreadable = ""
    for block in blocks:
        kind = block[0][5:].split(None, 1)[0]
        if kind in PASSED_OVER:
            continue
        try:
            feature = _feature(block)
        except ValueError:
            what = "a feature" if kind in KINDS else "an unknown feature"
            unreadable = unreadable or f"{what} {kind} that cannot be read"
            continue
        if feature is not None:
            found.append(feature)
    return tuple(found), unreadable


def _feature(block: list[str]) -> Feature | None:
    """A feature; None where it is of another isoform. Raises ValueError where it is none."""
    match = _FEATURE.match(block[0])
    if match is None or match[1] not in KINDS:
        raise ValueError(block[0])
    kind, start, end, note = match.groups()
    if end is not None:
        return _old_feature(kind, start, end, " ".join([note or "", *block[1:]]).strip())
    rest = " ".join(block[1:])
    qualifiers = {m[1]: m[2] or m[3] or "" for m in _QUALIFIER.finditer(rest)}
    return Feature.within(kind, start, qualifiers.get("note", ""), evidence_codes(rest))


def _old_feature(kind: str, start: str, end: str, note: str) -> Feature:
    codes = evidence_codes(note)
    if not codes:
        codes = (_INFERRED if _BY_SOMEONE_ELSE.search(note) else _SEEN,)
    return Feature.at(kind, start, end, note, codes)
