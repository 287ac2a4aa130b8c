"""An environment into which the tests of this folder install packs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.packs import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    return Site(tmp_path)
