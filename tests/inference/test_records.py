"""All that may be given to `predict`, and what is said of what may not."""

from __future__ import annotations

import pickle
import re
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from peft_sp.biology.prediction import Protein
from peft_sp.errors import InputError, PeftSpError
from peft_sp.inference.records import InvalidRecordError, proteins

SEQUENCE = "MKKTAIAIAVALAGFATVAQA"


def named(records, **options):
    return [(protein.header, protein.sequence) for protein in proteins(records, **options)]


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "two.faa"
    path.write_text(f">a first\n{SEQUENCE}\n>b\nMKT\n")
    return path


def without_address(value):
    """The text of a value that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([("a", "MKT"), ("b", "MLL")], [("a", "MKT"), ("b", "MLL")]),
        ((("a", "MKT"), ("b", "MLL")), [("a", "MKT"), ("b", "MLL")]),
        (zip("ab", ["MKT", "MLL"], strict=True), [("a", "MKT"), ("b", "MLL")]),
        ({"a": "MKT", "b": "MLL"}, [("a", "MKT"), ("b", "MLL")]),
        ({"a": "MKT"}.items(), [("a", "MKT")]),
        ([["a", "MKT"]], [("a", "MKT")]),
        ([np.array(["a", "MKT"])], [("a", "MKT")]),
        (["MKT", "MLL"], [("1", "MKT"), ("2", "MLL")]),
        (iter(["MKT", "MLL"]), [("1", "MKT"), ("2", "MLL")]),
        (np.array(["MKT", "MLL"]), [("1", "MKT"), ("2", "MLL")]),
        ("MKT", [("1", "MKT")]),
        ("mkt\nmll*\n", [("1", "MKTMLL")]),
        (b"MKT", [("1", "MKT")]),
        (("a", "MKT"), [("a", "MKT")]),
        (("MKT", "MLL", "MAA"), [("1", "MKT"), ("2", "MLL"), ("3", "MAA")]),
        ([(b"a", bytearray(b"MKT"))], [("a", "MKT")]),
        ([(7, "MKT"), (np.int64(8), "MLL")], [("7", "MKT"), ("8", "MLL")]),
        (Protein("a", "MKT"), [("a", "MKT")]),
        ([Protein("a", "MKT"), "MLL", ("c", "MAA")], [("a", "MKT"), ("2", "MLL"), ("c", "MAA")]),
        ([], []),
        ({}, []),
    ],
    ids=without_address,
)
def test_what_may_be_given(records, expected):
    assert named(records) == expected


def test_paths_are_files(fasta):
    expected = [("a first", SEQUENCE), ("b", "MKT")]
    assert named(fasta) == expected
    assert named(iter([fasta, ("c", "MLL"), fasta])) == [*expected, ("c", "MLL"), *expected]
    with pytest.raises(InputError, match="no such file"):
        named(fasta.with_name("missing.faa"), on_error="skip")


def test_biopython():
    pytest.importorskip("Bio")
    from Bio.Seq import MutableSeq, Seq
    from Bio.SeqRecord import SeqRecord

    whole = SeqRecord(Seq(SEQUENCE), id="p", description="p outer membrane")
    assert named([whole]) == named(whole) == [("p outer membrane", SEQUENCE)]
    assert named([SeqRecord(Seq("MKT"), id="p")]) == [("p", "MKT")]
    assert named([SeqRecord(Seq("MKT"), id="p", description="of E. coli")]) == [
        ("p of E. coli", "MKT")
    ]
    assert named([whole, SeqRecord(Seq("MKT"))])[1] == ("2", "MKT")
    assert named({"key": whole}) == [("key", SEQUENCE)]
    assert named([("p", Seq("MKT")), Seq("MK"), MutableSeq("MLL")]) == [
        ("p", "MKT"),
        ("2", "MK"),
        ("3", "MLL"),
    ]
    assert named(Seq("MK")) == [("1", "MK")]
    for record, problem in [
        (SeqRecord(None, id="p"), r"record 1 'p': the sequence is missing \(None\)"),
        (("p", Seq(None, length=9)), r"record 1 'p': the sequence cannot be read \(.*undefined"),
        (SeqRecord(Seq("MKT1"), id="p"), "record 1 'p': '1' at residue 4 is no amino acid"),
    ]:
        with pytest.raises(InvalidRecordError, match=problem):
            named([record])


def test_files_of_biopython_say_what_our_own_reader_says(ecoli):
    parse = pytest.importorskip("Bio.SeqIO").parse
    assert named(parse(ecoli, "fasta")) == named(ecoli)


WRONG = [
    (("b", None), r"record 2 'b': the sequence is missing \(None\); leave the record out"),
    (("b", float("nan")), r"record 2 'b': the sequence is missing \(nan\)"),
    (("b", np.float32("nan")), r"record 2 'b': the sequence is missing \(nan\)"),
    (("b", 5), "record 2 'b': the sequence is of type int: 5; give text"),
    (("b", ["M", "K"]), "record 2 'b': the sequence is of type list"),
    (("b", b"M\xc3\x84"), "record 2 'b': the sequence's bytes are not all ASCII"),
    (("b", ""), "record 2 'b': the record has no residues"),
    (("b some name", "MK1"), "record 2 'b': '1' at residue 3 is no amino acid"),
    (("b", "ACGT" * 20), "record 2 'b': these are nucleotides"),
    ((None, "MKT"), r"record 2: the name is missing \(None\); give every record a name"),
    ((float("nan"), "MKT"), r"record 2: the name is missing \(nan\)"),
    ((2.5, "MKT"), "record 2: the name is of type float: 2.5; give text"),
    ((True, "MKT"), "record 2: the name is of type bool"),
    (("b", "MKT", 3), r"record 2: a record is a \(name, sequence\) pair, .* of type tuple"),
    (["MKT"], r"record 2: a record is a \(name, sequence\) pair, .* of type list"),
    ({"name": "b", "sequence": "MKT"}, "record 2: .* of type dict"),
    ({"MKT", "MLL"}, "record 2: .* of type set"),
    (None, "record 2: .* of type NoneType"),
    (5, "record 2: .* of type int"),
    ("proteins.faa", r"'proteins.faa' is no sequence; a FASTA file is given as pathlib.Path\("),
    ("data/proteins", "is no sequence; a FASTA file is given as"),
    (">b\nMKT\n", "this is the text of a FASTA file"),
    ("M_K", "record 2 '2': '_' at residue 2 is no amino acid"),
]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    WRONG,
    ids=[f"{number}-{type(wrong).__name__}" for number, (wrong, _) in enumerate(WRONG)],
)
def test_what_is_wrong_is_said_of_which_record(wrong, problem):
    records = [("a", "MKT"), wrong, ("c", "MLL")]
    with pytest.raises(InputError, match=problem) as raised:
        named(records)
    assert raised.value.position == 2
    # What callers caught before.
    for kind in (PeftSpError, ValueError, TypeError):
        assert isinstance(raised.value, kind)
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value) and again.position == 2
    errors = []
    assert named(records, on_error="skip") == named(records, on_error=errors.append)
    assert [header for header, _ in named(records, on_error="skip")] == ["a", "c"]
    assert [str(error) for error in errors] == [str(raised.value)]


def test_missing_values_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"name": ["a", "b"], "sequence": ["MKT", None]})
    records = zip(frame["name"], frame["sequence"].astype("string"), strict=True)
    with pytest.raises(InputError, match=r"record 2 'b': the sequence is missing \(<NA>\)"):
        named(records)
    with pytest.raises(InputError, match=r"data frame .* zip\(frame\['name'\]"):
        named(frame)


@pytest.mark.parametrize("wrong", [None, 5, 2.5, SimpleNamespace()])
def test_what_is_no_record_nor_several_is_refused_at_once(wrong):
    with pytest.raises(InvalidRecordError, match=f"of type {type(wrong).__name__}"):
        proteins(wrong)


def test_bad_records_of_files_are_reported_too(fasta):
    fasta.write_text(">a\nMKT\n>b\nM1\n>c\nMLL\n")
    with pytest.raises(InputError, match="line 3, record 'b': '1' at residue 2"):
        named([fasta])
    errors = []
    assert named(fasta, on_error=errors.append) == [("a", "MKT"), ("c", "MLL")]
    assert [(error.line, error.path) for error in errors] == [(3, str(fasta))]


def test_records_are_taken_as_they_are_needed():
    taken = []

    def stream():
        for number in range(100):
            taken.append(number)
            yield f"p{number}", "MKT"

    assert len(list(islice(proteins(stream()), 3))) == 3
    assert len(taken) == 3
