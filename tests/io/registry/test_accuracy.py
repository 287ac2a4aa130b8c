"""The metrics that are shown, and how they are read and written."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from peft_sp.io.registry.accuracy import (
    CLASS_METRICS,
    MEAN_MCC2,
    SUMMARY_METRICS,
    ClassFigures,
    Figures,
    Metric,
    as_text,
    count_text,
    summary,
)

NAN = float("nan")


@dataclass
class Scored:
    """As `Scores`: with NaN where a figure is undefined."""

    mean_mcc2: float
    mean_mcc2_interval: tuple[float, float]


@pytest.mark.parametrize(
    ("metrics", "table"), [(SUMMARY_METRICS, Figures), (CLASS_METRICS, ClassFigures)]
)
def test_every_metric_is_a_field_of_the_figures(metrics, table):
    names = {own.name for own in fields(table)}
    for metric in metrics:
        assert metric.name in names
        assert (f"{metric.name}_interval" in names) == metric.has_interval


def test_a_metric_is_read_from_figures_and_from_scores():
    for read in (Figures(None, None, 0.5, (0.25, 0.75)), Scored(0.5, (0.25, 0.75))):
        assert MEAN_MCC2.text(read) == "0.500 (0.250 to 0.750)"
        assert MEAN_MCC2.text(read, bold=True) == "**0.500** (0.250 to 0.750)"
        assert MEAN_MCC2.cells(read) == ["0.500", "0.250 to 0.750"]
    assert MEAN_MCC2.columns == ["mean MCC2", "95 % interval"]


@pytest.mark.parametrize(
    "read",
    [Figures(), Figures(mean_mcc2_interval=(None, None)), Scored(NAN, (NAN, NAN)), object()],
)
def test_undefined_is_a_dash(read):
    assert MEAN_MCC2.value(read) is None
    assert (MEAN_MCC2.text(read), MEAN_MCC2.cells(read)) == ("–", ["–", "–"])


def test_cleavage_metrics_are_those_at_tolerance_zero():
    recall = next(metric for metric in CLASS_METRICS if metric.name == "cleavage_recall")
    assert recall.value(ClassFigures("EUKARYA", "SP", cleavage_recall=(0.25, 0.5))) == 0.25
    assert recall.value(ClassFigures("EUKARYA", "SP")) is None
    assert (recall.heading, recall.columns) == ("CS recall", ["CS rec."])


def test_the_summary_in_one_line():
    figures = Figures(1234, 0.5, 0.5, None, 0.25, None)
    assert summary(figures) == "mean MCC2 0.500, five big classes 0.250, multi-class MCC –"


def test_a_metric_that_figures_do_not_have_is_undefined():
    assert Metric("balanced_accuracy", "accuracy").text(Figures()) == "–"


def test_texts():
    assert (as_text(None), as_text(0.12345)) == ("–", "0.123")
    assert (count_text(None), count_text(1234)) == ("–", "1,234")


def test_an_undefined_figure_is_written_as_null():
    content = {"organism": "EUKARYA", "type": "SP", "proteins": 3, "mcc1": None, "mcc2": 0.5}
    written = ClassFigures.of(content, "classes[0]").to_json()
    assert written == {**content, "mcc2_interval": None}
