"""Reading FASTA: records as they come, where errors are, several files, pipes; nothing is lost."""

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.errors import ChangedInputError, InputError
from peft_sp.io import fasta
from peft_sp.io.cleaning import UnusableRecordError, clean
from peft_sp.io.fasta import open_input, read_fasta
from peft_sp.io.raw_fasta import read_raw


@pytest.fixture
def write(tmp_path):
    def writer(content: str | bytes, name: str = "in.faa"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writer


def survey(path, **options):
    with open_input([path]) as source:
        return source.survey(**options)


def proteins(*paths):
    with open_input(paths) as source:
        source.survey(skip_invalid=True)
        return list(source.proteins())


def test_real_proteome_sample(ecoli):
    found = list(read_fasta(ecoli))
    assert len(found) == 300
    assert found[0].id == "NP_414542.1"
    assert found[0].header.startswith("NP_414542.1 thr operon leader peptide [Escherichia coli")
    assert found[0].sequence == "MKRISTTITTTITITTGNGAG"
    assert not any(p.warnings for p in found)
    lines = ecoli.read_text().splitlines()
    assert all(lines[p.line - 1] == f">{p.header}" for p in found)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (">a\nMKT\nAY\n", [("a", "MKTAY")]),
        (">a\r\nMKT\r\nAY\r\n>b\r\nM\r\n", [("a", "MKTAY"), ("b", "M")]),
        (">a\r\r\nMKT\r\r\nAY", [("a", "MKTAY")]),
        (">a\rMKT\rAY\r>b\rM", [("a", "MKTAY"), ("b", "M")]),
        ("\n\n>a\n\nMKT\n\nAY\n\n", [("a", "MKTAY")]),
        ("  >a\n  MKT\n", [("a", "MKT")]),
        (">a b c\nmktay\n", [("a b c", "MKTAY")]),
        (">a\nMK TAY\n", [("a", "MKTAY")]),
        (">a\nMKTAY*\n", [("a", "MKTAY")]),
        (">a\tb\nMKTAY\n", [("a b", "MKTAY")]),
        ("# made by hand\n;so\n>a\nMKT\n", [("a", "MKT")]),
        ("\ufeff>a\nMKT\n\ufeff>b\nMKV\n", [("a", "MKT"), ("b", "MKV")]),
        (">a\nMKT\n\ufeff\t\ufeff>b\nMKV\n", [("a", "MKT"), ("b", "MKV")]),
        (">Ωmega protein é\nMKT\n", [("Ωmega protein é", "MKT")]),
    ],
)
def test_input_as_it_comes(write, content, expected):
    found = proteins(write(content))
    assert [(p.header, p.sequence) for p in found] == expected
    assert not any(p.warnings for p in found)


@pytest.mark.parametrize(
    ("content", "header", "sequence", "warning"),
    [
        (b">caf\xe9 protein\nMKT\n", "café protein", "MKT", "1 byte(s) that are no UTF-8"),
        (b">a\x00b\nMKT\n", "a b", "MKT", "1 invisible character(s)"),
        (b">\nMKT\n", "unnamed", "MKT", "empty; called unnamed"),
        (b">>a\nMKT\n", "a", "MKT", "'>' at its beginning left out"),
        (b">a\nMKT\n#AAA\nAY\n", "a", "MKTAY", "1 comment line(s) left out"),
        (b">a\nMKT\n  # x\n;y\nAY\n", "a", "MKTAY", "2 comment line(s) left out"),
        (b">a\nMK*T\n", "a", "MKXT", "1 inner stop(s) read as X"),
        (b">a\nMKT\n--\n-AY\n", "a", "MKTAY", "3 gap(s) removed"),
    ],
)
def test_what_is_changed_is_said(write, content, header, sequence, warning):
    (found,) = proteins(write(content))
    assert (found.header, found.sequence, len(found.warnings)) == (header, sequence, 1)
    assert warning in found.warnings[0]


@pytest.mark.parametrize(
    ("content", "problem", "line", "record"),
    [
        (">a\nMKT\n>b\nMK7AY\n", "'7' at residue 3 is no amino acid", 3, "b"),
        (">a\nMKT\n>b\n\n>c\nMKT\n", "no residues", 3, "b"),
        (">a\nMKT\n>b\n*\n", "no residues", 3, "b"),
        (">a\nMKT\n>b", "no residues", 3, "b"),
        (">", "no residues", 1, "unnamed"),
        (">a\nMKT\n>b\n" + "ACGT" * 30 + "\n", "these are nucleotides", 3, "b"),
        (">a\nACGTACGTACGT\n>b\nGGGCCCAAATTT\n>c\nACG\n", "these are nucleotides", None, None),
        (">a\nMKß\n", "'ß' at residue 3", 1, "a"),
        (">a\nMK\x1bT\n", r"'\\x1b' at residue 3", 1, "a"),
        (b">caf\xe9\nM\xe9\n", "byte 0xe9 at residue 2", 1, "café"),
        (">a\nMKT>b\nMKV\n", "'>' at residue 4: a line end is missing", 1, "a"),
        ("\n\nMKTAY\n>a\nMKT\n", "stands before any header", 3, None),
        ("; made by\nhand\n", "'hand' stands before any header", 2, None),
    ],
)
def test_what_cannot_be_used_is_named(write, content, problem, line, record):
    path = write(content)
    with pytest.raises(InputError, match=problem) as caught:
        survey(path)
    assert (caught.value.path, caught.value.line, caught.value.record) == (str(path), line, record)


def test_unusable_records_are_skipped_when_asked_and_listed(write):
    path = write(">a\nMKT\n>b\nM1\n>c\n\n>d\nMKV\n")
    found = survey(path, skip_invalid=True)
    assert found.count == 2
    assert [(e.line, e.record) for e in found.skipped] == [(3, "b"), (5, "c")]
    assert [p.id for p in proteins(path)] == ["a", "d"]


def test_the_first_warning_is_kept_with_its_place(write):
    with open_input([write(">a\nMKT\n>b x\nM1T\n>c\nM-T\n")], signs_as_x=True) as source:
        changed = source.survey().changed
        assert [p.sequence for p in source.proteins()] == ["MKT", "MXT", "MT"]
    assert changed.endswith(", line 3, record 'b': '1' at residue 2 read as X")


def test_a_file_of_unusable_records_is_refused_even_then(write):
    with pytest.raises(
        InputError, match="no record can be predicted; of this one: '1' at residue 2"
    ):
        survey(write(">a\nM1\n"), skip_invalid=True)


def test_ids_that_stand_twice_get_a_number_and_a_warning(write):
    one = write(">a x\nMKT\n>b\nMKT\n>a_2\nMKT\n", "one.faa")
    two = write(">a\0y\nMKV\n>a\nMKL\n", "two.faa")
    with open_input([one, two]) as source:
        source.survey()
        found = list(source.proteins())
    assert [(p.id, p.header, p.sequence) for p in found] == [
        ("a", "a x", "MKT"),
        ("b", "b", "MKT"),
        ("a_2", "a_2", "MKT"),
        ("a_3", "a_3 y", "MKV"),
        ("a_4", "a_4", "MKL"),
    ]
    again = ["", "", "", *(f"id stands more than once, called a_{n} here" for n in (3, 4))]
    assert ["".join(p.warnings[-1:]) for p in found] == again


def test_files_may_be_called_otherwise_than_where_they_lie(write):
    paths = [write(">a\nMKT\n", "1.fasta"), write(">b\nM1\n", "2.fasta")]
    names = ["mine.faa", "mine.faa"]
    with open_input(paths, names=names) as source:
        with pytest.raises(InputError, match="1") as raised:
            source.survey()
        assert (raised.value.path, raised.value.record) == ("mine.faa", "b")
        source.survey(skip_invalid=True)
        assert [protein.file for protein in source.proteins()] == ["mine.faa"]
        assert source.names == names


def test_whole_headers_may_have_equal_first_words(write):
    path = write(">a x\nMKT\n>a y\nMKV\n>a x\nMKL\n")
    with open_input([path], whole_headers=True) as source:
        source.survey()
        found = list(source.proteins())
    assert [p.header for p in found] == ["a x", "a y", "a x_2"]
    again = "header stands more than once, called a x_2 here"
    assert [p.warnings for p in found] == [(), (), (again,)]


def test_a_file_given_twice(write, tmp_path):
    path = write(">a\nMKT\n")
    (tmp_path / "link.faa").symlink_to(path)
    with (
        pytest.raises(InputError, match=r"link.faa: this file is given twice; give it once"),
        open_input([path, tmp_path / "link.faa"]),
    ):
        pass


def test_a_pipe_is_read_once(tmp_path, ecoli):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", str(ecoli), str(pipe)]), open_input([pipe]) as source:
        assert source.survey().count == 300
        assert len(list(source.proteins())) == 300


def test_a_pipe_is_read_by_its_records_alone(tmp_path, ecoli):
    pipe, packed = tmp_path / "pipe", tmp_path / "packed"
    os.mkfifo(pipe)
    packed.write_bytes(gzip.compress(ecoli.read_bytes()))
    with subprocess.Popen(["cp", str(packed), str(pipe)]):
        assert list(read_fasta(pipe)) == list(read_fasta(ecoli))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_that_never_ends():
    with pytest.raises(InputError, match="/dev/zero: this is no text"), open_input(["/dev/zero"]):
        pass


def test_standard_input(monkeypatch, ecoli):
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(ecoli.read_bytes())))
    monkeypatch.setattr(sys, "stdin", stream)
    with open_input(["-"]) as source:
        assert source.survey().count == 300
        assert len(list(source.proteins())) == 300


def test_standard_input_is_given_once():
    with pytest.raises(InputError, match="give '-' once"), open_input(["-", "-"]):
        pass


def test_errors_in_standard_input_name_it(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nMK1\n")))
    with (
        pytest.raises(InputError, match=r"^standard input, line 1, record 'a'"),
        open_input(["-"]) as source,
    ):
        source.survey()


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input: is closed"), open_input(["-"]):
        pass


def test_messages_stay_short(write):
    for content in (f">{'x' * 100_000}\nM1\n", "M" * 100_000, "1" * 100_000):
        with pytest.raises(InputError) as caught:
            survey(write(content))
        assert len(str(caught.value)) < 300


def test_records_stream(write):
    path = write("".join(f">p{i}\nMKTAY\n" for i in range(1000)))
    stream = read_raw(path)
    assert next(stream).header == "p0"
    stream.close()


def test_one_line_of_two_million_residues_and_titin(write):
    long, titin = "MKTAYIAKQR" * 200_000, "MTTQAPTFTQPLQSVVVLEG" * 1800
    found = proteins(write(f">a\n{long}\n>titin\n{titin}\n"))
    assert [p.sequence for p in found] == [long, titin]


@pytest.mark.integration
def test_no_real_proteome_has_a_record_that_is_refused_or_changed(shared):
    for path in sorted((shared / "data" / "proteomes").glob("*.faa")):
        found = survey(path)
        assert (found.count, found.skipped) == (path.read_text().count(">"), ())


CHANGES = {
    "shrunk": (">a\nMKT\n", "3 records at first, 1 now"),
    "appended": (">a\nMKT\n>b\nMKV\n>bad\nM1\n>c\nMKL\n", "3 records at first, 4 now"),
    "a bad one more": (">a\nMKT\n>b\nMKV\n>bad\nM1\n>bad\nM2\n", "3 records at first, 4 now"),
    "names swapped": (">b\nMKT\n>a\nMKV\n>bad\nM1\n", "not those of the start"),
    "a residue": (">a\nMKT\n>b\nMKL\n>bad\nM1\n", "not those of the start"),
    "the last one bad": (">a\nMKT\n>b\nM1\n>bad\nMKV\n", "not those of the start"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_input_that_changes_between_the_passes_is_an_error(case, write):
    path = write(">a\nMKT\n>b\nMKV\n>bad\nM1\n")
    content, how = CHANGES[case]
    with open_input([path]) as source:
        source.survey(skip_invalid=True)
        assert [p.id for p in source.proteins()] == ["a", "b"]
        path.write_text(content)
        message = f"{path}: changed while it was predicted \\({how}|{how}\\)"
        with pytest.raises(ChangedInputError, match=message):
            list(source.proteins())


def test_what_an_earlier_run_read_is_compared(write):
    """The file was another one while that run read it, and is again what it was before."""
    path = write(">a\nMKT\n>b\nMKV\n>c\nMKL\n")
    with open_input([path]) as source:
        source.survey()
        stream = source.proteins()
        assert [next(stream).id, next(stream).id] == ["a", "b"]
        count, read = source.read_so_far()
        assert count == 2
        assert [p.id for p in source.proteins((count, read))] == ["a", "b", "c"]
        other = source.proteins((count, "0" * 16))
        assert next(other).id == "a"
        with pytest.raises(ChangedInputError, match="not those that an earlier run predicted"):
            next(other)


def test_errors_of_skipped_records_are_named_up_to_a_number(write, monkeypatch):
    monkeypatch.setattr(fasta, "NAMED", 20)
    path = write(">a\nMKT\n" + ">bad\nM1\n" * 50)
    found = survey(path, skip_invalid=True)
    assert (found.count, found.unusable, len(found.skipped)) == (1, 50, 20)
    assert [error.line for error in found.skipped] == list(range(3, 43, 2))


NAMES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
LETTERS = st.text(st.sampled_from("ACDEFGHIKLMNPQRSTVWYXUOBZJmktay*-. \t19é"), max_size=30)
RECORDS = st.lists(st.tuples(NAMES, st.lists(LETTERS, max_size=4)), min_size=1, max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


@settings(max_examples=100, deadline=None)
@given(records=RECORDS, end=ENDS, encoding=ENCODINGS, packed=st.booleans())
def test_every_record_is_predicted_once_in_order_or_named(
    tmp_path_factory, records, end, encoding, packed
):
    """Written in any way, each record comes back, or is named with its line."""
    lines, starts = [], []
    for name, parts in records:
        starts.append(sum(2 if end == "\n\n" else 1 for _ in lines) + 1)
        lines += [f">{name}", *parts]
    content = end.join(lines).encode(encoding)
    path = tmp_path_factory.getbasetemp() / "property.faa"
    path.write_bytes(gzip.compress(content) if packed else content)
    expected, refused = [], []
    for (name, parts), line in zip(records, starts, strict=True):
        try:
            expected.append((clean(name, "".join(parts)), line))
        except UnusableRecordError as error:
            refused.append((str(error), line))
    with open_input([path]) as source:
        if not expected:
            with pytest.raises(InputError, match="no record can be predicted"):
                source.survey(skip_invalid=True)
            return
        found = source.survey(skip_invalid=True)
        kept = list(source.proteins())
    assert [(e.problem, e.line) for e in found.skipped] == refused
    assert found.count == len(kept)
    assert [(p.sequence, p.line) for p in kept] == [(p.sequence, line) for p, line in expected]
    assert len({p.id for p in kept}) == len(kept)
    ids = [p.id for p, _ in expected]
    for place, (protein, (before, _)) in enumerate(zip(kept, expected, strict=True)):
        again = before.id in ids[:place]
        assert (protein.id != before.id) == (protein.header != before.header) == again
        assert again == any("stands more than once" in warning for warning in protein.warnings)


def test_a_fingerprint_is_of_what_was_understood(tmp_path):
    def fingerprint(content, name="in.faa"):
        (tmp_path / name).write_bytes(content)
        with open_input([tmp_path / name]) as source:
            return source.survey(skip_invalid=True).fingerprint

    plain = b">a one\nMKT\nLLL\n>b\nMKV\n"
    assert len(fingerprint(plain)) == 16
    same = [b">a one\r\nmktlll*\r\n\r\n>b\r\nMKV", b">a one\nMKTLLL\n>bad\nM1\n>b\nMKV\n"]
    for other in same:
        assert fingerprint(other) == fingerprint(plain)
    assert fingerprint(gzip.compress(plain), "other.faa.gz") == fingerprint(plain)
    different = [b">a two\nMKTLLL\n>b\nMKV\n", b">b\nMKV\n>a one\nMKTLLL\n", plain[:-1] + b"V\n"]
    different += [b">a one\nMKTLLL\n", b">a one\nMKT-LLL\n>b\nMKV\n"]
    assert len({fingerprint(text) for text in (plain, *different)}) == 6
