"""Whether a cluster is reached, what it takes to start one, and what is left of it: nothing."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from peft_sp.errors import OptionError
from peft_sp.inference.hardware import cluster
from peft_sp.inference.hardware.cluster import connected
from tests.support.ray_cluster import Cluster

pytest.importorskip("ray", reason="needs the extra cluster")


@pytest.fixture(autouse=True)
def unchanged_environment(monkeypatch):
    """What a connection sets for Ray is of this test alone."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def refused(address):
    with pytest.raises(OptionError) as caught, connected(address):
        pass
    return str(caught.value)


def test_an_address_where_nobody_listens_is_one_line_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        expected = (
            f"the cluster '127.0.0.1:{port}' cannot be reached (Connection refused); give the "
            "address that 'ray start --head' shows"
        )
        assert refused(f"127.0.0.1:{port}") == expected
        assert refused(f"ray://127.0.0.1:{port}") == expected.replace("'127", "'ray://127")


def test_words_that_are_no_address_are_one_line():
    for words in ("nonsense", "localhost:99999", "", ":1"):
        assert refused(words) == (
            f"a cluster is 'local', 'auto', HOST:PORT or ray://HOST:PORT, not '{words}'"
        )


def test_folders_of_killed_runs_are_removed_and_those_in_use_are_not(short_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    left = Path(tempfile.mkdtemp(prefix="peft-sp-ray-"))
    (left / "log").write_text("")
    with cluster._session() as first:
        assert not left.exists()
        with cluster._session() as second:
            assert first.parent.is_dir() and second.parent.is_dir() and first != second
        assert first.parent.is_dir() and not second.parent.exists()
    assert not first.parent.exists()


def test_a_folder_goes_although_a_dying_cluster_writes_into_it(short_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    left = Path(tempfile.mkdtemp(prefix="peft-sp-ray-"))
    remove, times = shutil.rmtree, []

    def removed_and_written_into(folder, **options):
        remove(folder, **options)
        times.append(folder)
        if times == [left]:
            (left / "logs").mkdir(parents=True)

    monkeypatch.setattr(cluster.shutil, "rmtree", removed_and_written_into)
    with cluster._session():
        assert not left.exists() and times == [left, left]
        left.mkdir()  # by a worker that was about to start
    assert not left.exists()


def test_a_long_temporary_folder_is_not_taken_for_sockets(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with cluster._session() as folder:
        socket = folder / "session_2026-01-01_00-00-00_000000_0000000" / "sockets" / "plasma_store"
        assert len(str(socket)) <= 107


def test_a_token_that_the_environment_names_is_used(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    cluster._set_environment()
    assert "RAY_AUTH_MODE" not in os.environ
    with cluster._own_token():
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
        own = os.environ["RAY_AUTH_TOKEN"]
    assert "RAY_AUTH_TOKEN" not in os.environ
    os.environ["RAY_AUTH_TOKEN"] = own
    cluster._set_environment()
    assert os.environ["RAY_AUTH_MODE"] == "token"
    with cluster._own_token():
        assert os.environ["RAY_AUTH_TOKEN"] == own
    assert os.environ["RAY_AUTH_TOKEN"] == own


@pytest.mark.slow
def test_a_cluster_that_asks_for_a_token_and_gets_none_is_one_line(tmp_path_factory, short_folder):
    """Ray asks twenty times, a second apart."""
    head = Cluster(tmp_path_factory.mktemp("c"), short_folder)
    try:
        os.environ.pop("RAY_AUTH_TOKEN", None)
        os.environ.pop("RAY_AUTH_MODE", None)
        message = refused(head.address)
        assert "cannot be reached" in message and "set RAY_AUTH_MODE=token and" in message
    finally:
        head.end()
