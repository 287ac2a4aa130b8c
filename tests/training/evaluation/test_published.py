import numpy as np
import pytest

from peft_sp.biology.grammar import ORGANISM_GROUPS, TYPES
from peft_sp.io.labelled import data_hash
from peft_sp.io.registry.accuracy import BIG_CLASSES
from peft_sp.training.evaluation import published


@pytest.mark.parametrize(
    ("per_class", "method"),
    [(published.SIGNALP6_MCC2, "SignalP 6.0"), (published.LORA_3B_MCC2, "LoRA")],
)
def test_the_means_are_those_of_the_classes(per_class, method):
    assert len(per_class) == 16
    assert np.mean(list(per_class.values())) == pytest.approx(
        published.MEAN_MCC2[method], abs=0.0005
    )


def test_classes_are_called_as_in_the_grammar():
    assert published.SIGNALP6_MCC2.keys() == published.LORA_3B_MCC2.keys()
    assert all(o in ORGANISM_GROUPS and t in TYPES[1:] for o, t in published.LORA_3B_MCC2)
    assert set(published.SIGNALP6_CLEAVAGE) == set(BIG_CLASSES)


def test_the_hash_is_that_of_the_published_file(shared):
    assert data_hash(shared / "data" / "train_set.fasta") == published.SIGNALP6_DATA


def test_other_data_and_data_without_a_hash_are_not_comparable():
    assert published.is_comparable({"data_sha256": published.SIGNALP6_DATA})
    assert not published.is_comparable({"data_sha256": "0" * 64})
    assert not published.is_comparable({}) and not published.is_comparable(None)
