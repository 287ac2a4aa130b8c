import io
import json
import zipfile
import zlib

import pytest

from peft_sp.io.writers import tables
from tests.support.service import JOBS, OMPA, THRA, serve

SIX = "".join(f">p{n}\n{letters}\n" for n, letters in enumerate([OMPA, THRA] * 3))


@pytest.fixture(scope="module")
def six(service):
    """A job of six proteins, of which every second has a signal peptide, the first included."""
    return service.done(SIX, organism="other")


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["predictions"]]


def test_rows_are_typed_and_those_of_the_table(service, six):
    rows = service.get(f"{six}/results").json()
    assert (rows["total"], rows["offset"], len(rows["predictions"])) == (6, 0, 6)
    first, second = rows["predictions"][:2]
    assert tuple(first) == tables.COLUMNS
    assert (first["type"], first["cleavage_site"], first["length"]) == ("SP", 21, 60)
    assert (second["type"], second["cleavage_site"], second["file"]) == ("NO_SP", None, "")
    table = service.get(f"{six}/results", format="tsv").text.splitlines()
    assert table[0].split("\t") == list(tables.COLUMNS)
    assert [tables.parsed(line) for line in table[1:]] == rows["predictions"]


def test_rows_come_in_pages_and_by_type(service, six):
    url = f"{six}/results"
    assert ids(service.get(url, offset=2, limit=2)) == ["p2", "p3"]
    assert ids(service.get(url, offset=6)) == []
    assert ids(service.get(url, type="SP")) == ["p0", "p2", "p4"]
    assert ids(service.get(url, type="SP", offset=1, limit=1)) == ["p2"]
    assert ids(service.get(url, type=["SP", "NO_SP"], limit=3)) == ["p0", "p1", "p2"]
    assert service.get(url, type="SP", limit=1).json()["total"] == 3
    lines = service.get(url, format="tsv", type="NO_SP", offset=1).text.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["id", "p3", "p5"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"format": "xml"}, "format: Input should be 'json', 'tsv', 'gff3' or 'zip'"),
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 10_001}, "limit: Input should be less than or equal to 10000"),
        ({"offset": -1}, "offset: Input should be greater"),
        ({"offset": 10**30}, "offset: Input should be less"),
        ({"type": "sp"}, "type.0: Value error, choose one of NO_SP, SP"),
        ({"format": "zip", "type": "SP"}, "zip is of all proteins"),
        ({"format": "gff3", "limit": 1}, "gff3 is of all proteins"),
        ({"file": "x"}, "file: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(service, six, query, problem):
    answer = service.get(f"{six}/results", **query)
    assert answer.status_code == 422
    assert problem in answer.json()["error"]["message"]


def test_files_are_given_by_the_names_of_the_list_alone(service, six):
    gff3 = service.get(f"{six}/results", format="gff3")
    assert gff3.text.startswith("##gff-version 3\n")
    assert service.get(f"{six}/results/predictions.gff3").content == gff3.content
    for name in (
        "input",
        "..%2fresults%2fpredictions.tsv",
        "%2fetc%2fpasswd",
        "x",
        "predictions.tsv%00",
    ):
        assert service.get(f"{six}/results/{name}").status_code == 404


def test_a_file_is_saved_and_never_shown_as_a_page_of_ours(service, six):
    answer = service.get(f"{six}/results/summary.html")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="summary.html"'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_zip_has_every_file(service, six):
    answer = service.get(f"{six}/results", format="zip")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        listed = [file["name"] for file in service.get(six).json()["files"]]
        assert archive.namelist() == listed
        assert (
            archive.read("predictions.tsv") == service.get(f"{six}/results/predictions.tsv").content
        )


@pytest.mark.parametrize(
    "path",
    [
        *("results", "results?offset=1", "results?format=tsv", "results?format=zip"),
        *("results/output.json", "view", "view/0/rows", "view/0/curves"),
    ],
)
def test_what_does_not_change_is_kept_by_the_client(service, six, path):
    first = service.client.get(f"{six}/{path}")
    assert "immutable" in first.headers["Cache-Control"]
    assert "private" in first.headers["Cache-Control"]
    tag = first.headers["ETag"]
    again = service.client.get(f"{six}/{path}", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = service.client.get(f"{six}/{path}", headers={"If-None-Match": '"x"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_a_view_has_the_blocks_of_the_summary_page(service, six):
    view = service.get(f"{six}/view").json()
    assert (view["proteins"], view["blocks"]) == (6, 1)
    assert view["frames"]
    rows = json.loads(zlib.decompress(service.get(f"{six}/view/0/rows").content))
    assert rows["site"] == [21, 0] * 3
    assert zlib.decompress(service.get(f"{six}/view/0/curves").content).startswith(OMPA.encode())
    assert service.get(f"{six}/view/1/rows").status_code == 404
    for wrong in ("-1/rows", "x/rows", "0/frames", f"{10**30}/rows"):
        assert service.get(f"{six}/view/{wrong}").status_code == 422


def test_two_models_are_compared(service, six, tmp_path):
    assert service.get(f"{six}/compare").status_code == 404
    from peft_sp.io.registry import lookup

    fast = str(lookup.locate("fast"))
    with serve(tmp_path, models=("fast", fast)) as served:
        url = served.done(SIX, compare=fast, organism="other")
        assert served.get(f"{url}/compare").json() == []
        table = served.store.get(url.removeprefix(f"{JOBS}/")).compared / tables.FILE
        table.write_text(table.read_text().replace("\tSP\t", "\tTAT\t", 1))
        assert served.get(f"{url}/compare").json() == [
            {"index": 0, "type": "TAT", "site": 21, "probability": pytest.approx(0, abs=0.1)}
        ]
        names = zipfile.ZipFile(io.BytesIO(served.get(f"{url}/results", format="zip").content))
        assert "compared/predictions.tsv" in names.namelist()
