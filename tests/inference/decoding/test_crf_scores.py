import numpy as np

from peft_sp.inference.decoding.crf_scores import UNCALIBRATED, Temperatures


def test_a_protein_of_a_eukaryote_has_its_own_temperature_where_there_is_one():
    eukaryotic = np.array([True, False, True])
    assert Temperatures(3.0, 0.5).of_types(eukaryotic, 3).tolist() == [0.5, 3.0, 0.5]
    assert Temperatures(3.0).of_types(eukaryotic, 3).tolist() == [3.0] * 3
    # Of which nothing is known are as all others.
    assert Temperatures(3.0, 0.5).of_types(None, 2).tolist() == [3.0] * 2


def test_an_uncalibrated_model_has_temperatures_that_change_nothing():
    assert UNCALIBRATED.of_types(np.array([True, False]), 2).tolist() == [1.0, 1.0]
    assert UNCALIBRATED.sites == 1.0
