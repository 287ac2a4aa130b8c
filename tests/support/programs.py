"""Programs of others that tests run where they are installed."""

from __future__ import annotations

import os
import shutil

import pytest


def program(*names: str, package: str) -> str:
    """The path of the first of some names that is installed.

    Without one the test is skipped, or fails in continuous integration, which installs them all.
    """
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"continuous integration needs {names[0]}: apt-get install {package}")
    if path is None:
        pytest.skip(f"{' or '.join(names)} is not installed")
    return path
