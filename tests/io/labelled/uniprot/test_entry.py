import pytest

from peft_sp.biology.grammar import ORGANISM_GROUPS
from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot.entry import (
    Entry,
    Feature,
    checked_accession,
    evidence_codes,
    groups_of,
    length_of,
)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("1", "21", (1, 21, True)),
        ("<1", "21", (1, 21, False)),
        ("1", "?", (1, None, False)),
        ("?1", "?21", (1, 21, False)),
        ("1", ">21", (1, 21, False)),
    ],
)
def test_positions(start, end, expected):
    feature = Feature.at("SIGNAL", start, end, "")
    assert (feature.start, feature.end, feature.exact) == expected


@pytest.mark.parametrize(
    ("lineage", "group"),
    [
        ("Eukaryota; Metazoa; Chordata.", "EUKARYA"),
        ("cellular organisms (no rank), Bacteria (domain), Bacillati (kingdom)", "NEGATIVE"),
        ("Bacteria; Bacillati; Bacillota; Bacilli", "POSITIVE"),
        ("Bacteria; Firmicutes; Bacilli", "POSITIVE"),
        ("Bacteria; Actinomycetota; Actinomycetes", "POSITIVE"),
        ("Bacteria; Proteobacteria; Gammaproteobacteria", "NEGATIVE"),
        ("Bacteria; Mycoplasmatota; Mollicutes", None),
        ("Archaea; Euryarchaeota", "ARCHAEA"),
        ("Viruses; Duplodnaviria", None),
    ],
)
def test_groups_of_lineages(lineage, group):
    assert groups_of(lineage) == ((group,) if group else ())
    assert Entry("P1", "MK", groups=groups_of(lineage)).group == group


def test_a_name_alone_tells_eukaryotes_from_others():
    assert groups_of("", "Homo sapiens (Human)") == ("EUKARYA",)
    assert groups_of("", "", "9606") == ("EUKARYA",)
    assert groups_of("", "Pseudomonas aeruginosa") == ("POSITIVE", "NEGATIVE", "ARCHAEA")
    assert groups_of("", "Enterobacteria phage T4") == ()
    assert groups_of("") == ORGANISM_GROUPS
    assert Entry("P1", "MK").group is None


@pytest.mark.parametrize(
    ("start", "end"),
    [("21", "1"), ("0", "20"), ("1", ""), ("", "3"), ("1", "2x"), ("twenty", "22"), ("1–2", "1–2")]
    + [("1", number) for number in ("²", "٢", "9" * 5000)],
)
def test_what_are_no_positions_is_refused(start, end):
    with pytest.raises(ValueError):
        Feature.at("SIGNAL", start, end, "")


def test_a_length_is_a_number_of_ascii_digits():
    assert length_of("35213") == 35213
    assert [length_of(text) for text in ("", "-1", "1.0", "²", "٢", "9" * 5000)] == [None] * 6


def test_places():
    assert Feature.within("SIGNAL", "1..21", "") == Feature("SIGNAL", 1, 21)
    assert Feature.within("LIPID", "22", "") == Feature("LIPID", 22, 22)
    assert Feature.within("SIGNAL", "?", "") == Feature("SIGNAL", None, None, False)
    assert Feature.within("SIGNAL", "P12345-2:1..20", "") is None


def test_an_accession_is_a_word_that_fits_into_a_header():
    assert checked_accession("P0A910", "a.tsv", 2) == "P0A910"
    for text, problem in (("", "no accession"), ("P 1|x", "'P 1|x' is no"), ("P1|x", "blanks or")):
        with pytest.raises(InputError, match=r"a\.tsv, line 7: ") as caught:
            checked_accession(text, "a.tsv", 7)
        assert problem in str(caught.value)


def test_features_by_kind_and_evidence_codes():
    signal, lipid = Feature("SIGNAL", 1, 21), Feature("LIPID", 22, 22)
    entry = Entry("P1", "MK", (signal, lipid))
    assert entry.of("LIPID") == [lipid] and entry.of("TRANSIT") == []
    text = '/evidence="ECO:0000269|PubMed:1, ECO:0000269|PubMed:2, ECO:0000305"'
    assert evidence_codes(text) == ("ECO:0000269", "ECO:0000305")
