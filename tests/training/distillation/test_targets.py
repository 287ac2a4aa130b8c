import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import grammar
from peft_sp.errors import ModelError
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.loading import load
from tests.support.distillation import distilling, windows_of

pytestmark = pytest.mark.integration


def test_targets_are_the_mean_of_what_the_teachers_decode(recipe, labelled, tmp_path):
    windows = windows_of(recipe, tmp_path)
    rows = [0, 5, len(labelled) + 3, len(windows) - 1]  # labelled, a varied copy, unlabelled
    batch = windows.__getitems__(rows)
    residues = batch["residues"].numpy()
    lengths = (residues != PAD).sum(1)
    expected = np.zeros(batch["states"].shape)
    for name in recipe.distillation.teachers:
        backend = load(name).backend
        decoder = Decoder(grammar(), backend.scores)
        expected += decoder.marginals(backend.emissions(residues), lengths) / 3
    np.testing.assert_allclose(batch["states"].numpy(), expected, atol=1e-3)
    # As many transitions as there are residues but one, and none that the grammar forbids.
    torch.testing.assert_close(
        batch["transitions"].sum((1, 2)), torch.tensor(lengths - 1.0).float(), atol=0.05, rtol=0.01
    )
    assert not batch["transitions"][:, ~torch.tensor(grammar().transitions)].any()


def test_teachers_answer_once_and_a_stopped_run_is_resumed(recipe, labelled, tmp_path):
    steps = []

    def note(done, of):
        steps.append((done, of))

    def windows(directory, recipe=recipe, progress=note):
        return windows_of(recipe, directory, block=200, progress=progress)

    whole = windows(tmp_path / "a")
    assert steps[0] == (200, len(whole)) and steps[-1][0] == len(whole)
    steps.clear()
    windows(tmp_path / "a")
    assert not steps

    class StoppedError(Exception):
        pass

    def stop(done, of):
        if done >= len(labelled):
            raise StoppedError

    with pytest.raises(StoppedError):
        windows(tmp_path / "b", progress=stop)
    rest = windows(tmp_path / "b")
    assert steps[0][0] == len(labelled) + 200, "the labelled ones were whole"
    for number in range(3):
        assert np.array_equal(rest.targets.states[number], whole.targets.states[number])
        assert np.array_equal(rest.targets.transitions[number], whole.targets.transitions[number])
    # More copies need no target that was computed.
    steps.clear()
    windows(tmp_path / "b", distilling(recipe, augmented_copies=2))
    assert steps[0][0] == 2 * len(labelled) + 200 and steps[-1][0] == 3 * len(labelled)


def test_more_mosaics_need_their_own_targets_alone(recipe, labelled, tmp_path):
    own = distilling(recipe, recombinants=1, mosaics=1, min_hydropathy=1.6)
    windows = windows_of(own, tmp_path)
    unlabelled = windows.transfer_set.parts[4]
    steps = []
    more = distilling(own, mosaics=2)
    windows_of(more, tmp_path, progress=lambda *n: steps.append(n))
    assert steps == [(5 * len(labelled), 5 * len(labelled) + unlabelled)]


def test_each_window_has_the_answer_that_was_given_for_it(recipe, labelled, tmp_path):
    windows = windows_of(recipe, tmp_path)
    parts = np.concatenate(windows.targets.states)
    rows = [len(windows) - 1, 3, len(labelled) + 5, 3]
    np.testing.assert_array_equal(windows.targets.of(rows)[0].numpy(), parts[rows])


def test_a_teacher_that_cannot_be_used_names_the_recipe_s_options(recipe, tmp_path):
    for option, value in (("teacher_backbone", "esm2-8M"), ("teacher_precision", "bfloat16")):
        with pytest.raises(ModelError, match=f"^teacher: .*leave out distillation.{option}$"):
            windows_of(distilling(recipe, **{option: value}), tmp_path)
