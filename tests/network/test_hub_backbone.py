"""Backbones by their ids on the hub; `tests/cli/sharing/test_push.py` has the hub itself."""

from __future__ import annotations

import pytest

from peft_sp.errors import ModelError
from peft_sp.network.hub_backbone import hub_backbone


def test_a_directory_is_of_use_to_nobody_else(tiny_backbone):
    with pytest.raises(ModelError, match=r"is a directory of this machine.*--backbone OWNER/NAME"):
        hub_backbone(tiny_backbone, "0" * 64)


def test_what_is_no_name_is_refused():
    with pytest.raises(ModelError, match="is no directory, no hub id"):
        hub_backbone("esm7", "0" * 64)
