"""Methods and heads of other packages: the example of docs/extending.md, installed and used."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from peft_sp.biology.alphabet import encode
from peft_sp.errors import RecipeError
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.settings import HeadSettings, ModelSettings
from peft_sp.training.export import export
from peft_sp.training.recipe import as_toml, read_recipe
from tests.support.networks import perturb
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text()
RESIDUES = torch.from_numpy(encode(["MKKTAIAIAVALAGFATVAQA", "MSTN"]))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def install(folder, name, entry_points, code):
    """What pip leaves of a package: its module, and what it says of itself."""
    (folder / f"{name}.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    project, _ = blocks("toml")
    points = tomllib.loads(project)["project"]["entry-points"]
    install(folder, "my_peft_sp", points, blocks("python")[0])
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("my_peft_sp", None)


def test_the_example_trains_is_stored_and_exported_and_an_exported_model_loads_none_of_it(
    installed, tiny_backbone, tmp_path
):
    file = tmp_path / "mine.toml"
    file.write_text(blocks("toml")[1])
    with pytest.raises(RecipeError, match="layers is 3; the backbone has 2 layers"):
        build_model(read_recipe(file, [f"backbone={tiny_backbone}"]))
    recipe = read_recipe(file, [f"backbone={tiny_backbone}", "tuning.layers=1"])
    assert recipe.tuning.method == "gains" and recipe.tuning.layers == 1
    assert 'method = "gains"' in as_toml(recipe) and "kernel = 5" in as_toml(recipe)
    model = build_model(recipe).eval()
    trained = [n for n, p in model.encoder.named_parameters() if p.requires_grad]
    assert len(trained) == 2 and all("layer.1" in n and "LayerNorm.weight" in n for n in trained)
    assert model.head.layer.weight.shape == (37, 32, 5)
    perturb(model)
    save_checkpoint(tmp_path / "model", model, recipe, ModelConfig(name="mine"), "# mine\n")
    again = load_checkpoint(tmp_path / "model", tiny_backbone)
    with torch.no_grad():
        expected = model(RESIDUES).emissions.numpy()
        np.testing.assert_array_equal(again(RESIDUES).emissions.numpy(), expected)
    export(tmp_path / "model", tmp_path / "exported")
    code = f"""
import sys
sys.path.insert(0, {str(installed)!r})
from peft_sp.biology.alphabet import encode
from peft_sp.inference.loading import load
emissions = load({str(tmp_path / "exported")!r}).backend.emissions(encode(["MKKT"]))
print(emissions.shape[1], "my_peft_sp" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout == "4 False\n", done.stderr


def test_what_cannot_be_loaded_is_one_line(tmp_path, monkeypatch, tiny_backbone):
    points = {
        "peft_sp.tuning": {
            "broken": "bad_peft_sp:Missing",
            "strange": "bad_peft_sp:THREE",
            "lora": "bad_peft_sp:THREE",
        },
        "peft_sp.heads": {
            "broken": "bad_peft_sp:Missing",
            "bare": "bad_peft_sp:Bare",
            "small": "bad_peft_sp:Small",
        },
    }
    code = (
        "from torch import nn\nTHREE = 3\nBare = lambda width, size: nn.Identity()\n"
        "Small = lambda width, size: nn.Linear(width, size)\n"
    )
    install(tmp_path, "bad_peft_sp", points, code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def settings(method, head="linear", **options):
        tuning, own = {"method": method}, {"kind": head, "options": options}
        return ModelSettings(backbone=tiny_backbone, tuning=tuning, head=own)

    with pytest.raises(ValidationError, match="'broken' of the package bad_peft_sp cannot be"):
        settings("broken")
    with pytest.raises(ValidationError, match="'strange' is offered by a package, and is no class"):
        settings("strange")
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        settings("unknown")
    assert settings("lora").tuning.rank == 8, "a name of this program is not taken"
    with pytest.raises(RecipeError, match="'broken' of the package bad_peft_sp cannot be loaded"):
        build_model(settings("frozen", "broken"))
    with pytest.raises(RecipeError, match=r"head\.kind 'bare' is no torch module with parameters"):
        build_model(settings("frozen", "bare"))
    with pytest.raises(RecipeError, match=r"head\.options do not fit the head 'small'"):
        build_model(settings("frozen", "small", kernel=3))
    with pytest.raises(ValidationError, match="no installed package offers it"):
        HeadSettings(kind="unknown")
