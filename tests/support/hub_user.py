"""A person with a home of their own, who runs commands on models of the hub."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import forked

PROTEIN = b">a\nMKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLG\n"
# Of a process that has imported the hub's library already, with the settings of this one.
_ANEW = (
    "import importlib, sys\n"
    "if own := sys.modules.get('huggingface_hub.constants'): importlib.reload(own)\n"
)


class User:
    """Runs commands; token: with which the hub knows the person."""

    def __init__(self, home: Path, endpoint: str, token: str = "") -> None:
        self.home, self.endpoint, self.token = home, endpoint, token

    def run(self, *arguments, before="pass", kind="hub", cwd=None, **environment):
        places = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home / "hf"),
            "HF_TOKEN": self.token,
            "HF_HUB_DISABLE_XET": "1",
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "COLUMNS": "120",
        }
        code = f"{_ANEW}{before}\nfrom peft_sp.cli.main import main; main()"
        around = {**os.environ, **places, **environment}
        given = {"program": code, "stdin": PROTEIN, "environment": around}
        return forked.run(*arguments, kind=kind, cwd=cwd or self.home, **given)

    def predict(self, model, *more, **options):
        return self.run("predict", "-", "-o", "-", "--model", model, *more, **options)

    def fetched(self):
        return {file.name for file in self.home.glob("hf/hub/*/snapshots/*/*")}

    def blob(self, name):
        return next(self.home.glob(f"hf/hub/*/snapshots/*/{name}")).resolve()
