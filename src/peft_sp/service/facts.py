"""What the web page must know of the package, as plain data: `/facts.json`.

The server gives it and `scripts/site.py` writes it, so that the page, and the engine that predicts
inside the browser, take every fact from where the commands have it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from peft_sp.biology import notes
from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, RESIDUES
from peft_sp.biology.grammar import DECLARATIONS, TYPES, WINDOW, grammar
from peft_sp.biology.organism import BY_HEADER, Organism
from peft_sp.biology.prediction import (
    COLUMN_OF_STATE,
    MARGINAL_COLUMNS,
    REGION_OF_STATE,
    REGIONS,
    SIGNAL_PEPTIDE,
    parts,
)
from peft_sp.inference.backends import DEFAULT_BATCH_SIZE
from peft_sp.inference.decoding.decoder import RANKED
from peft_sp.inference.decoding.recursions import RESCALING_INTERVAL
from peft_sp.inference.loading import own_temperatures
from peft_sp.inference.predictor import ALTERNATIVE, LARGEST_SCORE
from peft_sp.inference.run_options import PREDICT
from peft_sp.io import cleaning, fasta, formats, organism, raw_fasta
from peft_sp.io.plotting import heatmap, protein
from peft_sp.io.plotting.curves import CURVES, curves
from peft_sp.io.plotting.palette import LIGHT, style_sheet
from peft_sp.io.plotting.shapes import plain
from peft_sp.io.plotting.summary.blocks import drawing
from peft_sp.io.registry import lookup
from peft_sp.io.writers import fasta as sequences
from peft_sp.io.writers import gff3, scans, signalp6, tables
from peft_sp.version import __version__

CITATION = (
    "PEFT-SP: signal peptide prediction with parameter-efficient protein language models, "
    f"version {__version__}"
)
"""As in CITATION.cff."""
ORGANISMS = {
    BY_HEADER: (
        "by header",
        "Each header decides: OX=, OS=, [Escherichia coli] and the like; a protein whose header "
        "names no organism is predicted as of a bacterium or archaeon, with a warning.",
    ),
    Organism.EUKARYA.value: (
        "eukaryotes",
        "Animals, plants, fungi and protists, which have Sec/SPI signal peptides alone.",
    ),
    Organism.OTHER.value: (
        "bacteria and archaea",
        "All five types of signal peptides are possible.",
    ),
}
"""Choices of an organism: how a page calls each, and a sentence. The first is the default."""
_SENTENCES = {
    "NO_SP": "No signal peptide: the protein stays in the cell or gets out another way.",
    "SP": "A signal peptide that goes through Sec and is cut by signal peptidase I.",
    "LIPO": "A lipoprotein's: goes through Sec, is cut by signal peptidase II before a cysteine.",
    "TAT": "Goes folded through the twin-arginine translocase and is cut by signal peptidase I.",
    "TATLIPO": "A lipoprotein's through the twin-arginine translocase, cut by signal peptidase II.",
    "PILIN": "Of a pilin or its like: cut by prepilin peptidase, behind the n-region.",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""What the page may load and do: Content-Security-Policy."""
_OF_HEADERS = ("frame-ancestors",)
"""Directives that a page cannot give for itself."""
BROWSER_RECORDS, BROWSER_BYTES = 100_000, 100_000_000
"""Records and bytes of input that the engine inside a browser takes: it holds them in memory."""


@cache
def facts() -> dict[str, Any]:
    """Everything, as data for JSON."""
    return {
        "version": __version__,
        "tool": PREDICT.tool,
        "citation": CITATION,
        "window": WINDOW,
        "types": types(),
        "organisms": organisms(),
        "drawing": drawing(),
        "paper": LIGHT,
        "frames": _frame_choice(),
        "scan": {
            **heatmap.rules(),
            "residues": AMINO_ACIDS,
            "columns": [[name, kind.__name__] for name, kind in scans.FIELDS.items()],
            "file": scans.FILE,
        },
        "model": model(),
        "limits": {
            "records": BROWSER_RECORDS,
            "bytes": BROWSER_BYTES,
            "letters": formats.LONGEST,
        },
        "engine": _portable(_engine()),
    }


def types() -> list[dict[str, Any]]:
    """The types of signal peptides in their order, NO_SP first: names and a sentence each."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "mechanism": one.mechanism,
            "eukaryotic": one.eukaryotic,
            "sentence": _SENTENCES[one.name],
        }
        for one in DECLARATIONS
    ]


def organisms() -> list[dict[str, Any]]:
    """What a user may choose: name, label, a sentence, and the types that are possible."""
    possible = {BY_HEADER: TYPES, **{one.value: one.types for one in Organism}}
    return [
        {"name": name, "label": label, "sentence": sentence, "types": list(possible[name])}
        for name, (label, sentence) in ORGANISMS.items()
    ]


def model() -> dict[str, Any]:
    """The bundled model, which a browser can run: name, description, version, hash, settings."""
    found = lookup.find(lookup.DEFAULT)
    config = found.config
    return {
        "name": found.name,
        "description": config.description,
        "licence": config.licence,
        "version": found.version,
        "hash": lookup.fingerprint(lookup.locate(found)),
        "temperatures": asdict(own_temperatures(config)),
    }


def frames() -> list[Any]:
    """The frames of all pictures, for windows of 1 residue up to `WINDOW`.

    For each length one for each of `facts()["frames"]["shown"]`, in that order.
    """
    return [
        plain(protein.frame(length, tuple(shown)))
        for length in range(1, WINDOW + 1)
        for shown in _frame_choice()["shown"]
    ]


def _frame_choice() -> dict[str, Any]:
    """Which curves a frame may have, by number, and from which probability on one is worth it."""
    rare = [CURVES.index(name) for name in CURVES if name not in protein.ALWAYS]
    always = [CURVES.index(name) for name in protein.ALWAYS]
    shown = [
        sorted(always + list(more))
        for count in range(len(rare) + 1)
        for more in combinations(rare, count)
    ]
    return {"shown": shown, "least": protein.WORTH_A_CURVE}


def _engine() -> dict[str, Any]:
    """What a browser needs to predict by itself: the grammar, and the rules of all files."""
    names = (*REGIONS, SIGNAL_PEPTIDE)
    return {
        "residues": RESIDUES,
        "pad": PAD,
        "grammar": _grammar(),
        "decoding": {
            "rescaling": RESCALING_INTERVAL,
            "ranked": RANKED,
            "alternative": ALTERNATIVE,
            "largest": LARGEST_SCORE,
        },
        "batch": DEFAULT_BATCH_SIZE,
        "regions": REGIONS,
        "parts": {name: parts(name) for name in names},
        "table": [[field.name, field.kind.__name__, field.of_cut] for field in tables.FIELDS],
        "sample": fasta.SAMPLE,
        "cleaning": cleaning.rules(),
        "formats": formats.rules(),
        "raw": raw_fasta.rules(),
        "organism": organism.rules(),
        "notes": notes.rules(),
        "gff3": gff3.rules(),
        "signalp6": signalp6.rules(),
        "files": {
            "table": tables.FILE,
            "gff3": gff3.FILE,
            "signalp6": signalp6.FILES,
            "sequences": sequences.FILES,
        },
    }


def _grammar() -> dict[str, Any]:
    """The grammar as lists of numbers, and the region and the curve that each state adds to."""
    rules = grammar()
    columns = curves(np.eye(len(MARGINAL_COLUMNS), dtype=np.float32)).argmax(axis=1).tolist()
    return {
        "types": rules.type_of_state.tolist(),
        "transitions": np.argwhere(rules.transitions).tolist(),
        "starts": np.flatnonzero(rules.starts).tolist(),
        "ends": np.flatnonzero(rules.ends).tolist(),
        "beforeCut": np.flatnonzero(rules.before_cut).tolist(),
        "cuts": rules.cuts.tolist(),
        "regions": [REGIONS.index(name) + 1 if name else 0 for name in REGION_OF_STATE],
        "curves": [columns[MARGINAL_COLUMNS.index(name)] for name in COLUMN_OF_STATE],
    }


# How JavaScript writes what Python's patterns mean by these in text, which goes beyond ASCII.
_WORD, _SPACE = (
    r"[\p{L}\p{N}_]",
    r"[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
)
_CLASSES = {
    r"\w": _WORD,
    r"\d": r"\p{Nd}",
    r"\b": rf"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
}


def _portable(value: Any) -> Any:
    """Data for JSON; patterns as JavaScript's with their flags, bytes as hexadecimal digits."""
    match value:
        case re.Pattern():
            return {
                "pattern": _javascript(value.pattern),
                "flags": "iu" if value.flags & re.I else "u",
            }
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): _portable(one) for key, one in value.items()}
        case set() | frozenset():
            return sorted(value)
        case list() | tuple():
            return [_portable(one) for one in value]
        case str() | int() | float() | None:
            return value
    raise TypeError(f"{type(value).__name__} has no counterpart in JSON")


def _javascript(pattern: str) -> str:
    """A pattern as JavaScript reads it with its flag u."""
    found = re.sub(r"\\.", lambda escape: _CLASSES.get(escape[0], escape[0]), pattern)
    bare = _SPACE.removeprefix("[").removesuffix("]")
    found = re.sub(r"(\[[^\]]*)\\s", lambda before: before[1] + bare, found).replace(r"\s", _SPACE)
    return "".join(one if " " <= one <= "~" else f"\\u{{{ord(one):x}}}" for one in found)


def packed_frames() -> bytes:
    """`frames` as compressed JSON (zlib), for `/frames.bin`: a fraction of the megabytes."""
    return zlib.compress(json.dumps(frames(), separators=(",", ":")).encode(), 9)


def packed_domains() -> bytes:
    """The table of organisms, compressed as browsers unpack it (zlib), for `/domains.bin`."""
    return zlib.compress(organism.table().encode(), 9)


def policy() -> str:
    """`POLICY` as a header."""
    return "; ".join(f"{name} {value}" for name, value in POLICY.items())


def page_policy() -> str:
    """`POLICY` as a page without a server of its own gives it, in its head."""
    own = {name: value for name, value in POLICY.items() if name not in _OF_HEADERS}
    return "; ".join(f"{name} {value}" for name, value in own.items())


def palette() -> str:
    """The colours as a style sheet, for `/palette.css`."""
    return style_sheet()


def facts_json() -> str:
    """`facts` as the text of `/facts.json`."""
    return json.dumps(facts(), ensure_ascii=False, separators=(",", ":"))
