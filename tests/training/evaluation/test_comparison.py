"""Cross-validations of several recipes side by side."""

from __future__ import annotations

from peft_sp.io.registry.accuracy import Figures
from peft_sp.training.evaluation.comparison import comparison
from peft_sp.training.evaluation.report import mean_over_models
from tests.support.figures import figures


def test_a_comparison_puts_the_best_first():
    def content(name, mcc2, trained):
        folds = {"test-0": figures(mcc2, mcc2)}
        return {
            "protocol": "deployed",
            "recipe": {"name": name},
            "parameters": {"trained": trained, "all": 1000},
            "pooled": folds["test-0"],
            "folds": folds,
            "mean_over_models": mean_over_models({"test-0": Figures.of(folds["test-0"], "")}),
        }

    contents = [content("worse", 0.4, 20), content("better", 0.6, 1000), content("none", None, 5)]
    lines = comparison(contents).splitlines()
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| better", "| worse", "| none"]
    assert "| 20 (2.0%) | 0.400 |" in lines[5]
    assert lines[6].endswith("| – | – | – | – | – |")
