"""What the commands that train share."""

from __future__ import annotations

from pathlib import Path

import pytest

from peft_sp.cli.training.arguments import cache_directory


def test_activations_are_cached_where_the_user_says(tmp_path: Path) -> None:
    assert cache_directory(str(tmp_path)) == str(tmp_path)
    assert cache_directory("none") is None


def test_by_default_activations_are_cached_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_directory(None) == str(tmp_path / "cache" / "peft-sp" / "activations")
    assert not (tmp_path / "cache").exists()  # made when there is something to store


def test_no_activations_are_cached_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    assert cache_directory(None) is None
    assert "activations are not cached" in capfd.readouterr().err
