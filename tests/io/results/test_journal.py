import os
from hashlib import blake2b

import pytest

from peft_sp.errors import OutputError
from peft_sp.io.results import journal as module
from peft_sp.io.results.journal import Journal

FULL = Journal(
    {"input": "7 proteins"}, 5, {"a.txt": 12}, {"share": 0.1 + 0.2, "name": "é\udcff"}, whole=True
)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "journal"
    assert Journal.read(path) is None
    Journal({}, 1, {}, {}).write(path)
    FULL.write(path)
    assert Journal.read(path) == FULL
    assert [p.name for p in tmp_path.iterdir()] == ["journal"]


def test_any_cut_and_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "journal"
    FULL.write(path)
    content = path.read_bytes()
    for place in range(len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        for wrong in (content[:place], bytes(changed)):
            path.write_bytes(wrong)
            with pytest.raises(OutputError, match=r"damaged; remove .* and start anew"):
                Journal.read(path)


def test_one_of_another_version_is_named(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    monkeypatch.setattr(module, "FORMAT", 99)
    FULL.write(path)
    monkeypatch.undo()
    with pytest.raises(OutputError, match="of another version of this program"):
        Journal.read(path)


def test_a_journal_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="cannot be read"):
        Journal.read(tmp_path)


FOREIGN = {
    "no table": b"[]",
    "without a format": b'{"done": 1}',
    "with other keys": b'{"format": %d, "done": 1}' % module.FORMAT,
    "no JSON": b"half",
    "nested too deeply": b"[" * 100_000,
    "a number of many digits": b"1" * 10_000,
    "with a negative number": (
        b'{"format": %d, "identity": {}, "done": -1, "files": {}, "state": {}, "whole": true}'
        % module.FORMAT
    ),
    "with a size that is no number": (
        b'{"format": %d, "identity": {}, "done": 1, "files": {"a": ""}, "state": {}, "whole": true}'
        % module.FORMAT
    ),
    "with other kinds of values": (
        b'{"format": %d, "identity": {}, "done": "1", "files": [], "state": {}, "whole": true}'
        % module.FORMAT
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_journal_of_another_shape_is_damaged_though_its_digest_fits(case, tmp_path):
    text = FOREIGN[case]
    path = tmp_path / "journal"
    path.write_bytes(blake2b(text, digest_size=16).hexdigest().encode() + b"\n" + text + b"\n")
    with pytest.raises(OutputError, match=r"damaged; remove .* and start anew"):
        Journal.read(path)


def test_a_link_or_a_pipe_is_no_journal(tmp_path):
    FULL.write(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OutputError, match="cannot be read"):
            Journal.read(tmp_path / name)
