import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys

import pytest

from peft_sp.errors import InputError
from peft_sp.io.fasta import UnusableRecordError, clean, open_input, read_fasta, read_raw


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


def proteins(path, **options):
    with open_input([path]) as source:
        source.survey(skip_invalid=True)
        return list(source.proteins(**options))


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
        ("\n\n>a\n\nMKT\n\nAY\n\n", [("a", "MKTAY")]),
        (">a b c\nmktay\n", [("a b c", "MKTAY")]),
        (">a\nMK TAY\n", [("a", "MKTAY")]),
        (">a\nMKTAY*\n", [("a", "MKTAY")]),
        (">a\nMKTAY**\n", [("a", "MKTAY")]),
        (">a\tb\nMKTAY\n", [("a b", "MKTAY")]),
        (">a\nMUOBZX\n", [("a", "MUOBZX")]),
        ("# made by hand\n>a\nMKT\n", [("a", "MKT")]),
        ("\ufeff>a\nMKT\n", [("a", "MKT")]),
        (">Ωmega protein é\nMKT\n", [("Ωmega protein é", "MKT")]),
        (b">caf\xe9 protein\nMKT\n", [("caf\ufffd protein", "MKT")]),
        (">a\x1b[2J\x0bb\x85c\u2028d\nMKT\n", [("a [2J b c d", "MKT")]),
        (">\nMKT\n", [("unnamed", "MKT")]),
    ],
)
def test_input_as_it_comes(write, content, expected):
    found = proteins(write(content))
    assert [(p.header, p.sequence) for p in found] == expected
    assert not any(p.warnings for p in found)


@pytest.mark.parametrize(
    ("sequence", "cleaned", "warning"),
    [
        ("MK*TAY", "MKXTAY", "1 inner stop(s) read as X"),
        ("MK-TA.Y--", "MKTAY", "4 gap(s) removed"),
        ("MKTAY*---", "MKTAY", "3 gap(s) removed"),
        ("MJTAYJ", "MXTAYX", "2 J read as X"),
    ],
)
def test_what_is_changed_is_said(sequence, cleaned, warning):
    protein = clean("a", sequence)
    assert protein.sequence == cleaned
    assert protein.warnings == (warning,)


@pytest.mark.parametrize("comment", ["#AAA", "  #AAA", "# a remark"])
def test_a_comment_inside_a_record_is_said(write, comment):
    found = proteins(write(f">a\nMKT\n{comment}\nAY\n"))[0]
    assert (found.sequence, found.warnings) == ("MKTAY", ("1 line(s) with '#' left out",))


@pytest.mark.parametrize(
    ("content", "problem", "line", "record"),
    [
        (">a\nMKT\n>b\nMK7AY\n", "'7' at residue 3 is no amino acid", 3, "b"),
        (">a\nMKT\n>b\n\n>c\nMKT\n", "no residues", 3, "b"),
        (">a\nMKT\n>b\n*\n", "no residues", 3, "b"),
        (">a\nMKT\n>b\n---\n", "no residues", 3, "b"),
        (">a x\nMKT\n>a y\nMKT\n", "stands already at line 1", 3, "a"),
        (">a\nMKT\n>b\n" + "ACGT" * 30 + "\n", "these are nucleotides", 3, "b"),
        (">a\nACGTACGTACGT\n>b\nGGGCCCAAATTT\n>c\nACG\n", "these are nucleotides", None, None),
        (">\nMKT\n>\nMKV\n", "stands already at line 1", 3, "unnamed"),
        (">a\0b\nMKT\n>a b\nMKV\n", "stands already at line 1", 3, "a"),
        (">a\nMKß\n", "'ß' at residue 3", 1, "a"),
        (">a\nMK\x1bT\n", r"'\\x1b' at residue 3", 1, "a"),
        ("MKTAY\n", "not FASTA", 1, None),
        ("@r1\nACGT\n+\nIIII\n", "looks like FASTQ", 1, None),
        ("LOCUS       X 100 bp\n", "looks like GenBank", 1, None),
        ("", "no records", None, None),
        ("\n\n", "no records", None, None),
    ],
)
def test_what_cannot_be_used_is_named(write, content, problem, line, record):
    path = write(content)
    with pytest.raises(InputError, match=problem) as caught:
        survey(path)
    assert (caught.value.path, caught.value.line, caught.value.record) == (str(path), line, record)


def test_unusable_records_are_skipped_when_asked_and_listed(write):
    path = write(">a\nMKT\n>b\nM1\n>c\n\n>a\nMKV\n")
    found = survey(path, skip_invalid=True)
    assert found.count == 2
    assert [(e.line, e.record) for e in found.skipped] == [(3, "b"), (5, "c")]
    kept = proteins(path, duplicates=True)
    assert [(p.id, p.warnings) for p in kept] == [("a", ()), ("a", ("id stands more than once",))]


def test_a_file_of_unusable_records_is_refused_even_then(write):
    with pytest.raises(InputError, match="no record can be predicted"):
        survey(write(">a\nM1\n"), skip_invalid=True)


def test_an_id_that_stands_in_two_files(write):
    one, two = write(">a\nMKT\n", "one.faa"), write(">b\nMKT\n>a\nMKT\n", "two.faa")
    with (
        open_input([one, two]) as source,
        pytest.raises(InputError, match=r"in .*one.faa at line 1") as caught,
    ):
        source.survey()
    assert caught.value.path == str(two)


@pytest.mark.parametrize(
    ("pack", "suffix"), [(gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz")]
)
def test_compressed_files(write, ecoli, pack, suffix):
    path = write(pack(ecoli.read_bytes()), f"in.faa.{suffix}")
    assert list(read_fasta(path)) == list(read_fasta(ecoli))


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_a_compressed_file_that_was_cut_off(write, ecoli, suffix):
    packed = gzip.compress(ecoli.read_bytes())
    path = write(packed[: len(packed) // 2], f"in.faa{suffix}")
    with pytest.raises(InputError, match="cut off"):
        survey(path)


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_a_file_that_is_not_what_its_name_says(write, suffix):
    with pytest.raises(InputError, match=f"named .{suffix} but not compressed so"):
        survey(write(b">a\nMKT\n", f"in.faa.{suffix}"))


def test_two_residues_that_repeat_are_no_nucleotides():
    assert clean("antifreeze glycoprotein", "AAT" * 50).sequence == "AAT" * 50
    assert clean("spider silk", "GAGAGS" * 20)
    with pytest.raises(UnusableRecordError, match="nucleotides"):
        clean("rna", "AUGGCUUAA" * 10)


def test_a_pipe_is_read_once(tmp_path, ecoli):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", str(ecoli), str(pipe)]), open_input([pipe]) as source:
        assert source.survey().count == 300
        assert len(list(source.proteins())) == 300


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        survey(tmp_path / "none.faa")
    with pytest.raises(InputError, match="is a directory"):
        survey(tmp_path)


def test_standard_input(monkeypatch, ecoli):
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(ecoli.read_bytes())))
    monkeypatch.setattr(sys, "stdin", stream)
    with open_input(["-"]) as source:
        assert source.survey().count == 300
        assert len(list(source.proteins())) == 300


def test_standard_input_is_given_once():
    with pytest.raises(InputError, match="give '-' once"), open_input(["-", "-"]):
        pass


def test_messages_stay_short(write):
    with pytest.raises(InputError) as caught:
        survey(write(f">{'x' * 100_000}\nM1\n"))
    assert len(str(caught.value)) < 300


def test_errors_in_standard_input_name_it(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"MKT\n")))
    with open_input(["-"]) as source, pytest.raises(InputError, match=r"^standard input, line 1"):
        source.survey()


def test_records_stream(write):
    path = write("".join(f">p{i}\nMKTAY\n" for i in range(1000)))
    stream = read_raw(path)
    assert next(stream).header == "p0"
    stream.close()


def test_proteins_of_forty_thousand_residues():
    assert len(clean("titin", "MKTAYIAKQR" * 4000).sequence) == 40_000


@pytest.mark.integration
def test_no_real_proteome_has_a_record_that_is_refused(shared):
    for path in sorted((shared / "data" / "proteomes").glob("*.faa")):
        assert survey(path).count == path.read_text().count(">")


def test_clean_says_why():
    with pytest.raises(UnusableRecordError, match="'é' at residue 3"):
        clean("a", "MKé")
