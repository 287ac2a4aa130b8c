"""The version is that of the installed package."""

from __future__ import annotations

import re
from importlib.metadata import version

from peft_sp.version import __version__


def test_the_version_is_the_installed_one():
    assert __version__ == version("peft-sp")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", __version__)
