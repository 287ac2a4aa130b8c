"""Manifests: as `sha256sum` has them, and nothing altered gets through."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from peft_sp.errors import ModelError
from peft_sp.io.registry.checksums import (
    MANIFEST,
    is_model_file,
    needed,
    read_checksums,
    verify,
    write_checksums,
)

REMEDY = "get it again"


def put_twice(manifest):
    manifest.write_text(manifest.read_text() + "0" * 64 + "  ./config.json\n")


def put_pipe(file):
    """Whoever opens it waits for a writer."""
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def put_link(file, target):
    file.unlink()
    file.symlink_to(target)


@pytest.fixture
def model(tmp_path):
    """An ensemble's folder, whose files need not be a network's."""
    for name in ("config.json", "a/config.json", "a/model.onnx", "b/config.json", "b/model.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"content of {name}")
    (tmp_path / "README.md").write_text("a card")
    write_checksums(tmp_path, ["a", "b"])
    return tmp_path


def test_what_is_written_is_verified(model):
    assert verify(model, ["a", "b"], remedy=REMEDY) == 5
    assert list(read_checksums(model)) == sorted(read_checksums(model))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this system has no sha256sum")
def test_it_is_the_format_of_sha256sum(model):
    subprocess.run(["sha256sum", "--strict", "--check", MANIFEST], cwd=model, check=True)
    files = sorted(read_checksums(model))
    run = subprocess.run(["sha256sum", *files], cwd=model, capture_output=True, check=True)
    assert run.stdout == (model / MANIFEST).read_bytes()
    (model / MANIFEST).write_bytes(run.stdout.replace(b"  ", b" *"))  # as binary mode has it
    assert verify(model, ["a", "b"], remedy=REMEDY) == 5


def test_a_model_without_a_manifest_has_nothing_to_compare(model):
    (model / MANIFEST).unlink()
    assert read_checksums(model) is None
    assert verify(model, ["a", "b"], remedy=REMEDY) == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: (d / "a/model.onnx").write_text("content of a/model.onnX"), "is damaged or was"),
        (lambda d: (d / "a/model.onnx").write_text(""), "is damaged or was"),
        (lambda d: (d / "b/model.onnx").unlink(), "is missing"),
        (lambda d: (d / "config.json").write_text("{}"), "is damaged or was"),
        (lambda d: (d / "head.safetensors").write_text("x"), "is not listed in SHA256SUMS"),
        (
            lambda d: (d / MANIFEST).write_text("abc  config.json\n"),
            "line 1: not a line of sha256sum",
        ),
        (lambda d: (d / MANIFEST).write_text(""), "does not list config.json"),
        (lambda d: (d / MANIFEST).write_bytes(b"\xff"), "it is not UTF-8 text"),
        (
            lambda d: (d / MANIFEST).write_bytes(b"\n" * 2**20 + b"\n"),
            "larger than 1,048,576 bytes",
        ),
        (lambda d: put_twice(d / MANIFEST), "line 6: lists config.json twice"),
        (lambda d: put_pipe(d / MANIFEST), "SHA256SUMS: cannot be read .it is not a regular file"),
        (lambda d: put_pipe(d / "config.json"), "config.json: cannot be read .it is not a regular"),
        (lambda d: put_pipe(d / "b/model.onnx"), "model.onnx: cannot be read .it is not a regular"),
        (lambda d: put_pipe(d / "b/x.safetensors"), "x.safetensors: cannot be read .it is not a"),
        (lambda d: put_link(d / "a/model.onnx", "/dev/zero"), "it is not a regular file"),
        (lambda d: put_link(d / "a/model.onnx", __file__), "a link to a file outside the model's"),
        (lambda d: put_link(d / "a/model.onnx", d / "none"), "No such file"),
    ],
)
def test_what_was_altered_is_named(model, change, problem):
    change(model)
    with pytest.raises(ModelError, match=problem) as caught:
        verify(model, ["a", "b"], remedy=REMEDY)
    assert str(model) in str(caught.value) and "\n" not in str(caught.value)


def test_links_inside_a_model_are_its_own(model):
    (model / "b/model.onnx").rename(model / "network")
    (model / "b/model.onnx").symlink_to("../network")
    assert verify(model, ["a", "b"], remedy=REMEDY) == 5


def test_the_cache_of_the_hub_library_holds_links_to_its_blobs(model, tmp_path_factory):
    cache = tmp_path_factory.mktemp("models--owner--name")
    (cache / "blobs").mkdir()
    snapshot = cache / "snapshots" / ("0" * 40)
    shutil.copytree(model, snapshot)
    for number, file in enumerate(p for p in snapshot.rglob("*") if p.is_file()):
        file.rename(cache / "blobs" / str(number))
        file.symlink_to(cache / "blobs" / str(number))
    assert verify(snapshot, ["a", "b"], remedy=REMEDY) == 5
    put_link(snapshot / "a/model.onnx", __file__)
    with pytest.raises(ModelError, match="outside the model's directory"):
        verify(snapshot, ["a", "b"], remedy=REMEDY)


def test_the_card_may_change(model):
    (model / "README.md").write_text("a better card")
    assert verify(model, ["a", "b"], remedy=REMEDY) == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("config.json", True),
        ("member-1/head.safetensors", True),
        ("model.onnx", True),
        ("model.onnx.data", False),
        ("adapter_config.json", True),
        ("model.pt", False),
        ("pytorch_model.bin", False),
        ("model.pkl", False),
        ("code.py", False),
        ("../config.json", False),
        ("/etc/config.json", False),
        ("a/b/config.json", False),
        ("a\\..\\config.json", False),
    ],
)
def test_what_a_model_is_made_of(name, expected):
    assert is_model_file(name) is expected


def test_an_exported_network_needs_no_tensors():
    files = ["config.json", "head.safetensors", "adapter_config.json", "weights.pkl"]
    assert needed(files) == files[:3]
    assert needed([*files, "model.onnx"]) == ["config.json", "model.onnx"]
    members = ["config.json", "a/config.json", "a/head.safetensors", "b/model.onnx"]
    assert needed([*members, "b/head.safetensors"]) == members
