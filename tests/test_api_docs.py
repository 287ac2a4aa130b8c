"""What docs/http.md and docs/client.py say of the API is run as it stands."""

import os
import subprocess
import sys

import pytest

from peft_sp.service.settings import MB, ServiceSettings
from tests.support.paths import ROOT
from tests.support.service import FASTA, working

pytestmark = pytest.mark.integration
PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
CLIENT = ROOT / "docs" / "client.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a server with a worker answers."""
    with working(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def run(folder, *command, **environment):
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_client_as_a_program(folder, address):
    (folder / 'my "x".faa').write_text(FASTA)
    command = sys.executable, CLIENT, 'my "x".faa'
    code, out, errors = run(folder, *command, PEFT_SP_SERVER=address)
    assert (code, len(out.splitlines())) == (0, 3), errors
    (folder / 'my "x".faa').write_text(">a\nM7\n")
    code, out, errors = run(folder, *command, PEFT_SP_SERVER=address)
    assert (code, out) == (1, "")
    assert errors == "error: '7' at residue 2 is no amino acid; remove the numbers\n"


def test_the_limits_are_those_of_the_server(tmp_path):
    limits = ServiceSettings(tmp_path)
    for text in (
        f"(10 MB; send files instead), on files of a job ({limits.max_files})",
        f"{limits.max_uploads_each} uploads, {limits.max_streams_each} streams of events",
        f"up to {limits.max_at_once} sequences",
        f"unpacked ({limits.max_bytes // MB}), its proteins ({limits.max_records:,})",
        f"residues of each ({limits.max_length:,})",
        f"of a client that wait or run ({limits.max_jobs})",
        f"of all clients ({limits.max_queued:,})",
    ):
        assert text in PAGE + (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
    assert limits.max_text_bytes == 10 * MB
