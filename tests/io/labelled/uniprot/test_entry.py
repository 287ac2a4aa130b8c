import pytest

from peft_sp.io.labelled.uniprot.entry import Entry, Feature, evidence_codes, group_of


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
    assert group_of(lineage) == group


def test_a_name_alone_tells_eukaryotes():
    assert group_of("", "Homo sapiens (Human)") == "EUKARYA"
    assert group_of("", "", "9606") == "EUKARYA"
    assert group_of("", "Escherichia coli (strain K12)") is None
    assert group_of("") is None


def test_features_by_kind_and_evidence_codes():
    signal, lipid = Feature("SIGNAL", 1, 21), Feature("LIPID", 22, 22)
    entry = Entry("P1", "MK", (signal, lipid))
    assert entry.of("LIPID") == [lipid] and entry.of("TRANSIT") == []
    text = '/evidence="ECO:0000269|PubMed:1, ECO:0000269|PubMed:2, ECO:0000305"'
    assert evidence_codes(text) == ("ECO:0000269", "ECO:0000305")
