from peft_sp.io.registry.accuracy import Figures
from peft_sp.training.evaluation.report import mean_over_models
from tests.support.figures import figures


def test_means_are_over_the_models_in_which_a_figure_is_defined():
    both = (("ARCHAEA", "TAT"), ("EUKARYA", "SP"))
    found = mean_over_models(
        {"a": Figures.of(figures(0.5, 0.2), ""), "b": Figures.of(figures(1.0, None, both), "")}
    )
    # Of the classes' means (0.75 and 1), not of the models'.
    assert found["mean_mcc2"] == {"mean": 0.875, "deviation": 0.353553, "models": 2}
    first, second = found["classes"]
    assert (first["organism"], second["organism"]) == ("EUKARYA", "ARCHAEA")
    assert first["cleavage_recall"] == {"mean": 0.2, "deviation": None, "models": 1}
    assert second["mcc2"] == {"mean": 1.0, "deviation": None, "models": 1}
    assert second["cleavage_precision"] == {"mean": None, "deviation": None, "models": 0}
