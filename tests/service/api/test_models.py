import pytest

from peft_sp.errors import InputError, ModelError
from peft_sp.service.api.models import Models
from peft_sp.service.job import LimitError
from peft_sp.service.settings import ServiceSettings
from tests.support.service import OMPA


@pytest.fixture
def models(tmp_path):
    return Models(ServiceSettings(tmp_path, models=("fast", "not-there"), max_length=100))


def test_models_say_what_they_are_and_whether_they_are_there(models):
    fast, other = models.offered.values()
    assert models.default == fast.name == "fast"
    assert fast.installed
    assert (len(fast.hash), bool(fast.version), bool(fast.description)) == (16, True, True)
    assert (other.name, other.installed, other.hash) == ("not-there", False, None)


def test_a_model_that_is_not_there_cannot_be_asked_for(models):
    models.require("fast")
    with pytest.raises(ModelError, match="not installed on this server"):
        models.require("not-there")
    with pytest.raises(ModelError, match="no such model here; choose fast, not-there"):
        models.require("/etc")


def test_a_long_sequence_is_named_by_its_place(models):
    with pytest.raises(InputError) as found:
        models.predict("fast", "other", [("a", OMPA), ("b", "M" * 101)])
    assert (found.value.record, found.value.position) == ("b", 2)


def test_nobody_waits_behind_too_many(models, monkeypatch):
    monkeypatch.setattr("peft_sp.service.api.models._WAITING", 1)
    few = Models(models._settings)
    with few._places, pytest.raises(LimitError) as found:
        few.predict("fast", "other", [("a", OMPA)])
    assert found.value.everyone
    assert few.predict("fast", "other", [("a", OMPA)])[0]["type"] == "SP"
