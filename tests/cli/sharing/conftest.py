"""A hub, a person who may write there, one who may not, and their models."""

from __future__ import annotations

import pytest

from tests.support.commands import peft_sp
from tests.support.hub_server import running
from tests.support.hub_user import User
from tests.support.recipes import small

TOKEN = "hf_of_the_lab"


@pytest.fixture
def server():
    with running() as found:
        found.tokens[TOKEN] = "lab"
        yield found


@pytest.fixture
def author(tmp_path, server):
    (tmp_path / "author").mkdir()
    return User(tmp_path / "author", server.address, TOKEN)


@pytest.fixture
def reader(tmp_path, server):
    (tmp_path / "reader").mkdir()
    return User(tmp_path / "reader", server.address)


@pytest.fixture(scope="session")
def student(tmp_path_factory, labelled_file):
    """A small network as `peft-sp train` leaves it, with its curves and what is not to be given."""
    folder = tmp_path_factory.mktemp("student")
    recipe = small(folder, labelled_file, "mini")
    split = ("--set", "partitions.train=[1]", "--set", "partitions.validation=2")
    more = ("--set", "partitions.test=0", "--set", "optimisation.epochs=0.2")
    code, _, errors = peft_sp("train", recipe, *split, *more, "-o", folder / "model")
    assert code == 0, errors
    return folder / "model"


@pytest.fixture(scope="session")
def lora(tmp_path_factory, labelled_file, tiny_backbone):
    """A LoRA as `peft-sp train` leaves it, on a backbone in a directory of this machine."""
    folder = tmp_path_factory.mktemp("lora")
    data = ("--set", f"data={labelled_file}", "--set", f"backbone={tiny_backbone}")
    more = ("--set", "partitions.test=0", "--set", "partitions.train=[1, 2]")
    short = ("--set", "optimisation.epochs=0.5", "--set", "licence=MIT", "--set", "tuning.rank=2")
    # So that it differs from what it began as.
    fast = ("--set", "optimisation.learning_rate=0.05", "--set", "optimisation.ema_decay=0")
    given = (*data, *more, *short, *fast)
    code, _, errors = peft_sp("train", "lora-8M", *given, "-o", folder / "model")
    assert code == 0, errors
    return folder / "model"
