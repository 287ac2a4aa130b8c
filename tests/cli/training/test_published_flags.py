"""Command lines of the published training script as recipes."""

from __future__ import annotations

import re
import tomllib

import pytest

from peft_sp.cli.training.published_flags import OPTIONS, translate
from peft_sp.errors import RecipeError
from peft_sp.training.recipe import Recipe, read_recipe, validated
from tests.support.commands import peft_sp

SCRIPT = """python scripts/train.py --data train_set.fasta \\
  --test_partition 0 --validation_partition 1 --output_dir testruns --experiment_name ESM2-150M \\
  --remove_top_layers 1 --sp_region_labels --region_regularization_alpha 0.5 --constrain_crf \\
  --average_per_kingdom --batch_size 20 --epochs 3 --optimizer adamax --lr 0.0075 \\
  --freeze_backbone --prompt_len 0 --num_end_lora_layers 25 --num_lora_r 4 --num_lora_alpha 8"""

NAMES = """
data sample_weights test_partition validation_partition lr clip epochs batch_size wdecay
optimizer output_dir resume experiment_name crossval_run log_all_final_metrics num_seq_labels
num_global_labels global_label_as_input region_regularization_alpha lm_output_dropout
lm_output_position_dropout use_sample_weights use_random_weighted_sampling
positive_samples_weight average_per_kingdom crf_scaling_factor use_weighted_kingdom_sampling
random_seed additional_train_set model_architecture remove_top_layers kingdom_embed_size
use_cs_tag kingdom_as_token sp_region_labels constrain_crf finetune_backbone num_gpu model_name
output_root_dir esm2_pretrain_local load splm_pretrain unfix_last_layer max_length prompt_len
freeze_backbone prompt_method num_end_adapter_layers res_mlp_bottleneck_size use_adapter
optuna_use_lora optuna_use_ia3 use_embedding_encoder num_end_prompt_layers num_end_lora_layers
num_lora_r num_lora_alpha num_end_ia3_layers
"""


def recipe_of(command):
    found = translate(command)
    return validated(Recipe, "--published", found.values), found.notes


def test_the_published_lora_is_the_recipe_of_that_name_but_for_its_frozen_head():
    recipe, notes = recipe_of(SCRIPT)
    own = read_recipe("published-lora-150M")
    assert recipe.tuning == own.tuning and recipe.backbone == own.backbone
    assert recipe.head.frozen and not own.head.frozen
    changes = {"head_learning_rate": own.optimisation.head_learning_rate}
    assert recipe.optimisation.model_copy(update=changes) == own.optimisation
    assert recipe.partitions.train == (2,)
    assert (recipe.partitions.validation, recipe.partitions.test) == (1, 0)
    said = "\n".join(notes)
    assert "--remove_top_layers has no effect there" in said
    assert "--optimizer has no effect there" in said
    assert "--output_dir: -o names the directory" in said
    assert "with LoRA head and CRF are not trained there" in said


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("--freeze_backbone", "frozen"),
        ("", "full"),
        ("--freeze_backbone --num_end_adapter_layers 99", "adapter"),
        ("--freeze_backbone --prompt_len 5 --prompt_method SoftPromptAll", "prompt"),
        (
            "--prompt_len 5 --prompt_method SoftPromptTopmost --num_end_prompt_layers 3 "
            "--num_end_adapter_layers 2 --num_end_lora_layers 3 --num_lora_r 8 --num_lora_alpha 8",
            "combined",
        ),
    ],
)
def test_each_method_can_be_said(options, method):
    recipe, notes = recipe_of(f"--lr 0.005 {options}")
    assert recipe.tuning.method == method
    if method == "adapter":
        assert recipe.tuning.layers == 30
        assert notes == [
            "--num_end_adapter_layers 99: the backbone has 30 layers, so all are meant"
        ]
    if method == "combined":
        assert recipe.tuning.lora.rank == 8 and recipe.tuning.adapter.layers == 2
        assert (recipe.tuning.prompt.position, recipe.tuning.prompt.layers) == ("topmost", 3)
        assert recipe.head.frozen
    if method == "frozen":
        assert recipe.optimisation.head_learning_rate == 0.005


def test_what_is_left_out_has_the_default_of_that_script():
    recipe, notes = recipe_of("--freeze_backbone --random_seed 7 --crf_scaling_factor 2 "
                              "--region_regularization_alpha 0.5")  # fmt: skip
    options = recipe.optimisation
    assert (options.epochs, options.batch_size, options.max_grad_norm) == (8000, 80, 0.25)
    assert (options.head_learning_rate, options.weight_decay) == (10, 1.2e-6)
    assert options.region_weight == 0.25 and recipe.seed == 7 and notes == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("--kingdom_embed_size 32 --use_cs_tag", "--kingdom_embed_size 32: there is no such"),
        ("--kingdom_embed_size 32 --use_cs_tag", "--use_cs_tag True: there is no such training"),
        ("--test_partition 1", "are two of 0, 1 and 2"),
        ("--num_end_lora_layers 3", "needs --num_lora_r and --num_lora_alpha"),
        ("--num_end_adapter_layers 3", "without --freeze_backbone the backbone is trained"),
        ("--model_architecture bert_prottrans", "is none of esm2_t48_15B_UR50D, "),
        ("--prompt_method Soft --freeze_backbone", "Soft is none of NoPrompt, SoftPromptFirst, "),
        ("--learning_speed 3", "unrecognized arguments: --learning_speed 3"),
        ("--lr fast", "invalid float value: 'fast'"),
        ("--data 'x", "cannot be read as a command line"),
        ("--lr 0", "are above 0"),
        (
            "--freeze_backbone --prompt_len 3 --prompt_method SoftPromptTopmost",
            "needs --num_end_prompt_layers",
        ),
    ],
)
def test_what_cannot_be_done_is_said_with_all_other_mistakes(command, problem):
    with pytest.raises(RecipeError, match=re.escape(problem)):
        translate(command)


def test_every_option_of_the_script_is_known():
    assert sorted(OPTIONS) == sorted(re.findall(r"\w+", NAMES))


@pytest.mark.integration
def test_the_recipe_is_printed_for_every_command_that_takes_one(tmp_path):
    code, output, errors = peft_sp("recipes", "--published", SCRIPT, "--set", "seed=5")
    assert code == 0 and "--remove_top_layers has no effect there" in errors
    assert tomllib.loads(output)["tuning"]["rank"] == 4
    (tmp_path / "mine.toml").write_text(output)
    expected = recipe_of(SCRIPT)[0].model_copy(update={"seed": 5})
    assert read_recipe(tmp_path / "mine.toml") == expected
    code, _, errors = peft_sp("recipes", "lora-8M", "--published", SCRIPT)
    assert code == 2 and "give either a recipe or --published" in errors
