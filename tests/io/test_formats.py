"""What a file is, its content says: compressed, in another encoding, or no FASTA at all."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from xopen import zstd as zstandard

from peft_sp.errors import InputError
from peft_sp.io.fasta import open_input, read_fasta
from peft_sp.io.formats import check

GOOD = ">a first\nMKTAY\n>b\nMKV\n"


def zstd(data: bytes) -> bytes:
    # With a checksum, as the tool of that name writes it.
    return zstandard.compress(data, options={zstandard.CompressionParameter.checksum_flag: 1})


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def read(path):
    return [(p.header, p.sequence) for p in read_fasta(path)]


def problem_of(content, tmp_path, name="in.faa"):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, open_input([path]) as source:
        source.survey(skip_invalid=True)
    assert caught.value.path == str(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return caught.value.problem


@pytest.mark.parametrize("suffix", [*PACKERS, "faa"])
@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_whatever_the_name(packer, suffix, tmp_path, ecoli):
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(PACKERS[packer](ecoli.read_bytes()))
    assert list(read_fasta(path)) == list(read_fasta(ecoli))


@pytest.mark.parametrize("suffix", PACKERS)
def test_plain_whatever_the_name(suffix, tmp_path):
    path = tmp_path / f"in.faa.{suffix}"
    path.write_text(GOOD)
    assert read(path) == [("a first", "MKTAY"), ("b", "MKV")]


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_in_several_parts(packer, tmp_path):
    path = tmp_path / "in"
    path.write_bytes(
        b"".join(PACKERS[packer](part.encode()) for part in (">a\nMK", "T\n>b\nMKV\n"))
    )
    assert read(path) == [("a", "MKT"), ("b", "MKV")]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
@pytest.mark.parametrize("packer", PACKERS)
def test_cut_off(packer, share, tmp_path, ecoli):
    packed = PACKERS[packer](ecoli.read_bytes())
    problem = problem_of(packed[: int(len(packed) * share)], tmp_path)
    assert problem == "the compressed file is cut off or damaged; fetch it again"


@pytest.mark.parametrize("packer", PACKERS)
def test_damaged(packer, tmp_path, ecoli):
    packed = bytearray(PACKERS[packer](ecoli.read_bytes()))
    for place in range(len(packed) // 2, len(packed) // 2 + 64):
        packed[place] ^= 0x55
    assert "damaged" in problem_of(bytes(packed), tmp_path)


@pytest.mark.parametrize("packer", PACKERS)
def test_nothing_inside(packer, tmp_path):
    assert "no records" in problem_of(PACKERS[packer](b""), tmp_path)


def test_compressed_twice(tmp_path):
    assert "twice" in problem_of(gzip.compress(gzip.compress(GOOD.encode())), tmp_path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_encodings(encoding, packed, tmp_path):
    content = ">Ωmega\r\nMKT\r\nAY\r\n".encode(encoding)
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(content) if packed else content)
    (protein,) = read_fasta(path)
    assert (protein.header, protein.sequence, protein.warnings) == ("Ωmega", "MKTAY", ())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end, tmp_path):
    path = tmp_path / "in"
    path.write_bytes(GOOD.replace("\n", end).encode())
    assert [(p.header, p.line) for p in read_fasta(path)] == [("a first", 1), ("b", 3)]


def zipped(name: str = "in.faa") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, GOOD)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("in.faa")
        member.size = len(GOOD)
        archive.addfile(member, io.BytesIO(GOOD.encode()))
    return packed.getvalue()


FOREIGN = {
    "FASTQ": (b"@r1\nACGT\n+\nIIII\n", "looks like FASTQ"),
    "GenBank": (b"LOCUS       SCU49845  5028 bp  DNA\n", "looks like GenBank"),
    "UniProt": (b"ID   001R_FRG3G   Reviewed;  256 AA.\n", "looks like EMBL or UniProt text"),
    "GFF": (b"##gff-version 3\nchr1\t.\tgene\t1\t9\t.\t.\t.\tID=a\n", "looks like GFF"),
    "Stockholm": (b"# STOCKHOLM 1.0\n", "looks like a Stockholm alignment"),
    "Clustal": (b"CLUSTAL W (1.83)\n\na MKT\n", "looks like a Clustal alignment"),
    "PDB": (b"HEADER    HYDROLASE\n", "looks like a PDB structure"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "looks like PDF"),
    "a page": (b"\n<!DOCTYPE HTML>\n<html>", "looks like a web page"),
    "XML": (b'<?xml version="1.0"?>', "looks like XML"),
    "JSON": (b'{"a": "MKT"}', "looks like JSON"),
    "zip": (zipped(), "looks like zip, not FASTA; unpack it and give the file inside"),
    "docx": (zipped("[Content_Types].xml"), "an office document, not FASTA; save it as plain text"),
    "tar": (tarred(), "looks like a tar archive"),
    "tar.gz": (gzip.compress(tarred()), "looks like a tar archive"),
    "FASTQ.gz": (gzip.compress(b"@r1\nACGT\n+\nIIII\n"), "looks like FASTQ"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(64), "is no text"),
    "zeros": (bytes(4096), "is no text"),
    "a table": (b"id,sequence\na,MKT\n", r"the line 'id,sequence' stands before any header"),
    "a sequence": (b"MKTAY\n", "put a line such as '>name' before the sequence"),
    "text before": (b"My proteins\n>a\nMKT\n", "the line 'My proteins' stands before any header"),
    "a header in quotes": (
        "\u201c>a\u201d\nMKT\n".encode(),
        "the line '\u201c>a\u201d' stands before any header",
    ),
    "a header behind a sign": (b"1) >a\nMKT\n>b\n", "; remove it"),
    "a header behind signs": (b"- *>a\nMKT\n", "remove what stands before '>'"),
    "terminal codes": (b"\x1b[31mred\n", r"the line '\x1b[31mred' stands before"),
    "nothing": (b"", "no records"),
    "blank lines": (b"\n\r\n \n", "no records"),
    "comments": (b"# nothing\n; yet\n", "no records"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_another_format_is_said_to_be_it(case, tmp_path):
    content, problem = FOREIGN[case]
    assert problem in problem_of(content, tmp_path)


def test_what_is_no_file(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, problem in [
        (tmp_path / "none.faa", "no such file"),
        (tmp_path, "is a directory; give a protein FASTA file"),
        (loop, "cannot be read"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "none" / "in.faa", "no such file"),
        (Path("MKKTAIAIAVALAGFATVAQA"), "no such file; this seems to be a sequence: give the name"),
    ]:
        with pytest.raises(InputError, match=problem), open_input([path]):
            pass
        with pytest.raises(InputError, match=problem):
            list(read_fasta(path))
    with pytest.raises(InputError, match=r"^standard input: is not read here; give a file$"):
        check("-")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file needs another user")
def test_permission_denied(tmp_path):
    tmp_path.chmod(0o755)
    path, closed = tmp_path / "in.faa", tmp_path / "closed"
    path.write_text(GOOD)
    path.chmod(0)
    closed.mkdir()
    (closed / "in.faa").write_text(GOOD)
    closed.chmod(0)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 1:
            folder.chmod(0o711)
    os.seteuid(65534)
    try:
        for name in (path, closed / "in.faa"):
            with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); ask"):
                list(read_fasta(name))
    finally:
        os.seteuid(0)
        closed.chmod(0o700)


@pytest.mark.parametrize("content", [b">\x00\nA", b"\x00>a\nMKT\n", b">\x00a\x00b\x00c\nMKT\n"])
def test_a_control_character_makes_no_other_encoding(content, tmp_path):
    path = tmp_path / "in"
    path.write_bytes(content)
    if content[:1] == b">":
        assert "invisible character" in next(read_fasta(path)).warnings[0]
    else:
        with pytest.raises(InputError, match="no text"):
            next(read_fasta(path))


@pytest.mark.parametrize("packer", ["none", "gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_end_within_a_line_is_refused_with_its_line(end, encoding, packer, tmp_path):
    """The rest of a header would be read as residues."""
    text = f">first{end}MKTAY{end}" * 20_000 + f">a note\rMKAAA{end}MKKTAIAIAV{end}"
    path = tmp_path / "in.faa"
    content = text.encode(encoding)
    path.write_bytes(PACKERS[packer](content) if packer in PACKERS else content)
    with pytest.raises(InputError, match="a line end of old Macs") as caught:
        read(path)
    assert (caught.value.path, caught.value.line) == (str(path), 40_001)


def test_a_file_of_an_old_mac_before_one_of_unix_is_refused(tmp_path):
    path = tmp_path / "in.faa"
    path.write_bytes(GOOD.replace("\n", "\r").encode() + GOOD.encode())
    with pytest.raises(InputError, match="a line end of old Macs") as caught:
        read(path)
    assert caught.value.line == 1


def test_line_ends_that_separate_no_text_are_harmless(tmp_path):
    """Such as those that Windows wrote twice."""
    path = tmp_path / "in.faa"
    for text in (GOOD.replace("\n", "\r\r\n"), GOOD.replace("\n", "\r"), GOOD + "\r"):
        path.write_bytes(text.encode())
        assert read(path) == [("a first", "MKTAY"), ("b", "MKV")]
