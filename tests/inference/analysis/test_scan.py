"""Scans of proteins, against each changed protein predicted by itself."""

import pytest

import peft_sp
from peft_sp.biology.notes import LITTLE_LEFT
from peft_sp.errors import InputError, OptionError
from tests.support.commands import SIGNAL

WEAK = "MKTAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTG"


@pytest.fixture(scope="module")
def predictor():
    return peft_sp.load("fast", threads=1)


def test_every_change_is_predicted_as_the_changed_protein_is(predictor):
    (scan,) = peft_sp.scan(("a", WEAK), model=predictor)
    assert len(scan.substitutions) == 19 * len(WEAK)
    same = [("", WEAK, scan.wild_type)]
    for one in scan.substitutions[::97]:
        at = one.position - 1
        assert WEAK[at] == one.residue
        same.append((one.name, WEAK[:at] + one.to + WEAK[at + 1 :], one.prediction))
    for name, sequence, found in same:
        alone = next(predictor.predict(("a", sequence)))
        assert (found.type, found.cleavage_site) == (alone.type, alone.cleavage_site), name
        assert found.probability == pytest.approx(alone.probability, abs=1e-5)


def test_a_cysteine_where_a_lipobox_wants_one_makes_a_lipoprotein(predictor):
    """LxxC: behind VAQA of OmpA's signal peptide; eukaryotes have no lipoproteins of this kind."""
    (scan,) = peft_sp.scan([("OmpA", SIGNAL)], model=predictor)
    (cysteine,) = [one for one in scan.substitutions if one.name == "Q20C"]
    assert (cysteine.prediction.type, scan.shift(cysteine)) == ("LIPO", -2)
    (scan,) = peft_sp.scan([("OmpA", SIGNAL)], "eukarya", predictor)
    assert {one.prediction.type for one in scan.substitutions} <= {"SP", "NO_SP"}


def test_only_the_window_is_changed_and_several_proteins_are_scanned_in_turn(predictor):
    long = SIGNAL + "A" * 400
    scans = peft_sp.scan({"a": long, "b": "MK"}, model=predictor)
    first = next(scans)
    assert len(first.substitutions) == 1330 and first.wild_type.protein.sequence == long
    assert not any(LITTLE_LEFT in one.prediction.notes for one in first.substitutions)
    assert len(next(scans).substitutions) == 38


def test_what_cannot_be_scanned_is_named(predictor):
    with pytest.raises(InputError, match="'7' at residue 2 is no amino acid"):
        next(peft_sp.scan(("a", "M7"), model=predictor))
    with pytest.raises(OptionError, match="organism is 'fungi'"):
        next(peft_sp.scan(("a", "MK"), "fungi", predictor))
