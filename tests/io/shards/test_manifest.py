"""What a finished shard says of itself, read back."""

import json

import pytest

from peft_sp.io.shards.manifest import FILE, Manifest, ReadPart, checksums, read_manifest

MANIFEST = Manifest(
    plan="p", shard=3, records=2, results=1, errors=1, types={"SP": 1}, organisms={"other": 1},
    warnings=0, parts=(ReadPart("a.faa", 0, 9, 9, "c", 2),), model="m", version="1", runtime="r",
    files={"a": (1, "d")}, seconds=0.5,
)  # fmt: skip


def test_a_manifest_reads_back(tmp_path):
    assert read_manifest(tmp_path) is None
    MANIFEST.write(tmp_path)
    assert read_manifest(tmp_path) == MANIFEST


@pytest.mark.parametrize("change", [{"records": "2"}, {"more": 1}, {"parts": [{"file": 1}]}])
def test_one_that_no_shard_wrote_is_refused(tmp_path, change):
    MANIFEST.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**content, **change}))
    with pytest.raises(ValueError, match=r"manifest.json is not of a shard"):
        read_manifest(tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        read_manifest(tmp_path)


def test_checksums_are_those_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / FILE).write_text("{}")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksums(tmp_path) == {"a": (3, digest)}
