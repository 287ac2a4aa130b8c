"""What the web page must know of the package, as plain data: `/facts.json`.

The server gives it and `scripts/site.py` writes it, so that the page, and the engine that predicts
inside the browser, take every fact from where the commands have it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from itertools import combinations
from typing import Any

from peft_sp.biology.grammar import DECLARATIONS, TYPES, WINDOW
from peft_sp.biology.organism import BY_HEADER, Organism
from peft_sp.inference.loading import own_temperatures
from peft_sp.inference.predictor import CHUNK
from peft_sp.inference.run_options import PREDICT
from peft_sp.io import formats
from peft_sp.io.plotting import protein
from peft_sp.io.plotting.curves import CURVES
from peft_sp.io.plotting.palette import LIGHT, style_sheet
from peft_sp.io.plotting.shapes import plain
from peft_sp.io.plotting.summary.blocks import drawing
from peft_sp.io.registry import lookup
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
        "model": model(),
        "limits": {
            "records": BROWSER_RECORDS,
            "bytes": BROWSER_BYTES,
            "letters": formats.LONGEST,
            "chunk": CHUNK,
        },
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


def palette() -> str:
    """The colours as a style sheet, for `/palette.css`."""
    return style_sheet()


def facts_json() -> str:
    """`facts` as the text of `/facts.json`."""
    return json.dumps(facts(), ensure_ascii=False, separators=(",", ":"))
