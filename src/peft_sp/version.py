"""The version of this package, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("peft-sp")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"
