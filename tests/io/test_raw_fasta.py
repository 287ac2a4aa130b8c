"""Records as they stand in a file: what is too long for a protein never fills the memory."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest

from peft_sp.errors import InputError
from peft_sp.io import raw_fasta
from peft_sp.io.fasta import read_fasta
from peft_sp.io.raw_fasta import read_raw


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(raw_fasta, "LONGEST", 1000)
    monkeypatch.setattr(raw_fasta, "IDLE", 100)


BOMBS = {
    "one line": (b">a\nMKT\n>long one\n" + b"M" * 99_999, "line 3, record 'long'"),
    "many lines": (b">a\nMKT\n>long one\n" + b"MK\n" * 33_333, "line 3, record 'long'"),
    "a line of blanks": (b">a\nMKT\n>long one\n" + b" " * 33_333, "line 3, record 'long'"),
    "one header": (
        b">a\nMKT\n>long" + b"g" * 99_999,
        f"line 3, record 'long{'g' * 56}...'",
    ),
    "a comment": (b">a\nMKT\n#" + b"g" * 99_999, "line 1, record 'a'"),
    "no header": (b"M" * 99_999, "line 1"),
    "two bytes a letter": ((">a\n" + "M" * 9_999).encode("utf-16"), "line 1, record 'a'"),
}


@pytest.mark.parametrize("case", BOMBS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_is_too_long_is_named_with_its_limit(case, pack, tmp_path, small):
    content, where = BOMBS[case]
    path = tmp_path / "in.faa"
    path.write_bytes(pack(content))
    with pytest.raises(InputError) as caught:
        list(read_fasta(path, on_error="skip"))
    problem = "more than 1,000 letters, which is no protein; leave it out"
    assert str(caught.value) == f"{path}, {where}: {problem}"


IDLE = {
    "blank lines": (b">a\nMKT\n>b\n" + b"\n" * 101, "line 3, record 'b'"),
    "comments": (b">a\nMKT\n>b\n" + b";\n" * 101, "line 3, record 'b'"),
    "before the first header": (b"\n;\n" * 51, "line 101"),
}


@pytest.mark.parametrize("case", IDLE)
def test_lines_without_letters_have_a_limit_of_their_own(case, tmp_path, small):
    content, where = IDLE[case]
    path = tmp_path / "in.faa"
    path.write_bytes(content)
    problem = "more than 100 blank lines and comments, which is no protein; leave it out"
    with pytest.raises(InputError) as caught:
        list(read_fasta(path, on_error="skip"))
    assert str(caught.value) == f"{path}, {where}: {problem}"
    path.write_bytes(b"".join(b">%d\nMK\n" % n + b"\n" * 99 + b"; x\nMK\n" for n in range(3)))
    assert [found.sequence for found in read_fasta(path)] == ["MKMK"] * 3


def test_what_is_as_long_as_the_limit_passes(tmp_path, small):
    line = "M" * (1000 - len(">a\n\n"))
    (tmp_path / "in.faa").write_text(f">a\n{line}\n>b\n{line}\n")
    found, _ = read_raw(tmp_path / "in.faa")
    assert len(found.sequence) == len(line)


@pytest.mark.integration
def test_memory_is_bounded_whatever_a_file_unpacks_to(tmp_path):
    """A hundred times the limit, and many records that cannot be used."""
    bombs = {"line": b"M" * 1_000_000, "lines": b"MK\n" * 333_333, "bad": b">x\nM1\n" * 1000}
    for name, part in bombs.items():
        with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
            file.write(b">good\nMKT\n" + b">b\n" * (name != "bad"))
            for _ in range(300):
                file.write(part)
    code = (
        "import resource, sys\n"
        "from peft_sp.io.fasta import open_input\n"
        "from peft_sp.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in sys.argv[1:]:\n"
        "    with open_input([name]) as source:\n"
        "        try:\n"
        "            print(source.survey(skip_invalid=True).unusable)\n"
        "        except InputError as error:\n"
        "            print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    names = [str(tmp_path / name) for name in bombs]
    run = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, check=True)
    *answers, grown = run.stdout.decode().splitlines()
    assert answers == [
        *(
            f"{name}, line 3, record 'b': more than 10,000,000 letters, which is no protein; leave "
            "it out"
            for name in names[:2]
        ),
        "300000",
    ]
    assert int(grown) < 600_000, "kilobytes"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("P0A910", "this seems to be a table or a list; give the sequences as FASTA"),
        ("id\theader\ttype", "this seems to be a table or a list; give the sequences as FASTA"),
        ("id,sequence", "this seems to be a table or a list; give the sequences as FASTA"),
        ("MKKTAIAIAV", "put a line such as '>name' before the sequence"),
        ("Proteins of 2024", "remove it"),
    ],
)
def test_what_stands_before_the_first_header_decides_the_remedy(tmp_path, line, remedy):
    file = tmp_path / "a.faa"
    file.write_text(f"{line}\n>a\nMKKTAIAIAV\n")
    with pytest.raises(InputError, match=f"before any header, .*; {remedy}$"):
        list(read_raw(file))
