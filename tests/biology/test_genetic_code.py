"""Translation by NCBI's genetic codes."""

from itertools import product

import pytest

from peft_sp.biology.genetic_code import CODES, genetic_code
from tests.support.genomes import INSULIN, PROTEIN

CODONS = ["".join(bases) for bases in product("ACGT", repeat=3)]


def test_every_code_is_that_of_biopython():
    tables = pytest.importorskip("Bio.Data.CodonTable").unambiguous_dna_by_id
    assert set(CODES) == set(tables)
    for number, table in tables.items():
        code = genetic_code(number)
        for codon in CODONS:
            assert code.translate(codon, False) == table.forward_table.get(codon, "*")
            begins = codon in table.start_codons
            assert (code.translate(codon, True) == "M") == (
                begins or table.forward_table.get(codon) == "M"
            )


def test_a_protein():
    assert genetic_code(1).translate(INSULIN, True) == f"{PROTEIN}*"
    assert genetic_code(1).translate(INSULIN.replace("T", "U"), True) == f"{PROTEIN}*"


def test_an_alternative_start_is_m_where_translation_begins_alone():
    assert genetic_code(11).translate("GTGGTGTTG", True) == "MVL"
    assert genetic_code(11).translate("GTGGTGTTG", False) == "VVL"
    assert genetic_code(1).translate("GTGGTG", True) == "VV"


def test_ambiguous_bases_are_x_unless_all_that_they_may_be_is_one_residue():
    assert genetic_code(1).translate("GCNATHNNNTAR?AA", False) == "AIX*X"


def test_what_is_no_whole_codon_is_left_out():
    assert genetic_code(1).translate("ATGGC", True) == "M"
    assert genetic_code(1).translate("", True) == ""


def test_there_is_no_other_code():
    with pytest.raises(KeyError):
        genetic_code(7)
