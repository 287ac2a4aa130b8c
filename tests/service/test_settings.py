import pytest

from peft_sp.errors import OptionError
from peft_sp.service.settings import ServiceSettings


def test_defaults_listen_to_this_machine_alone(tmp_path):
    settings = ServiceSettings(str(tmp_path))
    assert (settings.host, settings.port, settings.origins) == ("127.0.0.1", 8000, ())
    assert settings.directory == tmp_path


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("max_bytes", 0, "max bytes is 0; give more than 0"),
        ("kept_days", float("nan"), "kept days is nan; give more than 0"),
        ("workers", -1, "workers is -1"),
        ("models", (), "name one"),
        ("root_path", "peft", "without a slash at its end"),
        ("root_path", "/peft/", "without a slash at its end"),
        ("origins", ("lab.example",), "give it as https://name"),
        ("origins", ("https://lab.example/",), "without a path or a slash"),
        ("token", "secret", "can be guessed"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_named(tmp_path, option, value, problem):
    with pytest.raises(OptionError, match=problem):
        ServiceSettings(tmp_path, **{option: value})


def test_a_token_is_not_shown_with_the_settings(tmp_path):
    assert "0123456789abcdef" not in repr(ServiceSettings(tmp_path, token="0123456789abcdef"))
