import pytest

from peft_sp.training.fitting.arguments import training_arguments
from peft_sp.training.options import Optimisation


def arguments(tmp_path, **options):
    chosen = Optimisation(epochs=2, batch_size=8, accumulation=3, **options)
    return training_arguments(chosen, tmp_path, seed=1, windows=100, chooses=False, run=None)


def test_the_recipe_decides_and_not_what_is_around(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    found = arguments(tmp_path)
    assert (found.mixed_precision, found.report_to, found.n_gpu <= 1) == ("no", [], True)
    assert arguments(tmp_path, precision="bfloat16").mixed_precision == "bf16"


@pytest.mark.parametrize(
    ("schedule", "name"), [("constant", "constant_with_warmup"), ("linear", "linear")]
)
def test_options_have_the_names_of_the_library(tmp_path, schedule, name):
    found = arguments(tmp_path, schedule=schedule)
    assert found.lr_scheduler_type == name
    assert (found.per_device_train_batch_size, found.gradient_accumulation_steps) == (8, 3)
