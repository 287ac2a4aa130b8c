import pytest

from peft_sp.errors import ModelError
from peft_sp.io.models import temperature


def test_the_temperature_is_one_where_none_is_given():
    assert temperature({}) == 1.0
    assert temperature({"calibration": {"temperature": 1.5}}) == 1.5


@pytest.mark.parametrize("wrong", [0, -1, "2", None, float("nan"), float("inf"), True])
def test_a_temperature_that_is_none(wrong):
    with pytest.raises(ModelError, match="must be a positive number"):
        temperature({"calibration": {"temperature": wrong}})
