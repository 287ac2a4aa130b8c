"""What the tests of commands share."""

from __future__ import annotations

import pytest

from peft_sp.cli.terminal.stopping import Signals


@pytest.fixture(autouse=True)
def nothing_ends_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is stopped in this process would end it some seconds later: tests go on."""
    monkeypatch.setattr(Signals, "_watch", lambda self: None)
