"""Each family's tiny network, written once."""

from __future__ import annotations

import pytest

from tests.support import encoders


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The directory of a tiny network of a kind."""
    made = {}

    def of(kind):
        if kind not in made:
            options = {"feed_forward_proj": "gated-gelu"} if kind == "ankh" else {}
            made[kind] = encoders.write(kind, tmp_path_factory.mktemp(kind) / kind, **options)
        return made[kind]

    return of
