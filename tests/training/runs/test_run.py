import json
from collections import Counter

import numpy as np
import pytest

from peft_sp.errors import OutputError
from peft_sp.inference.batching import decode_windows
from peft_sp.inference.loading import load
from peft_sp.io.labelled import partition
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.training.evaluation.metrics import Outcomes
from peft_sp.training.evaluation.temperatures import fit_calibration
from peft_sp.training.recipe import Recipe, read_recipe
from peft_sp.training.runs.run import run
from tests.support import encoders

pytestmark = pytest.mark.integration


@pytest.fixture
def recipe(labelled_file):
    return Recipe(
        name="pair",
        data=str(labelled_file),
        student={"width": 16, "hidden": 8, "convolutions": 1},
        members=2,
        partitions={"train": [1], "validation": 2, "test": 0},
        optimisation={"epochs": 1, "batch_size": 32},
    )


def changed(recipe, **values):
    return Recipe.model_validate({**recipe.model_dump(), **values})


def test_an_ensemble_is_its_members_mean(recipe, labelled, tmp_path):
    trained = run(recipe, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["members"] == ["member-1", "member-2"]
    parts = [load(tmp_path / name) for name in config["members"]]
    assert [p.config.made.recipe["seed"] for p in parts] == [1, 2]
    assert config["parameters"]["trained"] == 2 * parts[0].config.parameters.trained

    together = load(tmp_path).backend
    residues = np.arange(20, dtype=np.uint8)[None]
    mean = np.mean([p.backend.emissions(residues) for p in parts], axis=0)
    np.testing.assert_allclose(together.emissions(residues), mean, atol=1e-6)
    starts = np.mean([p.backend.scores.starts for p in parts], axis=0)
    np.testing.assert_allclose(together.scores.starts, starts)

    # What is measured, and calibrated, is the ensemble.
    expected = fit_calibration(trained.validation).every.temperature
    assert together.scores.temperatures.types == pytest.approx(expected, abs=1e-4)
    tested = partition(labelled, [0])
    found = Outcomes.of(tested, decode_windows(together, [p.sequence for p in tested]))
    assert np.array_equal(found.type, trained.test.outcomes.type)
    card = (tmp_path / "README.md").read_text()
    assert "2 networks with the seeds 1 to 2" in card and f"--model ./{tmp_path.name} " in card
    classes = Counter(p.organism_type for p in partition(labelled, [1]))
    assert f"trained on {sum(classes.values())} proteins of {len(classes)} classes, " in card


def test_whole_members_are_kept(recipe, tmp_path):
    """Also those that were trained as a model of their own: one more seed costs one network."""
    run(changed(recipe, members=1), tmp_path / "member-1")
    before = (tmp_path / "member-1" / "config.json").stat().st_mtime_ns
    run(recipe, tmp_path)
    assert (tmp_path / "member-1" / "config.json").stat().st_mtime_ns == before
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="already holds a model"):
        run(recipe, tmp_path)
    assert (tmp_path / "checkpoints" / "mine.txt").read_text() == "mine"


def test_a_member_of_another_recipe_is_refused(recipe, tmp_path):
    run(changed(recipe, members=1, seed=7), tmp_path / "member-1")
    with pytest.raises(OutputError, match="member-1 holds a model of another recipe"):
        run(recipe, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_members_on_a_backbone_share_its_parameters(recipe, tiny_backbone, tmp_path):
    tuned = {"student": None, "backbone": tiny_backbone, "tuning": {"method": "lora", "rank": 2}}
    run(changed(recipe, **tuned), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    one = load(tmp_path / "member-1").config
    assert config["backbone"] == one.backbone.to_json()
    extra = config["parameters"]["all"] - one.parameters.all
    assert extra == one.parameters.trained
    assert load(tmp_path, backbone=tiny_backbone).config.members == ("member-1", "member-2")


def test_variants_differ_in_what_they_say(recipe, tmp_path):
    pair = changed(recipe, variants=[{}, {"optimisation.class_balance": 0.3, "seed": 1}])
    assert pair.member(0) == changed(recipe, members=1)
    assert pair.member(1).optimisation.class_balance == 0.3 and pair.member(1).seed == 1
    assert changed(pair, members=4).member(2) == changed(recipe, members=1, seed=3)
    run(pair, tmp_path)
    made = [ModelConfig.read(tmp_path / f"member-{n}").made.recipe for n in (1, 2)]
    assert [own["optimisation"]["class_balance"] for own in made] == [0.0, 0.3]
    assert [own["seed"] for own in made] == [1, 1]


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ([{}, {}, {}], "there are 3 variants but only 2 members"),
        ([{"partitions.test": 1}], "cannot change partitions.test"),
        ([{"optimisation.epoch": 1}], "variant 1: unknown option optimisation.epoch"),
        ([{}, {"optimisation.rare_class_size": 9}], "variant 2: .*give class_balance as well"),
    ],
)
def test_impossible_variants_are_refused(recipe, variants, problem):
    with pytest.raises(ValueError, match=problem):
        changed(recipe, variants=variants)


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("vera-8M", "esm2", ["tuning.rank=8"]),
        ("loha-8M", "esmc", []),
        ("bitfit-8M", "protbert", []),
        ("lora-mlp-8M", "ankh", ["head.hidden=6", "optimisation.accumulation=2"]),
        ("lora-lstm-8M", "prott5", ["head.hidden=4"]),
        pytest.param(
            *("qlora-650M", "esm2", ["tuning.layers=1", "optimisation.precision=float32"]),
            marks=pytest.mark.quantized,
        ),
    ],
)
def test_recipes_train_on_each_family(name, kind, settings, labelled_file, tiny_backbone, tmp_path):
    if name.startswith("qlora"):
        pytest.importorskip("bitsandbytes", reason="needs the extra quantized")
    backbone = tiny_backbone if kind == "esm2" else encoders.write(kind, tmp_path / kind)
    own = [f"backbone={backbone}", f"data={labelled_file}", "optimisation.epochs=0.2"]
    trained = read_recipe(name, [*own, "name=tiny", "partitions.train=[1]", *settings])
    run(trained, tmp_path / "model")
    config = ModelConfig.read(tmp_path / "model")
    assert config.backbone.name == backbone and config.parameters.trained > 0
    size = trained.optimisation.batch_size * trained.optimisation.accumulation
    assert config.made.global_batch_size == size
    emissions = load(tmp_path / "model").backend.emissions(np.arange(20, dtype=np.uint8)[None])
    assert np.isfinite(emissions).all()
