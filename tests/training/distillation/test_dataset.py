import pytest
import torch

from peft_sp.biology.grammar import TYPES
from peft_sp.network.model import build_model
from peft_sp.training.fitting.trainer import train
from tests.support.distillation import changed, distilling, split_of, windows_of

pytestmark = pytest.mark.integration


def test_windows_without_labels_have_the_type_that_teachers_predict_as_their_class(
    recipe, labelled, tmp_path
):
    windows = windows_of(recipe, tmp_path)
    assert windows.classes[: len(labelled)] == [p.organism_type for p in labelled]
    first = sum(windows.transfer_set.parts[:2])
    assert all(origin == "unlabelled" and name in TYPES for origin, name in windows.classes[first:])


def test_labelled_windows_can_be_varied_anew_without_a_teacher(recipe, labelled, tmp_path):
    windows = windows_of(distilling(recipe, fresh_fraction=1.0), tmp_path)
    rows = [*range(40), len(labelled), len(windows) - 1]
    first, second = windows.__getitems__(rows), windows.__getitems__(rows)
    assert first["distilled"].tolist() == [0.0] * 40 + [1.0] * 2
    length = min(first["residues"].shape[1], second["residues"].shape[1])
    again = (first["residues"][:, :length] == second["residues"][:, :length]).all(1)
    assert not again[:40].all() and again[40:].all()
    assert (first["types"] == windows.transfer_set.types[rows]).all()
    plain = windows_of(recipe, tmp_path).transfer_set.residues[0]
    assert torch.equal(windows.transfer_set.residues[0], plain), "the transfer set stays as it is"


def test_students_come_close_to_their_teachers(recipe, labelled, tmp_path):
    """Without any help from the labels."""
    fit = {**recipe.optimisation.model_dump(), "epochs": 4}
    settings = distilling(changed(recipe, optimisation=fit), label_weight=0.0)
    batch = windows_of(settings, tmp_path).__getitems__(list(range(len(labelled))))

    def distance(model):
        with torch.no_grad():
            marginals = model.eval()(batch["residues"], batch["allowed"]).marginals
        return (marginals - batch["states"]).abs().sum(2).mean().item()

    trained = train(settings, split_of(settings), tmp_path / "run", activation_cache=tmp_path)
    assert distance(trained.model) < 0.5 * distance(build_model(settings))
