import json
import subprocess

import pytest
import torch
from transformers import EsmForMaskedLM

from peft_sp.errors import OutputError
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.training.pretraining.recipe import portable, read_pretraining_recipe
from peft_sp.training.pretraining.run import pretrain
from tests.support.pretraining import small_recipe

pytestmark = pytest.mark.integration


def test_the_result_is_a_backbone_with_card_record_and_checksums(tmp_path, tiny_backbone):
    recipe = small_recipe(tmp_path, tiny_backbone)
    told = []
    record = pretrain(recipe, tmp_path / "out", announce=told.append)
    assert told[0].counts.train == record["windows"]["train"] == 34
    names = {path.name for path in (tmp_path / "out").iterdir()}
    files = {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"}
    files |= {"recipe.toml", "pretraining.json", "README.md", "SHA256SUMS"}
    assert names == files | {"history.json", "learning_curves.svg"}
    encoder = load_encoder(str(tmp_path / "out"))
    assert weights_hash(encoder) == record["result_sha256"] != record["backbone_sha256"]
    assert EsmForMaskedLM.from_pretrained(tmp_path / "out").config.num_hidden_layers == 2
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["training"]["step"] == [10] and history["validation"]["step"] == [5, 10]
    found = history["validation"]["perplexity"][-1]
    assert found == pytest.approx(record["figures"]["eval_perplexity"], rel=1e-5)
    assert "perplexity of held-out windows" in (tmp_path / "out/learning_curves.svg").read_text()
    assert json.loads((tmp_path / "out" / "pretraining.json").read_text()) == record
    for name in ("README.md", "pretraining.json", "recipe.toml"):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text()
    assert read_pretraining_recipe(tmp_path / "out" / "recipe.toml") == portable(recipe)


def test_a_stopped_run_is_resumed_and_a_finished_one_is_left(tmp_path, tiny_backbone):
    recipe = small_recipe(tmp_path, tiny_backbone)
    straight = pretrain(recipe, tmp_path / "straight")
    steps = iter(range(10))
    assert pretrain(recipe, tmp_path / "out", stop=lambda: next(steps) == 4) is None
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"checkpoint.safetensors"}
    record = pretrain(recipe, tmp_path / "out")
    assert record["result_sha256"] == straight["result_sha256"]
    modified = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    assert pretrain(recipe, tmp_path / "out") == record
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == modified


@pytest.mark.parametrize("finished", [True, False])
def test_a_directory_of_another_run_is_refused(tmp_path, tiny_backbone, finished):
    recipe = small_recipe(tmp_path, tiny_backbone)
    pretrain(recipe, tmp_path / "out", stop=lambda: not finished)
    other = small_recipe(tmp_path, tiny_backbone, epochs=3)
    with pytest.raises(OutputError, match=r"a run with another fitting\.epochs; give another"):
        pretrain(other, tmp_path / "out")


def test_a_directory_with_something_else_is_refused(tmp_path, tiny_backbone):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds thesis\.txt, and no run to continue"):
        pretrain(small_recipe(tmp_path, tiny_backbone), tmp_path / "out")


def test_a_pretrained_backbone_is_trained_further_with_its_head(tmp_path, tiny_backbone):
    first = pretrain(small_recipe(tmp_path, tiny_backbone, epochs=0.2), tmp_path / "one")
    assert not first["own_head"]
    recipe = small_recipe(tmp_path, str(tmp_path / "one"), epochs=0.2)
    assert pretrain(recipe, tmp_path / "two")["own_head"]
    head = EsmForMaskedLM.from_pretrained(tmp_path / "one").lm_head.dense.weight
    again = EsmForMaskedLM.from_pretrained(tmp_path / "two").lm_head.dense.weight
    assert not torch.equal(head, again)
    torch.testing.assert_close(head, again, atol=1e-2, rtol=0)
