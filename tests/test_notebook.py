"""docs/notebook.ipynb runs from its first cell to its last, and what it shows is current."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.paths import ROOT

pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
nbformat = pytest.importorskip("nbformat")
FILE = ROOT / "docs" / "notebook.ipynb"
ANEW = "python scripts/notebook.py"
LARGEST, LARGEST_OUTPUT = 400_000, 120_000
"""Letters of the file, and of one output, of which pictures are the longest."""


@pytest.fixture
def notebook():
    return nbformat.read(FILE, nbformat.NO_CONVERT)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run(backbone, tmp_path, monkeypatch, seconds):
    """The notebook's code cells after a run from the first to the last."""
    from scripts.notebook import executed

    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("BACKBONE", str(backbone))
    return code_cells(executed(FILE, seconds))


def results(cell):
    """What a cell shows as text, without the digits behind points, which vary with processors."""
    texts = [
        output.get("text") or output["data"]["text/plain"]
        for output in cell.outputs
        if output.output_type != "display_data"
    ]
    return [re.sub(r"\d+(\.\d+)+(e-\d+)?", "#", text) for text in texts]


def test_it_is_whole_and_of_one_run_and_says_nothing_of_the_machine(notebook):
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(cells) > 8 and all(cell.outputs for cell in cells)
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds <= {"execute_result", "display_data", "stream"}
    shown = {kind for cell in cells for o in cell.outputs for kind in o.get("data", ())}
    assert {"image/png", "image/svg+xml", "text/html"} <= shown
    text = FILE.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert len(text) < LARGEST
    assert all(len(json.dumps(o)) < LARGEST_OUTPUT for cell in cells for o in cell.outputs)


@pytest.mark.integration
def test_it_runs_and_predicts_what_it_shows(notebook, tiny_backbone, tmp_path, monkeypatch):
    pytest.importorskip("Bio")
    pytest.importorskip("matplotlib")
    cells, expected = run(tiny_backbone, tmp_path, monkeypatch, 600), code_cells(notebook)
    assert [cell.source for cell in cells] == [cell.source for cell in expected]
    training = next(n for n, cell in enumerate(cells) if "peft_sp.train(" in cell.source)
    # What is trained differs by the backbone.
    shown, anew = ([results(cell) for cell in own[: training + 1]] for own in (expected, cells))
    assert anew == shown, f"{ANEW} runs it anew"
    assert "adapter_model.safetensors" in anew[-1][0]


@pytest.mark.slow
def test_it_trains_a_real_backbone(shared, tmp_path, monkeypatch):
    cells = run(shared / "backbones" / "esm2_t6_8M", tmp_path, monkeypatch, 3000)
    (evaluation,) = (cell for cell in cells if "trained.test" in cell.source)
    found = re.search(r"multi-class MCC (\S+),", evaluation.outputs[0]["text"])
    assert found and float(found[1]) > 0.7
