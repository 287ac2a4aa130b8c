"""The instructions of the image's Dockerfile."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from tests.support.paths import ROOT


def instructions() -> dict[str, list[str]]:
    """What follows each keyword, in order."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    found = defaultdict(list)
    for line in lines:
        if line and not line.startswith("#"):
            keyword, _, rest = line.partition(" ")
            found[keyword].append(rest.strip())
    return found


def words(instruction: str) -> Any:
    """The list that an instruction ends with."""
    return json.loads(instruction[instruction.index("[") :])
