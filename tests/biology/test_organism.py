import json

import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.biology.organism import BY_HEADER, NAMES, Organism, parse_choice
from peft_sp.errors import OptionError


def test_eukaryotes_have_one_type():
    assert Organism.EUKARYA.types == ("NO_SP", "SP")
    assert Organism.OTHER.types == TYPES


def test_choices():
    assert [parse_choice(name) for name in ("eukarya", "other", "auto")] == [*Organism, BY_HEADER]
    assert parse_choice(Organism.EUKARYA) is Organism.EUKARYA
    for name in ("fungi", "Eukarya", ""):
        with pytest.raises(OptionError, match=f"organism is '{name}'; choose one of eukarya"):
            parse_choice(name)


def test_signalp6_aliases():
    names = {name for name in NAMES if parse_choice(name) is Organism.OTHER}
    assert names == {"other", "arch", "gram+", "gram-"}
    assert parse_choice("euk") is Organism.EUKARYA


def test_an_organism_is_its_name_in_a_dictionary_and_in_json():
    assert {"other": 1}[Organism.OTHER] == 1
    assert json.dumps({Organism.OTHER: Organism.EUKARYA}) == '{"other": "eukarya"}'
