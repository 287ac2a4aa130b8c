import pytest
from pydantic import ValidationError

from peft_sp.training.options import Candidates, Distillation, Optimisation, Partitions


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Partitions(train=(0, 3)), "partitions are 0, 1 and 2; there is no 3"),
        (lambda: Partitions(train=(0, 1), test=1), "must be different partitions"),
        (lambda: Partitions(train=()), "at least 1 item"),
        (lambda: Optimisation(rare_class_size=5), "give class_balance as well"),
        (lambda: Optimisation(warmup_fraction=1.0), "less than 1"),
        (lambda: Optimisation(clip=1.0), "Extra inputs are not permitted"),
        (lambda: Distillation(teachers=()), "at least 1 item"),
        (
            lambda: Distillation(teachers=("fast",), min_hydropathy=1.0),
            "name files of them in unlabelled",
        ),
        (lambda: Candidates(low=1, high=2, choices=(1, 2)), "either choices or low and high"),
        (lambda: Candidates(low=2, high=1), "low must be less than high, not 2 and 1"),
        (lambda: Candidates(choices=(1, 1)), "two or more different values"),
        (lambda: Candidates(low=0, high=1, log=True), "with log, low must be more than 0"),
        (lambda: Candidates(low=1), "either choices or both low and high"),
    ],
)
def test_options_that_make_no_sense_are_refused(make, problem):
    with pytest.raises(ValidationError, match=problem):
        make()


def test_training_can_do_without_a_warm_up_and_augmentation():
    plain = Optimisation(warmup_fraction=0)
    assert plain.warmup_fraction == 0 and plain.augmentation == (0, 0, 0)
    options = {"truncation_probability": 0.1, "substitution_probability": 0.2}
    assert Optimisation(**options, chimera_probability=0.3).augmentation == (0.1, 0.2, 0.3)


def test_extremes_are_the_choices_or_the_bounds():
    assert Candidates(choices=("a", "b", "c")).extremes() == ("a", "b", "c")
    assert Candidates(low=1, high=2.5).extremes() == (1, 2.5)


def test_every_option_is_described():
    for group in (Partitions, Optimisation, Distillation):
        for name, field in group.model_fields.items():
            assert field.description or name == "optimiser", f"{group.__name__}.{name}"
