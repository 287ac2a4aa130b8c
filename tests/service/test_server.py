"""Where the server listens, and what it calls that."""

import pytest

from peft_sp.errors import OptionError
from peft_sp.service.server import address, listening
from peft_sp.service.settings import ServiceSettings


def test_it_listens_on_a_free_port_and_says_which(tmp_path):
    settings = ServiceSettings(tmp_path, port=0, root_path="/peft-sp")
    with listening(settings) as listener:
        port = listener.getsockname()[1]
        assert port
        assert address(listener, settings) == f"http://127.0.0.1:{port}/peft-sp/"
        taken = ServiceSettings(tmp_path, port=port)
        with pytest.raises(OptionError, match="Address already in use"):
            listening(taken)
    with listening(taken):  # at once, though the system remembers connections to it
        pass


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("localhost", "localhost"), ("0.0.0.0", "localhost")]
)
def test_any_address_of_the_machine_will_do(tmp_path, host, shown):
    settings = ServiceSettings(tmp_path, port=0, host=host)
    try:
        listener = listening(settings)
    except OptionError:
        pytest.skip("this machine has no such address")
    with listener:
        assert address(listener, settings).startswith(f"http://{shown}:")


def test_an_address_of_another_machine_is_one_line(tmp_path):
    with pytest.raises(OptionError, match=r"192\.0\.2\.1, port 0: cannot be listened on"):
        listening(ServiceSettings(tmp_path, host="192.0.2.1", port=0))
