"""Every rule, its warnings, and a slow reference that knows nothing of the fast code."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.io.cleaning import UnusableRecordError, clean, clean_header


@pytest.mark.parametrize(
    ("sequence", "cleaned", "warning"),
    [
        ("MK*TAY", "MKXTAY", "1 inner stop(s) read as X"),
        ("MK-TA.Y--", "MKTAY", "4 gap(s) removed"),
        ("MKTAY*---", "MKTAY", "3 gap(s) removed"),
        ("MJTAYj", "MXTAYX", "2 J read as X"),
    ],
)
def test_what_is_changed_is_said(sequence, cleaned, warning):
    protein = clean("a", sequence)
    assert protein.sequence == cleaned
    assert protein.warnings == (warning,)


@pytest.mark.parametrize(
    "sequence", ["MKTAY", "mktay", "MKTAY*", "MKTAY**", "MK T\tAY", "M\nKTAY\r"]
)
def test_what_means_the_same_is_not_worth_a_warning(sequence):
    assert (clean("a", sequence).sequence, clean("a", sequence).warnings) == ("MKTAY", ())


def test_letters_that_networks_know_are_kept():
    assert clean("a", "muobzx").sequence == "MUOBZX"
    assert clean("a", RESIDUES).warnings == ()


@pytest.mark.parametrize("length", [1, 2, 69, 70, 71, 40_000])
def test_proteins_of_any_length(length):
    sequence = ("MKTAYIAKQR" * 4000)[:length]
    assert clean("titin", sequence).sequence == sequence


@pytest.mark.parametrize("sequence", ["", "*", "---", " \n", ".*-"])
def test_a_record_without_residues(sequence):
    with pytest.raises(UnusableRecordError, match="no residues; remove it"):
        clean("a", sequence)


@pytest.mark.parametrize(
    ("sequence", "problem"),
    [
        ("MKé", "'é' at residue 3"),
        ("MK\udce9", "byte 0xe9 at residue 3"),
        ("MK\x00", r"'\\x00' at residue 3"),
        ("M\ufeffK", r"'\\ufeff' at residue 2"),
        ("9MK1", "'9' at residue 1"),
        ("--MK1*J9", "'1' at residue 5"),
        ("MKTAY>b", "'>' at residue 6: a line end is missing before a header"),
    ],
)
def test_what_is_no_amino_acid(sequence, problem):
    with pytest.raises(UnusableRecordError, match=problem):
        clean("a", sequence)


@pytest.mark.parametrize(
    ("sequence", "cleaned", "warnings"),
    [
        ("MK1T", "MKXT", ("'1' at residue 3 read as X",)),
        ("M?K\udcffTAYß#*", "MXKXTAYXX", ("4 signs, the first '?' at residue 2, read as X",)),
        ("MÄK-R", "MXKR", ("'Ä' at residue 2 read as X", "1 gap(s) removed")),
        ("MKT*", "MKT", ()),
    ],
)
def test_signs_are_read_as_x_where_that_is_asked_for(sequence, cleaned, warnings):
    protein = clean("a", sequence, signs_as_x=True)
    assert (protein.sequence, protein.warnings) == (cleaned, warnings)
    if any("read as X" in warning for warning in warnings):
        with pytest.raises(UnusableRecordError, match="is no amino acid"):
            clean("a", sequence)


def test_a_header_inside_a_sequence_is_no_sign():
    with pytest.raises(UnusableRecordError, match="'>' at residue 4: a line end is missing"):
        clean("a", "M1T>b", signs_as_x=True)


@pytest.mark.parametrize("sequence", ["ACGT" * 30, "acgtn" * 12, "AUGGCUUAA" * 10, "A-CGT" * 30])
def test_nucleotides_are_said_to_be_nucleotides(sequence):
    with pytest.raises(UnusableRecordError, match="nucleotides, not amino acids; translate"):
        clean("a", sequence)


def test_two_residues_that_repeat_are_no_nucleotides():
    assert clean("antifreeze glycoprotein", "AAT" * 50).sequence == "AAT" * 50
    assert clean("spider silk", "GAGAGS" * 20)


def test_labels_behind_a_sequence_are_no_residues(labelled_file):
    header, sequence, labels = labelled_file.read_text().splitlines()[:3]
    assert clean(header[1:], sequence).sequence == sequence
    with pytest.raises(UnusableRecordError, match="labels follow the sequence"):
        clean(header[1:], sequence + labels)
    assert clean("P10152|EUKARYA|SP|1", "MKTALLLL").sequence == "MKTALLLL"


def test_the_title_of_pir_is_no_sequence():
    with pytest.raises(UnusableRecordError, match="looks like PIR"):
        clean(
            "P1;CRAB_ANAPL", "ALPHA CRYSTALLIN B CHAIN MDITIHNPLIRRPLFSWLAPSRIFDQIFGEHLQESELLPASP*"
        )


@pytest.mark.parametrize(
    ("header", "name", "warnings"),
    [
        ("a b c", "a b c", ()),
        ("  a \t b ", "a   b", ()),
        ("sp|P1|X_Y OS=Homo sapiens", "sp|P1|X_Y OS=Homo sapiens", ()),
        ("Ωmega protein é", "Ωmega protein é", ()),
        ("a\u2028b\x85c\x0bd\x1ee", "a b c d e", ()),
        ("a\x00\x1b[2Jb", "a  [2Jb", ("header: 2 invisible character(s) read as spaces",)),
        ("", "unnamed", ("header: empty; called unnamed",)),
        (" \t ", "unnamed", ("header: empty; called unnamed",)),
        (
            "caf\udce9 \udc93x\udc94",
            "café “x”",
            ("header: 3 byte(s) that are no UTF-8 read as Windows-1252",),
        ),
        (
            "a\u202egnp b\u2069 c\u061c",
            "a gnp b  c",
            ("header: 3 invisible character(s) read as spaces",),
        ),
        ("a\u200b b\xad\ufeffc", "a  b  c", ("header: 3 invisible character(s) read as spaces",)),
        ("a\ud800b", "a b", ("header: 1 invisible character(s) read as spaces",)),
        ("># a", "a", ("header: '>' at its beginning left out",)),
        (
            "#",
            "unnamed",
            ("header: '#' at its beginning left out", "header: empty; called unnamed"),
        ),
    ],
)
def test_headers(header, name, warnings):
    assert clean_header(header) == (name, warnings)


@given(st.text(st.characters()))
@example("\x1c>\u3000")
@example("\udce9")
def test_a_header_fits_any_file(header):
    name, warnings = clean_header(header)
    assert name and name == name.strip() and len(name.splitlines()) == 1
    assert "\t" not in name and "\x00" not in name and name[0] not in ">#"
    assert name.encode().decode() == name
    assert clean_header(name) == (name, ())
    if not warnings:  # then nothing but space between words was touched
        assert name.split() == header.split()


def reference(sequence):
    """The rules once more, a letter at a time; None where the record cannot be used."""
    kept = []
    for letter in sequence:
        if letter.isspace():
            continue
        if not letter.isascii() or not (letter.isalpha() or letter in "*-."):
            return None
        if letter not in "-.":
            kept.append(letter.upper())
    while kept and kept[-1] == "*":
        kept.pop()
    cleaned = "".join(letter if letter in RESIDUES else "X" for letter in kept)
    bases = sum(letter in "ACGTUN" for letter in cleaned)
    if len(cleaned) >= 50 and bases >= 0.95 * len(cleaned):
        kinds = [letter for letter in "ACGTU" if cleaned.count(letter) > len(cleaned) / 50]
        if len(kinds) >= 3:
            return None
    return cleaned or None


@given(
    st.one_of(
        st.text(st.sampled_from("MKTAYIJ*-. xob\n\t")),
        st.text(st.sampled_from("ACGTN"), min_size=40, max_size=120),
        st.text(st.sampled_from("ACDEFGHIKLMNPQRSTVWY*-J1é>")),
        st.text(),
    )
)
@example("-" * 60 + "ACGT" * 12)
def test_cleaning_is_what_a_slow_reference_does(sequence):
    expected = reference(sequence)
    if expected is None:
        with pytest.raises(UnusableRecordError):
            clean("a", sequence)
        return
    protein = clean("a", sequence)
    assert protein.sequence == expected
    plain = "".join(sequence.split()).upper().rstrip("*")
    changes = [w for w in protein.warnings if not w.startswith(("mostly X", "all letters"))]
    assert bool(changes) == (protein.sequence != plain)
    window = expected[:70]
    masked = sum(letter == "X" for letter in window) > len(window) / 2
    assert any(w.startswith("mostly X") for w in protein.warnings) == masked


def test_what_is_doubtful_is_predicted_with_a_warning():
    assert clean("masked", "M" + "X" * 40 + "K" * 100).warnings == (
        "mostly X: little to predict from",
    )
    assert clean("a", "M" * 30 + "X" * 39 + "K" * 500).warnings != ()
    assert clean("a", "M" * 35 + "X" * 500).warnings == ()
    short = "ACGUNNNNACGUACGUACGU"
    assert clean("a", short).warnings == ("all letters are those of nucleotides",)
    assert clean("a", short[:14]).warnings == ()


@pytest.mark.parametrize(
    "sequence",
    [
        "MetLysLysThrAlaIle",
        "Met-Lys-Lys-Thr-Ala-Ile",
        "MET LYS LYS THR ALA ILE",
        "metlyslysthralaileXaa*",
    ],
)
def test_the_three_letter_code_is_refused(sequence):
    with pytest.raises(UnusableRecordError, match=r"three-letter code .* one letter a residue"):
        clean("a", sequence)


@pytest.mark.parametrize("sequence", ["METLYS", "METLYSLYSTHRALAILEM", "METALLTHRALAILEGLY"])
def test_words_of_the_three_letter_code_in_a_protein_are_residues(sequence):
    assert clean("a", sequence).sequence == sequence


def test_numbers_between_residues_are_named_with_their_remedy():
    with pytest.raises(UnusableRecordError, match=r"'1' at residue 1 is no .*; remove the numbers"):
        clean("a", "1 MKKTAIAIAV 11 ALAGFATVAQ")
