"""What of a model is published: its files, with nothing of the machine it was made on."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from peft_sp.errors import ModelError
from peft_sp.io.registry import lookup, publishing
from peft_sp.io.registry.model_config import Backbone, ModelConfig


@pytest.fixture
def model(tmp_path):
    shutil.copytree(lookup.bundled()["fast"], tmp_path / "model")
    return lookup.find(tmp_path / "model")


def test_tensors_stay_where_they_are_and_sums_are_of_what_is_published(model):
    found = publishing.prepared(model, "lab/sp", licence="CC0-1.0")
    assert set(found.files) == {"config.json", "model.onnx", "SHA256SUMS"}
    assert found.files["model.onnx"] == model.directory / "model.onnx"
    settings = found.files["config.json"]
    assert isinstance(settings, bytes) and json.loads(settings)["licence"] == "CC0-1.0"
    assert found.config.licence == "CC0-1.0" and model.config.licence == "MIT"
    sums = found.files["SHA256SUMS"]
    assert f"{hashlib.sha256(settings).hexdigest()}  config.json\n" in sums.decode()
    assert found.sizes["model.onnx"] == (model.directory / "model.onnx").stat().st_size


def test_the_backbone_has_its_name_on_the_hub_everywhere(model):
    config = replace(
        model.config,
        backbone=Backbone("/data/esm2", "0" * 64),
        settings={"backbone": "/data/esm2", "tuning": {"method": "lora"}},
        made=replace(model.config.made, recipe={"backbone": "/data/esm2"}),
    )
    config.write(model.directory)
    file = model.directory / "adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": "/data/esm2", "r": 4}))
    changed = lookup.find(model.directory)
    with pytest.raises(ModelError, match=r"names /data/esm2 of this machine"):
        publishing.prepared(changed, "lab/sp")
    commit = "a" * 40
    found = publishing.prepared(changed, "lab/sp", backbone=f"lab/esm2@{commit}")
    assert b"/data" not in b"".join(c for c in found.files.values() if isinstance(c, bytes))
    adapter = json.loads(found.files["adapter_config.json"])
    expected = {"base_model_name_or_path": "lab/esm2", "revision": commit, "r": 4}
    assert adapter == expected
    assert found.config.settings["backbone"] == f"lab/esm2@{commit}"
    assert ModelConfig.read(model.directory).backbone.name == "/data/esm2"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("see /home/me/data.fasta", "/home/me/data.fasta"),
        ("`~/models/esm2` or", "~/models/esm2"),
        (r"(C:\data\esm2)", r"C:\data\esm2"),
        ("--set data=/srv/x.fasta", "/srv/x.fasta"),
        ("https://example.org/a/b and/or mean / sum, 3/4, ./here, lab/sp, ~5, 1 /s", None),
    ],
)
def test_paths_of_a_machine_are_seen_in_a_card(model, line, path):
    publication = publishing.prepared(model, "lab/sp")
    if path is None:
        card = publication.with_card(f"# sp\n\n{line}\n").files["README.md"]
        assert card == f"# sp\n\n{line}\n".encode()
        return
    with pytest.raises(ModelError, match=r"README.md, line 3: names ") as caught:
        publication.with_card(f"# sp\n\n{line}\n")
    assert f"names {path} of this machine" in str(caught.value)


@pytest.mark.parametrize("licence", ["", "not stated, and that of the backbone b"])
def test_without_a_licence_nothing_is_published(licence, model):
    replace(model.config, licence=licence).write(model.directory)
    with pytest.raises(ModelError, match="no licence is named"):
        publishing.prepared(lookup.find(model.directory), "lab/sp")


def test_all_models_of_this_project_can_be_published():
    for directory in lookup.bundled().values():
        publishing.prepared(lookup.find(directory), "lab/sp")
    folder = Path(__file__).parents[3] / "docs" / "results" / "esm2-8m-teacher" / "models" / "all"
    found = publishing.prepared(lookup.find(folder), "lab/sp", licence="MIT")
    assert "member-1/adapter_model.safetensors" in found.files and "README.md" not in found.files
