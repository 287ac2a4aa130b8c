from peft_sp.io.registry.migrations import RENAMED_OPTIONS, with_current_names
from peft_sp.training.recipe import Recipe


def test_old_names_become_new_ones_wherever_a_recipe_holds_options():
    old = {
        "name": "x",
        "optimisation": {"clip": 0.25, "epochs": 2, "balance": 0.4},
        "distillation": {"balance": 0.5, "labels": 1.0},
        "variants": [{}, {"optimisation.average": 0.9, "seed": 3}],
        "search": {"optimisation.warmup": {"low": 0, "high": 0.5}},
    }
    new = {
        "name": "x",
        "optimisation": {"max_grad_norm": 0.25, "epochs": 2, "class_balance": 0.4},
        "distillation": {"class_balance": 0.5, "label_weight": 1.0},
        "variants": [{}, {"optimisation.ema_decay": 0.9, "seed": 3}],
        "search": {"optimisation.warmup_fraction": {"low": 0, "high": 0.5}},
    }
    assert with_current_names(old) == new
    assert with_current_names(new) == new
    assert old["optimisation"] == {"clip": 0.25, "epochs": 2, "balance": 0.4}


def test_what_is_no_recipe_stays_what_it_is():
    for odd in ({}, {"optimisation": None, "variants": "x"}, {"variants": [3], "search": None}):
        assert with_current_names(odd) == odd


def test_new_names_are_options_and_old_ones_are_none():
    tables = {
        name: Recipe.model_fields[name].annotation for name in ("optimisation", "distillation")
    }
    for name, table in tables.items():
        options = getattr(table, "__args__", (table,))[0].model_fields
        for old, new in RENAMED_OPTIONS.items():
            if old.startswith(f"{name}."):
                assert new.split(".")[0] == name and new.split(".")[1] in options
                assert old.split(".")[1] not in options
