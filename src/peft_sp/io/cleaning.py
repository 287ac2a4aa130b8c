"""From a record as it stands in a file to a protein that can be predicted: every rule.

Every change of a sequence or a name gives a warning; a record without a remedy is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from peft_sp.biology.alphabet import RESIDUES, UNKNOWN
from peft_sp.biology.grammar import DECLARATIONS, ORGANISM_GROUPS, TOPOLOGY, WINDOW
from peft_sp.biology.notes import COMMENTS, LIKE_NUCLEOTIDES, MOSTLY_UNKNOWN, OF_HEADER
from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError, OptionError, PeftSpError
from peft_sp.wording import TURNING

UNNAMED = "unnamed"
NUCLEOTIDE_HINT = "these are nucleotides, not amino acids; translate them first"
LONG_ENOUGH_TO_TELL = 50
"""Letters from which on a single sequence shows whether it is of nucleotides."""
LONG_ENOUGH_TO_SUSPECT = 15

_KNOWN = RESIDUES.encode()
_NUCLEOTIDES = b"ACGTUN"
_LOOKS_LIKE_NUCLEOTIDES = 0.95
_LABELS = frozenset("".join((*TOPOLOGY, *(one.label for one in DECLARATIONS))))
_LABELLED = 10
"""Residues from which on as many letters of labels behind them are no coincidence."""
_GROUPED = re.compile(rf"\|(?:{'|'.join(ORGANISM_GROUPS)})\|[A-Z_]+\|\d$")
_STANDARD = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL"
_THREE_LETTERS = frozenset(f"{_STANDARD} ASX GLX SEC PYL XAA".split())
_THREE_LETTER_RESIDUES = 5
"""Residues from which on a sequence of these words alone is no coincidence."""
_PIR = re.compile(r"(?:P1|F1|DL|DC|RL|RC|N1|N3|XX);")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")
_MARKS = re.compile(r"^[>#\s]+")
_WHITESPACE = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]")
_UNSEEN = (
    "\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_CONTROL = re.compile(f"[\x00-\x08\x0e-\x1b\x7f-\x9f{TURNING}{_UNSEEN}\ud800-\udfff]")
_SIGN = re.compile("[^A-Za-z*.-]")
"""What stands for no residue, gap or stop."""


def rules() -> dict[str, Any]:
    """What these rules go by, for the same rules in a browser."""
    return {
        "residues": RESIDUES,
        "unknown": UNKNOWN,
        "unnamed": UNNAMED,
        "hint": NUCLEOTIDE_HINT,
        "tell": LONG_ENOUGH_TO_TELL,
        "suspect": LONG_ENOUGH_TO_SUSPECT,
        "nucleotides": _NUCLEOTIDES.decode(),
        "share": _LOOKS_LIKE_NUCLEOTIDES,
        "labels": _LABELS,
        "labelled": _LABELLED,
        "grouped": _GROUPED,
        "words": _THREE_LETTERS,
        "fewestWords": _THREE_LETTER_RESIDUES,
        "pir": _PIR,
        "marks": _MARKS,
        "whitespace": _WHITESPACE,
        "control": _CONTROL,
        "sign": _SIGN,
    }


class UnusableRecordError(PeftSpError, ValueError):
    """Why a record cannot be predicted; the reader adds where it stands."""


OnError = Literal["raise", "skip"] | Callable[[InputError], None]
"""What is done about a record that cannot be used: "raise" its error; "skip" the record; or call a
function with its error and skip the record, as in `on_error=errors.append`."""


def reporter(on_error: OnError) -> Callable[[InputError], None]:
    """What is called with the error of each record. Raises OptionError for no such choice."""
    if callable(on_error):
        return on_error
    if on_error == "raise":
        return _raise
    if on_error == "skip":
        return _ignore
    raise OptionError(f"on_error is 'raise', 'skip' or a function, not {on_error!r}")


def _raise(error: InputError) -> None:
    raise error from None


def _ignore(error: InputError) -> None:
    """The record is skipped without a word."""


def clean(
    header: str, sequence: str, line: int = 0, comments: int = 0, signs_as_x: bool = False
) -> Protein:
    """A protein from a header and a sequence as they were given.

    Upper-cases; strips a trailing stop; turns inner stops and letters that no network knows
    into X and removes gaps, with a warning each. signs_as_x: the same for what is no letter.
    Raises UnusableRecordError where nothing is left, or where something is no letter, or where
    the letters are nucleotides or no sequence.
    """
    name, warnings = clean_header(header)
    if comments:
        warnings = (*warnings, f"{comments} {COMMENTS}")
    letters = "".join(sequence.split())
    if not (letters.isascii() and letters.isalpha()) and _SIGN.search(letters):
        letters, change = _without_signs(letters, signs_as_x)
        warnings = (*warnings, change)
    letters = letters.upper().rstrip("*")
    if odd := letters.encode().translate(None, _KNOWN):
        letters, changes = _without(set(odd.decode()), letters)
        warnings = (*warnings, *changes)
    if not letters:
        raise UnusableRecordError("the record has no residues; remove it or give its sequence")
    if len(letters) >= LONG_ENOUGH_TO_SUSPECT and looks_like_nucleotides(letters):
        if len(letters) >= LONG_ENOUGH_TO_TELL:
            raise UnusableRecordError(NUCLEOTIDE_HINT)
        warnings = (*warnings, LIKE_NUCLEOTIDES)
    if 2 * letters.count(UNKNOWN, 0, WINDOW) > min(len(letters), WINDOW):
        warnings = (*warnings, MOSTLY_UNKNOWN)
    if problem := _more_than_a_sequence(name, letters):
        raise UnusableRecordError(problem)
    return Protein(name, letters, warnings, line)


def _without_signs(letters: str, signs_as_x: bool) -> tuple[str, str]:
    """Letters with X for each sign among them, and what was done. Raises UnusableRecordError.

    A '>' is never read as X: behind it stands the header of a record that would be lost.
    """
    signs = _SIGN.findall(letters)
    if not signs_as_x:
        raise UnusableRecordError(_not_an_amino_acid(signs[0], letters))
    if ">" in signs:
        raise UnusableRecordError(_not_an_amino_acid(">", letters))
    first = f"{_shown(signs[0])} at residue {letters.find(signs[0]) + 1}"
    what = first if len(signs) == 1 else f"{len(signs)} signs, the first {first},"
    return _SIGN.sub(UNKNOWN, letters), f"{what} read as X"


def _without(odd: set[str], letters: str) -> tuple[str, list[str]]:
    """Letters without the odd ones among them, and what was done."""
    warnings = []
    if gaps := letters.count("-") + letters.count("."):
        letters = letters.replace("-", "").replace(".", "").rstrip("*")
        warnings.append(f"{gaps} gap(s) removed")
    if stops := letters.count("*"):
        letters = letters.replace("*", UNKNOWN)
        warnings.append(f"{stops} inner stop(s) read as X")
    for letter in sorted(odd - set("-.*")):
        warnings.append(f"{letters.count(letter)} {letter} read as X")
        letters = letters.replace(letter, UNKNOWN)
    return letters, warnings


def looks_like_nucleotides(letters: str) -> bool:
    """Nearly all letters are bases, and of three or more kinds: some proteins repeat two."""
    others = letters.encode().translate(None, _NUCLEOTIDES)
    if len(others) > (1 - _LOOKS_LIKE_NUCLEOTIDES) * len(letters):
        return False
    return sum(letters.count(base) > len(letters) / 50 for base in "ACGTU") >= 3


def _not_an_amino_acid(letter: str, letters: str) -> str:
    position = letters.find(letter) + 1
    if letter == ">":
        return f"'>' at residue {position}: a line end is missing before a header; put it in"
    return f"{_shown(letter)} at residue {position} is no amino acid; {_remedy(letter)}"


def _remedy(letter: str) -> str:
    return "remove the numbers" if letter.isdigit() else "remove it"


def _shown(letter: str) -> str:
    return f"byte {ord(letter) - 0xDC00:#x}" if _STRAY_BYTE.match(letter) else repr(letter)


def _more_than_a_sequence(name: str, letters: str) -> str | None:
    """What is wrong with a record of a format that is nearly FASTA."""
    if letters[:3] in _THREE_LETTERS and _is_three_letter_code(letters):
        return "this is the three-letter code (Met, Lys, ...); give one letter a residue"
    if name[2:3] == ";" and _PIR.match(name):
        return "this looks like PIR, whose second line is a title; give FASTA"
    if name[-2:-1] != "|" or not _GROUPED.search(name):
        return None
    half = len(letters) // 2
    if half >= _LABELLED and 2 * half == len(letters) and set(letters[half:]) <= _LABELS:
        return "labels follow the sequence (three-line format); leave them out"
    return None


def _is_three_letter_code(letters: str) -> bool:
    words = {letters[start : start + 3] for start in range(0, len(letters), 3)}
    return len(letters) >= 3 * _THREE_LETTER_RESIDUES and words <= _THREE_LETTERS


def clean_header(header: str) -> tuple[str, tuple[str, ...]]:
    """A header that every file format can hold, on one line and never empty, and warnings.

    Bytes that are no UTF-8 (lone surrogates of PEP 383) are read as Windows-1252; tabs and line
    separators become spaces; other invisible characters too, and '>' or '#' that would begin
    the name are left out, with a warning each.
    """
    if header.isprintable() and header[:1] not in (" ", ">", "#", "") and header[-1] != " ":
        return header, ()
    warnings = []
    header, stray = _STRAY_BYTE.subn(_windows_1252, header)
    if stray:
        warnings.append(f"{OF_HEADER}{stray} byte(s) that are no UTF-8 read as Windows-1252")
    header, controls = _CONTROL.subn(" ", _WHITESPACE.sub(" ", header))
    if controls:
        warnings.append(f"{OF_HEADER}{controls} invisible character(s) read as spaces")
    name = header.strip()
    if name[:1] in (">", "#"):
        # A line that begins so is a header or a comment to those who read the results.
        warnings.append(f"{OF_HEADER}'{name[0]}' at its beginning left out")
        name = _MARKS.sub("", name)
    if not name:
        warnings.append(f"{OF_HEADER}empty; called {UNNAMED}")
    return name or UNNAMED, tuple(warnings)


def _windows_1252(match: re.Match[str]) -> str:
    return bytes([ord(match[0]) - 0xDC00]).decode("cp1252", "replace")
