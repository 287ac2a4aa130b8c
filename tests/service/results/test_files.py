import io
import os
import zipfile

import pytest

from peft_sp.service.job import Job
from peft_sp.service.results.files import result_files, zipped


@pytest.fixture
def job(tmp_path):
    for name in ("results", "compared"):
        (tmp_path / name).mkdir()
    (tmp_path / "results" / "predictions.tsv").write_bytes(b"one")
    (tmp_path / "results" / "secret").write_bytes(b"secret")
    (tmp_path / "compared" / "predictions.tsv").write_bytes(b"two")
    return Job(
        *("id", "client", "done", 0.0, 0.0, "other", "fast", "esm2-8m", False, ()),
        *(tmp_path / "results", tmp_path / "compared"),
        finished=1_700_000_000.0,
    )


def test_only_files_of_a_run_are_given(job):
    assert result_files(job) == {"predictions.tsv": job.results / "predictions.tsv"}


def test_a_zip_has_all_files_and_those_of_the_second_model_apart(job):
    content = b"".join(zipped(job))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "predictions.tsv": b"one",
            "compared/predictions.tsv": b"two",
        }
        assert archive.infolist()[0].date_time[:3] == (2023, 11, 14)
    assert content == b"".join(zipped(job))


def test_a_zip_comes_in_pieces_and_is_never_whole_in_memory(job):
    (job.results / "predictions.gff3").write_bytes(os.urandom(3_000_000))
    pieces = list(zipped(job))
    assert max(map(len, pieces)) < 600_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
