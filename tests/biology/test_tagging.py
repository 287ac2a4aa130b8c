import numpy as np
import pytest

from peft_sp.biology.grammar import STATES, state
from peft_sp.biology.tagging import (
    allowed_states,
    cleavage_site,
    has_legal_path,
    hydrophobic_centre,
    twin_arginine,
)
from peft_sp.io.labelled import read_labelled


def names(row):
    return {STATES[i].name for i in np.flatnonzero(row)}


def of(labelled, accession):
    return next(p for p in labelled if p.accession == accession)


def test_every_sample_has_a_legal_path(labelled):
    for p in labelled:
        assert has_legal_path(allowed_states(p.sequence, p.labels, p.type)), p.accession


@pytest.mark.integration
def test_every_training_record_has_a_legal_path(shared):
    proteins = read_labelled(shared / "data" / "train_set.fasta")
    assert len(proteins) == 20290
    for p in proteins:
        allowed = allowed_states(p.sequence, p.labels, p.type)
        assert has_legal_path(allowed), p.accession
        assert {STATES[i].type for i in np.flatnonzero(allowed.any(axis=0))} == {p.type}


def test_regions_of_a_secretory_signal_peptide():
    #           0123456789
    sequence = "MKKTAIAIAVALAGFATVAQAAPKDNT"
    labels = "S" * 21 + "O" * 6
    peak = hydrophobic_centre(sequence[:21])
    allowed = allowed_states(sequence, labels, "SP")
    assert names(allowed[0]) == {"N"}
    assert "H" in names(allowed[2]) and "H" not in names(allowed[1])
    assert names(allowed[peak]) == {"H"}
    assert names(allowed[peak + 1]) == {"H", "C"}
    for index in (18, 19, 20):
        assert names(allowed[index]) == {"C"}
    assert names(allowed[21]) == {"O"}


def test_proteins_of_the_same_labels_have_the_regions_of_their_own_sequence():
    labels = "S" * 21 + "O" * 6
    early, late = ("MKKTAIAIAVALAGFATVAQAAPKDNT", "MKKTDEDESDALAGFLLLAQAAPKDNT")
    first = allowed_states(early, labels, "SP")
    peaks = [hydrophobic_centre(sequence[:21]) for sequence in (early, late)]
    assert peaks[0] != peaks[1]
    for sequence, peak in zip((early, late), peaks, strict=True):
        assert names(allowed_states(sequence, labels, "SP")[peak]) == {"H"}
        assert "N" in names(allowed_states(sequence, labels, "SP")[peak - 1])
    first[:] = False  # a caller's array is its own
    assert allowed_states(early, labels, "SP").any()


def test_a_lipobox_is_fixed(labelled):
    p = next(p for p in labelled if p.type == "LIPO")
    last = p.cleavage_site - 1
    allowed = allowed_states(p.sequence, p.labels, p.type)
    assert names(allowed[last - 1]) == names(allowed[last]) == {"CS"}
    assert names(allowed[last + 1]) == {"C1"}
    assert p.sequence[last + 1] == "C"


def test_a_late_twin_arginine_does_not_take_the_room_of_the_h_region(labelled):
    p = of(labelled, "P33225")
    allowed = allowed_states(p.sequence, p.labels, "TAT")
    motif = np.flatnonzero(allowed[:, state("TAT", "RR")])
    assert p.sequence[motif[0] : motif[1] + 1] == "RR"
    assert motif[1] + 1 < hydrophobic_centre(p.sequence[: p.cleavage_site])


@pytest.mark.parametrize(
    ("sequence", "peak", "expected"),
    [
        ("MNNRRDFLKKRRALVAAA", 16, 10),
        ("MNNRRDFLKKRRALVAAA", 10, 3),
        ("MNNKRDFLKLALVAAA", 10, 3),
        ("MNNKADFRKLALVAAA", 10, 7),
        ("MNNKADFAKLALVAAA", 10, 1),
    ],
)
def test_twin_arginine_motif(sequence, peak, expected):
    assert twin_arginine(sequence, peak) == expected


def test_a_pilin_has_its_motif_behind_the_cut_and_its_helix_behind_the_motif(labelled):
    p = next(p for p in labelled if p.type == "PILIN")
    site = p.cleavage_site
    allowed = allowed_states(p.sequence, p.labels, "PILIN")
    assert [names(row) for row in allowed[site : site + 5]] == [{"CS"}] * 5
    end = p.labels.index("M") + p.labels.count("M")
    assert all(names(row) == {"H"} for row in allowed[site + 5 : end])


def test_hydrophobic_centre_takes_the_first_best_stretch():
    assert hydrophobic_centre("KKKLLLLLLLKKKLLLLLLLKK") == 3 + 4
    assert hydrophobic_centre("MKL") == 1


@pytest.mark.parametrize(
    ("sequence", "labels", "kind", "problem"),
    [
        ("MKT", "SS", "SP", "3 residues but 2 labels"),
        ("MKTAY", "IIIII", "SP", "no residue is labelled S"),
        ("MKTAY", "SISOO", "SP", "not all S"),
        ("MKTAY", "IISOO", "NO_SP", "label S at residue 3"),
        ("MKTAYVVVVV", "SSOOOOOOOO", "SP", "no path of type SP"),
        ("MKTAYVVVVV", "PPPPOOOOOO", "PILIN", "needs residues labelled M"),
    ],
)
def test_labels_that_do_not_fit_are_refused(sequence, labels, kind, problem):
    with pytest.raises(ValueError, match=problem):
        allowed_states(sequence, labels, kind)


def test_cleavage_site():
    assert cleavage_site("SSSOO", "SP") == 3
    assert cleavage_site("IIIOO", "NO_SP") is None
