"""In torch the decoder gives what it gives in NumPy; on a GPU too, where there is one."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, CrfScores, Temperatures
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.decoding.published import decoder_of
from tests.support.devices import DEVICES

SIZE = grammar().size
LENGTHS = np.array([1, 2, 3, 17, 40, 69, 70, 70, 70, 33, 70, 25])


def scores(temperatures=UNCALIBRATED) -> CrfScores:
    rng = np.random.default_rng(5)
    shapes = (SIZE, SIZE), (SIZE,), (SIZE,)
    return CrfScores(*(rng.normal(size=shape).astype(np.float32) for shape in shapes), temperatures)


def batch(seed: int, spread: float = 3.0) -> np.ndarray:
    """Emissions as a network gives them, in which half of the windows have a signal peptide."""
    emissions = np.random.default_rng(seed).normal(0, spread, (len(LENGTHS), 70, SIZE))
    emissions[::2, :, :3] -= 4
    return emissions.astype(np.float32)


def assert_same(found, expected) -> None:
    for field in fields(expected):
        own, other = (getattr(one, field.name) for one in (found, expected))
        if other is None:
            assert own is None, field.name
        elif field.name == "ranked":
            assert_same(own, other)
        elif np.issubdtype(other.dtype, np.integer):
            assert np.array_equal(own, other), field.name
        else:
            assert np.isfinite(other).all()
            np.testing.assert_allclose(own, other, atol=1e-9, err_msg=field.name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("published", "threshold"), [(False, None), (False, 0.2), (True, None)])
def test_it_decodes_as_in_numpy(device, published, threshold):
    own = scores(Temperatures(1.7, 0.6, 1.4))
    here, there = decoder_of(own, published), decoder_of(own, published, device)
    rng = np.random.default_rng(1)
    allowed = rng.random((len(LENGTHS), len(TYPES))) < 0.7
    allowed[:, 0] = True
    for seed, spread in enumerate((1.0, 3.0, 9.0)):
        emissions = batch(seed, spread)
        options = {"threshold": threshold, "eukaryotic": rng.random(len(LENGTHS)) < 0.5}
        expected = here.decode(emissions, LENGTHS, allowed, True, **options)
        assert_same(there.decode(emissions, LENGTHS, allowed, True, **options), expected)
        tensor = torch.from_numpy(emissions).to(device)
        assert_same(there.decode(tensor, LENGTHS, allowed, True, **options), expected)
        assert (expected.sites > 0).any() and (expected.sites == 0).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("lengths", [[1, 1], [2, 1], [2, 2], [70, 70]])
def test_short_windows_and_windows_of_one_length_are_decoded_as_in_numpy(device, lengths):
    emissions, lengths = batch(3)[: len(lengths), : max(lengths)], np.array(lengths)
    here, there = (decoder_of(scores(), False, one) for one in (None, device))
    expected = here.decode(emissions, lengths, None, True, threshold=1e-6)
    assert_same(there.decode(emissions, lengths, None, True, threshold=1e-6), expected)


@pytest.mark.parametrize("device", DEVICES)
def test_the_parts_are_those_of_numpy(device):
    here, there = (Decoder(grammar(), scores(), device=one) for one in (None, device))
    emissions, types = batch(7), np.arange(len(LENGTHS)) % len(TYPES)
    assert np.array_equal(there.best_paths(emissions, LENGTHS), here.best_paths(emissions, LENGTHS))
    for name in ("cleavage_posterior", "marginals"):
        given = (emissions, LENGTHS, *([types] if name == "cleavage_posterior" else []))
        found, expected = (getattr(d, name)(*given) for d in (there, here))
        np.testing.assert_allclose(found, expected, atol=1e-9)
