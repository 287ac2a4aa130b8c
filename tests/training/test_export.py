"""Exported directories: what is in them, what they predict, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.errors import ModelError, OutputError
from peft_sp.inference.backends import OnnxBackend
from peft_sp.inference.decoding.crf_scores import Temperatures
from peft_sp.inference.loading import load
from peft_sp.io.registry.model_config import Calibration, ModelConfig
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.network.tuning import Full, LoRA
from peft_sp.training import export as exporting
from peft_sp.training.export import Check, export
from tests.support.commands import peft_sp
from tests.support.networks import model_of, perturb, settings_of
from tests.support.paths import ROOT
from tests.support.wall import heavy_after_command

RESIDUES = encode(["MKKTAIAIAVALAGFATVAQA", "M", "MKWVTFISLL" * 7])
REAL = RESIDUES != PAD


def saved(place, backbone, method):
    model = model_of(backbone, method)
    perturb(model)
    config = ModelConfig(name="tiny", licence="MIT", calibration=Calibration(2.5, 1.5, 0.75))
    save_checkpoint(place, model, settings_of(backbone, method), config, "# tiny\n\nA model.\n")
    return place


@pytest.fixture
def trained(tmp_path, tiny_backbone):
    return saved(tmp_path / "trained", tiny_backbone, LoRA(rank=4))


@pytest.fixture
def ensemble(tmp_path, tiny_backbone):
    names = ["member-1", "member-2", "member-3"]
    for number, name in enumerate(names):
        method = LoRA(rank=2 + number, layers=1 + number % 2)
        saved(tmp_path / "three" / name, tiny_backbone, method)
    one = ModelConfig.read(tmp_path / "three" / "member-1")
    replace(one, name="three", members=tuple(names)).write(tmp_path / "three")
    return tmp_path / "three"


def test_an_exported_directory(trained, labelled, tmp_path):
    target = tmp_path / "new" / "exported"
    done = export(trained, target, labelled=labelled[:60])
    assert {p.name for p in target.iterdir()} == {"config.json", "model.onnx", "README.md"}
    assert done.path == target and done.size == sum(p.stat().st_size for p in target.iterdir())
    assert not [p for p in target.parent.iterdir() if p != target]
    config = json.loads((target / "config.json").read_text())
    original = json.loads((trained / "config.json").read_text())
    assert config["backbone"]["sha256"] == original["backbone"]["sha256"]
    # It may go to other machines, which need not know where the backbone was on this one.
    assert Path(original["backbone"]["name"]).is_absolute()
    assert str(Path(original["backbone"]["name"]).parent) not in json.dumps(config)
    assert config["settings"]["tuning"]["method"] == "lora"
    assert config["licence"].startswith("MIT, and that of the backbone tiny_esm2")
    found = config["exported"]
    assert found["precision"] == "float32" and found["largest_emission_difference"] < 1e-4
    assert found["check"]["proteins"] == 60 and found["check"]["sites_changed"] == 0
    card = (target / "README.md").read_text()
    assert card.startswith("# tiny") and "A model." in card
    assert f"Licence: {config['licence']}.\n" in card and card.count("Licence: ") == 1
    assert f"--model ./{target.name} " in card and "It needs no torch." in card
    loaded, original = load(target), load(trained)
    assert loaded.backend.scores.temperatures == Temperatures(2.5, 1.5, 0.75)
    assert loaded.backend.batch_size == exporting.BACKBONE_BATCH_SIZE
    for sequence in ("MKKTAIAIAVALAGFATVAQA", "M"):
        (here,), (there,) = (p.predict([("x", sequence)]) for p in (loaded, original))
        assert (here.type, here.cleavage_site) == (there.type, there.cleavage_site)
        assert here.probability == pytest.approx(there.probability, abs=1e-4)


def test_a_fully_tuned_backbone(tmp_path, tiny_backbone):
    trained = saved(tmp_path / "full", tiny_backbone, Full())
    export(trained, tmp_path / "out", licence="GPL-3.0")
    assert load(tmp_path / "out").config.licence == "GPL-3.0"
    assert "Licence: GPL-3.0." in (tmp_path / "out" / "README.md").read_text()


def test_a_bare_network(trained, tmp_path):
    done = export(trained, tmp_path / "net.onnx", precision="float16")
    assert done.path == tmp_path / "net.onnx" and done.path.is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "trained"]


def test_an_ensemble_becomes_one_network(ensemble, tmp_path):
    export(ensemble, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("README.md", "config.json", "model.onnx")
    }
    assert "holds all 3 networks" in (tmp_path / "out" / "README.md").read_text()
    here, there = load(tmp_path / "out"), load(ensemble)
    assert not here.config.members
    expected = there.backend.emissions(RESIDUES)
    np.testing.assert_allclose(here.backend.emissions(RESIDUES)[REAL], expected[REAL], atol=1e-4)
    for name in ("transitions", "starts", "ends"):
        scores = (getattr(one.backend.scores, name) for one in (here, there))
        np.testing.assert_allclose(*scores, atol=1e-6)
    # Alone as a file it is the same.
    export(ensemble, tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").stat().st_size == (tmp_path / "out/model.onnx").stat().st_size


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_what_members_share_is_stored_once(ensemble, precision, tmp_path):
    """Only what a LoRA adds is stored of the second and third, and the mean stays what it was."""
    export(ensemble, tmp_path / "small.onnx", precision=precision)
    names = [tensor.name for tensor in onnx.load(tmp_path / "small.onnx").graph.initializer]
    assert any(name.endswith(".left.half") for name in names)
    found = OnnxBackend(tmp_path / "small.onnx").emissions(RESIDUES)
    off = np.abs(found - load(ensemble).backend.emissions(RESIDUES))
    assert off[REAL].max() < {"float16": 0.01, "int8": 0.2}[precision]


def test_members_share_one_backbone(ensemble):
    """What each adds is its own, also where another layer is wrapped."""
    backend = load(ensemble).backend
    models = [member._model for member in backend.members]
    frozen = [
        {n.replace(".base_layer", ""): p for n, p in m.named_parameters() if not p.requires_grad}
        for m in models
    ]
    assert all(f.keys() == frozen[0].keys() for f in frozen) and len(frozen[0]) > 30
    for name, parameter in frozen[0].items():
        assert all(f[name].data_ptr() == parameter.data_ptr() for f in frozen[1:])
    separate = [load(ensemble / name).backend for name in ("member-1", "member-2", "member-3")]
    for together, alone in zip(backend.members, separate, strict=True):
        assert np.array_equal(together.emissions(RESIDUES), alone.emissions(RESIDUES))
    trained = {p.data_ptr() for m in models for g in m.parameter_groups() for p in g}
    assert len(trained) == sum(len(g) for m in models for g in m.parameter_groups())


def test_fully_tuned_members_keep_their_own_weights(tmp_path, tiny_backbone):
    names = ["member-1", "member-2"]
    saved(tmp_path / "two" / "member-1", tiny_backbone, LoRA(rank=2))
    saved(tmp_path / "two" / "member-2", tiny_backbone, Full())
    one = ModelConfig.read(tmp_path / "two" / "member-1")
    replace(one, members=tuple(names)).write(tmp_path / "two")
    together = load(tmp_path / "two").backend
    for name, member in zip(names, together.members, strict=True):
        alone = load(tmp_path / "two" / name).backend
        assert np.array_equal(member.emissions(RESIDUES), alone.emissions(RESIDUES))


def test_what_is_refused_leaves_nothing(trained, ensemble, tmp_path, monkeypatch, labelled):
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(OutputError, match="exists already"):
        export(ensemble, trained)
    with pytest.raises(ModelError, match="fast: is exported already"):
        export("fast", tmp_path / "out")
    with pytest.raises(ModelError, match="'fast' has no backbone"):
        export("fast", tmp_path / "out", backbone="x")
    with pytest.raises(ModelError, match="no directory, no hub id"):
        export(trained, tmp_path / "out", backbone="./nowhere")
    monkeypatch.setattr(exporting, "SITES_LIMIT", -1.0)
    with pytest.raises(ModelError, match=r"not exported, for in int8 .* sites .* changed"):
        export(trained, tmp_path / "out", precision="int8", labelled=labelled[:20])
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_exported_model_is_not_exported_again_and_takes_no_backbone(trained, tmp_path):
    export(trained, tmp_path / "out")
    with pytest.raises(ModelError, match="is exported already"):
        export(tmp_path / "out", tmp_path / "again")
    with pytest.raises(ModelError, match="backbone included; leave out --backbone"):
        load(tmp_path / "out", backbone="x")


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"sites_changed": 5}, True),
        ({"sites_changed": 6}, False),
        ({"mean_mcc2_change": -0.003}, False),
        ({"big_classes_mcc2_change": 0.003}, False),
        ({"mean_mcc2_change": float("nan")}, True),
    ],
)
def test_limits(changes, holds):
    same = Check(9000, 0, 1000, 0, 0.8, 0.0, 0.9, 0.0, 0.0)
    assert Check(**{**same.__dict__, **changes}).holds == holds


@pytest.mark.integration
def test_predict_runs_an_exported_model_without_torch(trained, tmp_path, ecoli):
    code, output, errors = peft_sp(
        *("export", trained, "-o", tmp_path / "out", "--precision", "float16")
    )
    assert code == 0 and "written to" in output and "--check does" in errors
    arguments = ("predict", ecoli, "-m", tmp_path / "out", "-o", tmp_path / "results")
    assert heavy_after_command(*arguments) == set()
    assert len((tmp_path / "results" / "predictions.tsv").read_text().splitlines()) == 301


@pytest.mark.integration
def test_the_published_models_are_exported(shared, labelled, tmp_path):
    """LoRA on the real ESM-2 8M: the same predictions, from half the bytes."""
    model = ROOT / "docs" / "results" / "lora-8M" / "models" / "test-0"
    backbone = str(shared / "backbones" / "esm2_t6_8M")
    tested = [p for p in labelled if p.partition == 0][:100]
    done = export(model, tmp_path / "out", precision="float16", backbone=backbone, labelled=tested)
    assert done.check is not None and done.check.sites_changed == 0 and done.check.sites > 5
    assert 14e6 < done.size < 16e6


def test_a_file_that_is_there_is_not_replaced(trained, tmp_path):
    (tmp_path / "net.onnx").write_text("of others")
    with pytest.raises(OutputError, match=r"net\.onnx exists already; give another with -o"):
        export(trained, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_text() == "of others"
