"""Tables of figures on the terminal."""

from __future__ import annotations

import pytest

from peft_sp.cli.terminal.scores import print_regions
from peft_sp.training.evaluation.regions import RegionScores


def test_what_is_not_known_of_regions_is_a_dash(capfd: pytest.CaptureFixture[str]) -> None:
    nan = float("nan")
    print_regions([RegionScores("SP", 7, 4.25, 11.5, 6.0, 0.625, nan)])
    row = capfd.readouterr().out.splitlines()[-2].split()
    assert row == ["SP", "7", "4.2", "11.5", "6.0", "0.62", "-"]
