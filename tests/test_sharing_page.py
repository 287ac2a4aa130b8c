"""The commands of docs/sharing.md are run as they stand, against a server like the hub."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from tests.support.hub_server import running
from tests.support.hub_user import User
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
pytest.importorskip("huggingface_hub", reason="needs the extra hub")
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    shell = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    return [line for line in shell.splitlines() if line.startswith("peft-sp")]


def test_the_way_of_a_model_to_others(tmp_path, ecoli):
    shutil.copytree(ROOT / "src" / "peft_sp" / "models" / "fast", tmp_path / "my-model")
    shutil.copyfile(ecoli, tmp_path / "proteins.faa")
    *ways, of_a_lora = commands()
    assert len(ways) == 3 and "--backbone OWNER/my-backbone" in of_a_lora
    with running() as server:
        server.tokens["hf_x"] = "OWNER"
        user = User(tmp_path, server.address, "hf_x")
        for command in ways:
            code, output, errors = user.run(*shlex.split(command)[1:])
            assert code == 0, errors
    assert output.startswith("written to a-copy/")
    assert (tmp_path / "results" / "predictions.tsv").read_text().count("\n") == 301
    assert "\nlicense: mit\n" in (tmp_path / "a-copy" / "README.md").read_text()
