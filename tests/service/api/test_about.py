from peft_sp.service import facts
from peft_sp.version import __version__


def test_about_says_what_may_be_chosen_and_what_is_taken(service):
    about = service.get("/api/v1/about").json()
    assert about["version"] == __version__
    assert [(model["name"], model["default"]) for model in about["models"]] == [("fast", True)]
    assert [one["name"] for one in about["organisms"]] == ["auto", "eukarya", "other"]
    assert all(one["sentence"] for one in about["organisms"])
    assert about["limits"]["max_records"] == service.settings.max_records
    assert (about["citation"], about["kept_days"]) == (facts.CITATION, 7.0)
