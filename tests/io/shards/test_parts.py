"""Parts of a file: wherever it is cut, each record is in one of them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.errors import ChangedInputError, InputError
from peft_sp.io.raw_fasta import read_raw
from peft_sp.io.shards import parts
from peft_sp.io.shards.parts import Part, PartReader


def cut(file, positions):
    size = file.stat().st_size
    edges = sorted({0, size, *(p for p in positions if p < size)})
    return [Part(str(file), file.name, size, *edge) for edge in pairwise(edges)]


def names(readers):
    return [raw.header for reader in readers for raw in reader.records()]


records = st.lists(
    st.tuples(
        st.text("ab>", min_size=1, max_size=6),
        st.lists(st.text("ACDK", max_size=9), max_size=4),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(records, st.lists(st.integers(0, 200), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_each_record_is_in_one_part_wherever_a_file_is_cut(tmp_path_factory, some, positions, end):
    file = tmp_path_factory.mktemp("cut") / "a.faa"
    lines = [line for name, seq in some for line in (f">{name}", *seq)]
    file.write_bytes((end.join(lines) + end).encode())
    whole = [(raw.header, raw.sequence) for raw in read_raw(file)]
    readers = [PartReader(part) for part in cut(file, positions)]
    found = [(raw.header, raw.sequence) for reader in readers for raw in reader.records()]
    assert found == whole
    assert sum(reader.bytes for reader in readers) == file.stat().st_size


def test_a_header_at_the_edge_of_a_block_is_found(tmp_path, monkeypatch):
    file = tmp_path / "a.faa"
    file.write_text("".join(f">r{n}\n{'A' * (n % 7)}\n" for n in range(40)))
    expected = [f"r{n}" for n in range(40)]
    for block in range(1, 9):
        monkeypatch.setattr(parts, "_BLOCK", block)
        assert names(map(PartReader, cut(file, [50, 101, 102, 103, 104, 200]))) == expected


def test_a_part_inside_a_long_record_is_empty_and_the_checksum_tells_the_bytes(tmp_path):
    file = tmp_path / "a.faa"
    file.write_text(">a\n" + "A" * 100 + "\n>b\nC\n")
    first, inside, last = readers = [PartReader(part) for part in cut(file, [40, 60])]
    assert [len(list(reader.records())) for reader in readers] == [1, 0, 1]
    assert inside.bytes == 0 and first.checksum != last.checksum
    file.write_text(">a\n" + "A" * 99 + "R\n>b\nC\n")
    changed = PartReader(first.part)
    list(changed.records())
    assert changed.checksum != first.checksum


def test_a_mistake_behind_a_cut_says_from_where_its_lines_are_counted(tmp_path):
    file = tmp_path / "a.faa"
    file.write_bytes(b">a\nMK\n>b\nMKA\rMK\n")
    first, last = map(PartReader, cut(file, [5]))
    assert len(list(first.records())) == 1
    with pytest.raises(InputError, match=r"a.faa, line 2: .* \(lines are counted from byte 5 on\)"):
        list(last.records())


def test_a_compressed_file_is_one_part(tmp_path):
    import gzip

    file = tmp_path / "a.faa.gz"
    file.write_bytes(gzip.compress(b">a\nACD\n>b\nC\n"))
    assert names(map(PartReader, cut(file, []))) == ["a", "b"]


def test_a_file_of_another_size_or_that_is_gone_is_an_error(tmp_path):
    file = tmp_path / "a.faa"
    file.write_text(">a\nACD\n")
    (part,) = cut(file, [])
    file.write_text(">a\nACDD\n")
    with pytest.raises(ChangedInputError, match=r"a.faa: has 8 bytes, not the 7 of the plan"):
        list(PartReader(part).records())
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        list(PartReader(part).records())


def test_of_an_address_hardly_more_is_read_than_the_part(tmp_path):
    """A store that gives large blocks is asked for small ones where an edge is looked for."""
    fsspec = pytest.importorskip("fsspec")
    asked = []

    class Block(fsspec.spec.AbstractBufferedFile):
        def _fetch_range(self, start, end):
            asked.append(end - start)
            with open(self.path, "rb") as file:
                file.seek(start)
                return file.read(end - start)

    class Store(fsspec.AbstractFileSystem):
        protocol = "counted"

        def info(self, path, **_):
            return {"name": path, "size": file.stat().st_size, "type": "file"}

        def _open(self, path, mode="rb", block_size=None, **_):
            size = block_size or 8 << 20  # instead of the 50 MB of S3
            return Block(self, path, mode, block_size=size, cache_type="readahead")

    fsspec.register_implementation("counted", Store, clobber=True)
    file = tmp_path / "a.faa"
    file.write_text("".join(f">r{n}\n{'A' * 1000}\n" for n in range(30_000)))
    size = file.stat().st_size
    part = Part(f"counted://{file}", "a", size, size // 3, 2 * size // 3)
    assert len(names([PartReader(part)])) == 9_996
    # Two looks of a block and what is read ahead, and the part in two blocks of 8 MB.
    assert len(asked) == 4 and sum(asked) < 21 << 20
