"""What the page knows of the package is what the package has."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.biology.organism import NAMES
from peft_sp.io.plotting.curves import CURVES
from peft_sp.io.plotting.protein import drawn_curves, frame
from peft_sp.io.plotting.shapes import plain
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.service import facts
from peft_sp.version import __version__
from tests.support.paths import ROOT


def test_the_facts_are_json_that_every_browser_reads() -> None:
    text = facts.facts_json()
    assert json.loads(text) == json.loads(json.dumps(facts.facts(), allow_nan=False))
    assert len(text) < 40_000  # a phone fetches it before anything is shown


def test_types_stand_in_their_order_each_with_a_sentence() -> None:
    types = facts.facts()["types"]
    assert [one["name"] for one in types] == list(TYPES)
    assert types[2]["mechanism"] == "Sec/SPII"
    assert all(one["sentence"].endswith(".") for one in types)


def test_an_organism_says_which_types_are_possible() -> None:
    organisms = {one["name"]: one for one in facts.facts()["organisms"]}
    assert list(organisms) == ["auto", "eukarya", "other"]
    assert set(organisms) <= set(NAMES)
    assert organisms["eukarya"]["types"] == ["NO_SP", "SP"]
    assert organisms["auto"]["types"] == organisms["other"]["types"] == list(TYPES)


def test_the_model_is_the_default_of_the_commands_with_the_hash_of_its_files() -> None:
    model = facts.facts()["model"]
    assert model["name"] == lookup.DEFAULT
    assert model["hash"] == lookup.fingerprint(lookup.locate(lookup.DEFAULT))
    fitted = ModelConfig.read(lookup.locate(lookup.DEFAULT)).calibration
    assert model["temperatures"]["types"] == pytest.approx(fitted.temperature) != 1
    assert set(model["temperatures"]) == {"types", "eukarya", "sites"}


def test_the_frame_of_a_length_and_its_curves_is_found_by_its_number() -> None:
    frames, choice = facts.frames(), facts.facts()["frames"]
    values = np.zeros((31, len(CURVES)), dtype=np.float32)
    values[4, CURVES.index("lipobox")] = choice["least"] + 0.001
    drawn = drawn_curves(values)
    number = 30 * len(choice["shown"]) + choice["shown"].index(list(drawn))
    assert frames[number] == plain(frame(31, drawn))
    assert len(frames) == WINDOW * len(choice["shown"])


def test_the_palette_has_colours_for_light_and_for_dark() -> None:
    css = facts.palette()
    assert len(re.findall("--h-region:", css)) == 3
    assert "prefers-color-scheme: dark" in css


def test_the_citation_is_that_of_the_file_that_readers_find() -> None:
    cited = (ROOT / "CITATION.cff").read_text()
    title = re.search('^title: "(.*)"$', cited, re.MULTILINE)
    assert title
    assert facts.facts()["citation"] == f"{title[1]}, version {__version__}"
