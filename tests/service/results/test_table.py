from itertools import pairwise

import pytest

from peft_sp.service.results.table import read_index

TYPES = ["SP", "NO_SP", "TAT", "SP", "NO_SP"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "predictions.tsv"
    rows = [f"p{n}é\theader\t\t{name}\t0.5" for n, name in enumerate(TYPES)]
    path.write_text("\n".join(["id\theader\tfile\ttype\tp", *rows]) + "\n")
    return read_index(path)


def ids(index, *types):
    return [line.split("\t")[0] for line in index.lines(index.numbers(types))]


def test_rows_are_found_by_type_and_number(index):
    assert ids(index) == ["p0é", "p1é", "p2é", "p3é", "p4é"]
    assert ids(index, "SP") == ["p0é", "p3é"]
    assert ids(index, "TAT", "NO_SP") == ["p1é", "p2é", "p4é"]
    assert ids(index, "PILIN") == []
    assert next(index.lines(index.numbers(())[3:])).startswith("p3é\t")
    assert index.head == "id\theader\tfile\ttype\tp\n"


def test_rows_begin_where_the_index_says(index):
    content = index.path.read_bytes()
    for start, end in pairwise([*index.offsets.tolist(), len(content)]):
        assert content[start : start + 1] == b"p"
        assert content[end - 1 : end] == b"\n"
