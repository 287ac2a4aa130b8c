"""The commit that a model was made by is this package's, or none."""

from __future__ import annotations

import subprocess
from importlib import metadata

import pytest
import torch

from peft_sp import version
from peft_sp.training.fitting.provenance import commit, device_name


def git(directory, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", directory, *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in a repository; `commit` takes it for ours."""
    file = tmp_path / "src" / "version.py"
    file.parent.mkdir()
    file.write_text("one\n")
    git(tmp_path, "init", "-q")
    monkeypatch.setattr(version, "__file__", str(file))
    return file


def installed(monkeypatch, origin):
    """The package as pip installed it, from a wheel or from what `origin` says.

    Of whatever class: another package's import may put one of its own in place of Python's.
    """
    kind = type(metadata.distribution("peft-sp"))
    monkeypatch.setattr(kind, "read_text", lambda *_: origin)


def test_a_working_tree_has_its_commit_and_says_where_it_was_changed(package, tmp_path):
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    head = subprocess.run(
        ["git", "-C", tmp_path, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit() == head
    package.write_text("two\n")
    assert commit() == f"{head}-dirty"


def test_a_package_that_lies_in_a_tree_of_someone_else_has_none(package, tmp_path, monkeypatch):
    (tmp_path / "theirs.txt").write_text("x")
    git(tmp_path, "add", "theirs.txt")
    git(tmp_path, "commit", "-qm", "theirs")
    installed(monkeypatch, None)
    assert commit() is None


def test_what_pip_fetched_from_a_repository_has_the_commit_that_it_fetched(monkeypatch, package):
    origin = '{"url": "https://x/y.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}'
    installed(monkeypatch, origin)
    assert commit() == "abc123"


def test_the_processor_is_named_with_its_threads():
    threads = torch.get_num_threads()
    assert device_name(torch.device("cpu")) == f"CPU, {threads} thread" + "s" * (threads > 1)
