"""Nothing leaves the machine, and nothing is left in the user's home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import PEFT_SP
from tests.support.paths import DATA, ROOT

pytestmark = pytest.mark.integration

# In a network of its own with no way out: the kernel counts what is sent for want of a route.
ALONE = ("unshare", "--map-root-user", "--net")
COUNTERS = """
import pathlib, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
lines = pathlib.Path("/proc/net/snmp").read_text().splitlines()
names, values = (line.split() for line in lines if line.startswith("Ip: "))
print("tried to send:", dict(zip(names, values))["OutNoRoutes"], file=sys.stderr)
sys.exit(code)
"""
# ONNX Runtime sends nothing where tests run for a project of its own.
AUTOMATION = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY", "MPLCONFIGDIR"}

IN_TURN = """
import sys
from peft_sp.cli.main import main
for words in {commands!r}:
    sys.argv = ["peft-sp", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""
"""Commands of one process: torch and what comes with it take seconds to import."""


@pytest.fixture
def alone(tmp_path):
    """Run a command without a network; what it tried to send, and new files of its home."""
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], check=False).returncode:
        pytest.skip("this system lets nobody have a network of their own")
    home = tmp_path / "home"
    home.mkdir()
    keep = {k: v for k, v in os.environ.items() if k not in AUTOMATION and not k.startswith("XDG_")}

    def run(*command: object) -> tuple[int, list[Path]]:
        done = subprocess.run(
            [*ALONE, sys.executable, "-c", COUNTERS, *map(str, command)],
            env={**keep, "HOME": str(home), "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stderr.rsplit("tried to send: ", 1)[1]), sorted(home.rglob("*"))

    return run


def test_an_attempt_would_be_seen(alone):
    code = (
        "import pathlib, socket\npathlib.Path.home().joinpath('left').touch()\n"
        "try: socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError: pass"
    )
    sent, left = alone(sys.executable, "-c", code)
    assert sent > 0 and [path.name for path in left] == ["left"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "IN", "-o", "out", "--plots", "png"),
        ("signalp6", "-ff", "IN", "-od", "out", "-fmt", "all", "-org", "euk"),
    ],
    ids=["predict", "signalp6"],
)
def test_predictions_stay_here(alone, good, tmp_path, arguments):
    if "png" in arguments or "all" in arguments:
        pytest.importorskip("matplotlib")
    given = [good if argument == "IN" else argument for argument in arguments]
    assert alone(*PEFT_SP, *given) == (0, [])
    assert (tmp_path / "out" / "output.gff3").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"good.faa", "home", "out"}


def test_training_and_exports_stay_here(alone, good, tiny_backbone, tmp_path):
    change = ("--set", f"data={DATA / 'labelled_sample.fasta'}", "--set")
    train = ["train", "lora-8M", *change, f"backbone={tiny_backbone}", "-o", "model"]
    train += ["--set", "partitions.train=[1, 2]", "--set", "partitions.test=0"]
    commands = [[*train, "--set", "optimisation.epochs=1"], ["export", "model", "-o", "exported"]]
    assert alone(sys.executable, "-c", IN_TURN.format(commands=commands)) == (0, [])
    assert alone(*PEFT_SP, "predict", good, "-m", "exported", "-o", "out") == (0, [])
    assert {path.name for path in tmp_path.iterdir()} == {
        *("good.faa", "home", "model", "exported", "out")
    }


def test_no_file_loads_onnx_runtime_before_this_package():
    files = [
        f for folder in ("benchmarks", "scripts", "packs") for f in ROOT.glob(f"{folder}/*.py")
    ]
    pattern = re.compile(r"^(?:import|from) (onnxruntime|peft_sp)", re.MULTILINE)
    loading = {file.name: pattern.findall(file.read_text()) for file in files}
    loading = {name: found for name, found in loading.items() if "onnxruntime" in found}
    assert loading and all(found[0] == "peft_sp" for found in loading.values()), loading
