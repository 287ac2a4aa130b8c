from dataclasses import replace

import pytest

from peft_sp.biology.grammar import ORGANISM_GROUPS
from peft_sp.io.labelled import UNPARTITIONED
from peft_sp.io.labelled.uniprot.entry import Entry, Feature
from peft_sp.io.labelled.uniprot.labelling import Remarks, Rules, labelled

SP = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYH"
TAT = "MNNNDLFQASRRRFLAQLGGLTVAGMLGPSLLTPRRATAAQAATDAVISKEG"
CURATED = ("ECO:0000255",)
SIGNAL = Feature("SIGNAL", 1, 21, evidence=("ECO:0000269",))


def result(entry, **rules):
    """The labels, or the reason for none."""
    remarks = Remarks()
    found = list(labelled([entry], Rules(**rules), remarks))
    return (found[0].type, found[0].labels) if found else remarks.left_out[0][1]


def entry(*features, sequence=SP, group="NEGATIVE", **values):
    groups = ORGANISM_GROUPS if group is None else (group,)
    return Entry("P1", sequence, features, groups, **{"reviewed": True, **values})


def test_types_follow_from_features():
    signal = ("SP", "S" * 21 + "O" * 19)
    assert result(entry(SIGNAL)) == signal
    assert result(entry(SIGNAL, group="EUKARYA")) == signal
    assert result(entry()) == ("NO_SP", "I" * 40)
    lipid = Feature("LIPID", 22, 22, note="S-diacylglycerol cysteine")
    lipoprotein = SP[:21] + "C" + SP[22:]
    assert result(entry(SIGNAL, lipid, sequence=lipoprotein)) == ("LIPO", "L" * 21 + "O" * 19)
    assert result(entry(replace(SIGNAL, note="Tat-type signal"))) == ("TAT", "T" * 21 + "O" * 19)
    both = entry(replace(SIGNAL, note="Tat-type signal"), lipid, sequence=lipoprotein)
    assert result(both)[0] == "TATLIPO"
    # A eukaryote's palmitoylated cysteine is of another kind.
    palmitoyl = Feature("LIPID", 22, 22, note="S-palmitoyl cysteine")
    assert result(entry(SIGNAL, palmitoyl, sequence=lipoprotein, group="EUKARYA")) == signal


def test_a_pilin_is_a_leader_sequence_and_a_membrane_stretch():
    sequence = "MKSLQKGFTLIELMIVVAIIGILAAFAIPAYQDYIARSQV"
    leader = Feature("PROPEP", 1, 7, note="Leader sequence")
    methyl = Feature("MOD_RES", 8, 8, note="N-methylphenylalanine")
    stretch = Feature("TRANSMEM", 9, 29, note="Helical")
    expected = ("PILIN", "P" * 7 + "O" + "M" * 21 + "O" * 11)
    assert result(entry(leader, methyl, stretch, sequence=sequence)) == expected
    unnamed = replace(leader, note="")
    assert result(entry(unnamed, methyl, stretch, sequence=sequence)) == expected
    assert "pilin without" in result(entry(leader, sequence=sequence))
    assert result(entry(unnamed, stretch, sequence=sequence)).startswith("ambiguous: a propeptide")


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ([SIGNAL, replace(SIGNAL, end=24)], "several signal peptides"),
        ([SIGNAL, Feature("TRANSIT", 1, 10)], "both a signal peptide and a transit peptide"),
        ([replace(SIGNAL, evidence=("ECO:0000256",))], "no evidence of the kind 'manual'"),
        ([replace(SIGNAL, note="Not cleaved")], "not cleaved"),
        ([replace(SIGNAL, end=None, exact=False)], "not known where"),
        ([replace(SIGNAL, exact=False)], "not known where"),
        ([replace(SIGNAL, start=3)], "not known where"),
        ([replace(SIGNAL, end=40)], "not cut within 70"),
        ([replace(SIGNAL, end=2)], "no path of type SP"),
        ([SIGNAL, Feature("LIPID", 22, 22, note="S-diacylglycerol cysteine")], "no cysteine"),
        ([SIGNAL, Feature("LIPID", 30, 30, note="S-diacylglycerol cysteine")], "no cysteine"),
        ([Feature("LIPID", 22, 22, note="S-diacylglycerol cysteine")], "lipoprotein without"),
        ([SIGNAL, Feature("NON_TER", 1, 1)], "a fragment"),
        ([Feature("TRANSMEM", 25, 45, note="Helical")], "a feature lies beyond the sequence"),
        ([Feature("TRANSMEM", 5, 25, note="Helical")], "without topological domains"),
    ],
)
def test_what_annotation_leaves_open_is_left_out_with_the_reason(features, reason):
    assert reason in result(entry(*features))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"group": None}, "organism group is not known"),
        ({"sequence": SP[:29]}, "shorter than 30"),
        ({"sequence": SP[1:]}, "does not begin with M"),
        ({"sequence": SP[:30] + "*"}, "no amino acids"),
        ({"fragment": True}, "a fragment"),
        ({"unreadable": "a cell Propeptide that cannot be read"}, "a cell Propeptide that cannot"),
        ({"length": 346}, "not as long as the file says"),
        ({"group": None, "lineage_in": "no lineage here"}, "not known: no lineage here (give --o"),
        ({"reviewed": False}, "no curator has looked"),
    ],
)
def test_proteins_that_cannot_be_labelled(values, reason):
    assert reason in result(entry(**values))


def test_evidence():
    curated = entry(replace(SIGNAL, evidence=CURATED))
    program = entry(replace(SIGNAL, evidence=("ECO:0000256",)), reviewed=False)
    unsaid = entry(replace(SIGNAL, evidence=()))
    for found, kinds in (
        (entry(SIGNAL), {"experimental", "manual", "any"}),
        (curated, {"manual", "any"}),
        (unsaid, {"manual", "any"}),
        (program, {"any"}),
        (entry(existence=1), {"experimental", "manual", "any"}),
        (entry(existence=3), {"manual", "any"}),
        (entry(reviewed=False), {"any"}),
    ):
        accepted = {
            e for e in ("experimental", "manual", "any") if len(result(found, evidence=e)) == 2
        }
        assert accepted == kinds


def test_the_twin_arginine_motif_without_the_note_is_ambiguous():
    signal = replace(SIGNAL, end=39)
    assert "twin-arginine motif" in result(entry(signal, sequence=TAT))
    assert result(entry(signal, sequence=TAT), ambiguous=True)[0] == "TAT"
    assert result(entry(signal, sequence=TAT, group="EUKARYA"))[0] == "SP"
    assert result(entry(replace(signal, note="Tat-type signal"), sequence=TAT))[0] == "TAT"


def test_sides_of_the_membrane():
    def inside(start, end):
        return Feature("TOPO_DOM", start, end, note="Cytoplasmic")

    def stretch(start, end):
        return Feature("TRANSMEM", start, end, note="Helical")

    outside = Feature("TOPO_DOM", 26, 29, note="Periplasmic")
    for features, labels in (
        ([inside(1, 4), stretch(5, 25)], "I" * 4 + "M" * 21 + "O" * 15),
        ([stretch(5, 25), outside], "I" * 4 + "M" * 21 + "O" * 15),
        ([stretch(5, 25), inside(30, 40)], "O" * 4 + "M" * 21 + "I" * 15),
        (
            [inside(1, 4), stretch(5, 12), stretch(20, 30)],
            "IIII" + "M" * 8 + "O" * 7 + "M" * 11 + "I" * 10,
        ),
        ([Feature("TOPO_DOM", 1, 40, note="Extracellular")], "O" * 40),
    ):
        assert result(entry(*features)) == ("NO_SP", labels)
    behind = result(entry(SIGNAL, stretch(26, 36)))
    assert behind == ("SP", "S" * 21 + "O" * 4 + "M" * 11 + "I" * 4)
    assert result(entry(stretch(5, 25)), ambiguous=True)[1] == "I" * 4 + "M" * 21 + "O" * 15


def test_options_take_in_more():
    assert result(entry(fragment=True), fragments=True)[0] == "NO_SP"
    assert result(entry(group=None), group="ARCHAEA")[0] == "NO_SP"
    both = entry(SIGNAL, Feature("TRANSIT", 1, 10))
    assert result(both, ambiguous=True)[0] == "SP"


def test_of_equal_windows_the_first_is_labelled_and_the_others_counted():
    remarks = Remarks()
    entries = [
        entry(SIGNAL),
        replace(entry(SIGNAL), accession="P2"),
        replace(entry(), accession="P3"),
    ]
    found = list(labelled(entries, Rules(), remarks))
    assert [(p.accession, p.partition) for p in found] == [("P1", UNPARTITIONED)]
    assert remarks.left_out == [
        ("P2", "the first residues are those of an earlier protein"),
        ("P3", "the first residues are those of an earlier protein, which is labelled otherwise"),
    ]
    assert [accessions for _, accessions in remarks.reasons] == [["P2"], ["P3"]]


def test_a_protein_whose_accession_had_other_residues_is_left_out():
    remarks = Remarks()
    entries = [entry(SIGNAL), entry(sequence="MRVLKFGGTSVANAERFLRVADILESNARQGQVATV"), entry(SIGNAL)]
    found = list(labelled(entries, Rules(), remarks))
    assert [p.type for p in found] == ["SP"]
    assert remarks.left_out == [
        ("P1", "an earlier protein of this accession has other residues"),
        ("P1", "the first residues are those of an earlier protein"),
    ]


def test_a_group_given_for_all_that_contradicts_a_lineage_is_remarked():
    remarks = Remarks()
    others = ("POSITIVE", "NEGATIVE", "ARCHAEA")
    entries = [
        replace(entry(sequence="M" + letter * 40), accession=letter, groups=groups)
        for letter, groups in (
            ("A", others),
            ("C", ("EUKARYA",)),
            ("D", ()),
            ("E", ORGANISM_GROUPS),
            ("F", ("NEGATIVE",)),
        )
    ]
    assert len(list(labelled(entries, Rules(group="EUKARYA"), remarks))) == 5
    assert remarks.other_group == ["A", "D", "F"]
