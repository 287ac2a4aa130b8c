import pytest

from peft_sp.io.labelled import mmseqs
from tests.support.programs import program


def test_a_missing_program_is_one_line_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert not mmseqs.installed()
    with pytest.raises(mmseqs.MMseqsError, match=r"apt install mmseqs2.*--method kmers"):
        mmseqs.alike(["MKTAYIAKQR"])


def test_a_program_that_fails_is_named(monkeypatch, tmp_path):
    failing = tmp_path / mmseqs.PROGRAM
    failing.write_text("#!/bin/sh\necho no memory >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(mmseqs.MMseqsError, match=r"mmseqs easy-search failed \(no memory\)"):
        mmseqs.alike(["MKTAYIAKQR"])


@pytest.mark.integration
def test_mmseqs2_finds_a_copy_and_a_relative(labelled):
    program(mmseqs.PROGRAM, package="mmseqs2")
    windows = list(dict.fromkeys(p.sequence for p in labelled))[:60]
    relative = windows[3][:30] + "A" + windows[3][30:69]
    pairs = mmseqs.alike([*windows, relative]).tolist()
    assert [3, len(windows)] in pairs
    assert all(first < second for first, second in pairs)
