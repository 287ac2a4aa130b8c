"""Windows in batches: order, padding, and one pass decoded several times."""

import threading

import numpy as np
import pytest

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.inference.batching import compute, decode_batches, decode_windows
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.decoding.decoder import Decoder

SIZE = grammar().size

WINDOWS = ["MKTAYIAK" * n for n in (8, 1, 3, 1, 8, 2)]


class Wave:
    """Emissions that depend on the residues alone; keeps the sizes of the batches it was given."""

    batch_size = 2
    concurrency = 1
    scores = CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE))

    def __init__(self):
        self.sizes = []

    def emissions(self, residues):
        self.sizes.append(len(residues))
        return np.cos(residues[..., None] * np.arange(1, SIZE + 1)).astype(np.float32)


def test_decoded_windows_are_in_order():
    together = decode_windows(Wave(), WINDOWS)
    for row, window in enumerate(WINDOWS):
        alone = decode_windows(Wave(), [window])
        np.testing.assert_allclose(together.type_probabilities[row], alone.type_probabilities[0])
        np.testing.assert_array_equal(together.paths[row, : len(window)], alone.paths[0])
        assert (together.paths[row, len(window) :] == -1).all()


def test_one_pass_is_decoded_for_several_sets_of_types():
    backend = Wave()
    computed = list(compute(backend, WINDOWS))
    decoder = Decoder(grammar(), backend.scores)
    every = np.ones((len(WINDOWS), len(TYPES)), dtype=bool)
    few = every.copy()
    few[::2, 2:] = False
    decoded = [decode_batches(decoder, computed, allowed) for allowed in (every, few)]
    assert backend.sizes == [2, 2, 2]
    assert (decoded[1].type_probabilities[::2, 2:] == 0).all()
    for row in (1, 3, 5):
        assert decoded[1].type_probabilities[row] == pytest.approx(
            decoded[0].type_probabilities[row]
        )
    assert (encode(WINDOWS) == PAD).any()


def test_as_many_batches_are_computed_at_once_as_suit_the_network():
    class Together(Wave):
        """Each call waits until another one is made beside it."""

        concurrency = 3

        def __init__(self):
            super().__init__()
            self.meeting = threading.Barrier(3)

        def emissions(self, residues):
            self.meeting.wait(timeout=30)
            return super().emissions(residues)

    one, several = decode_windows(Wave(), WINDOWS), decode_windows(Together(), WINDOWS)
    np.testing.assert_array_equal(one.type_probabilities, several.type_probabilities)
    np.testing.assert_array_equal(one.paths, several.paths)
