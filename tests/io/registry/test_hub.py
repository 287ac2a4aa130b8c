"""Models from the hub: the real client library against a small server of the same endpoints."""

from __future__ import annotations

import json

import pytest

from peft_sp.io.registry import hub, lookup
from peft_sp.io.registry.checksums import digest
from tests.support.hub_server import running
from tests.support.hub_user import User

pytestmark = pytest.mark.integration
pytest.importorskip("huggingface_hub", reason="needs the extra hub")
UNREACHABLE = "http://127.0.0.1:9"


def model_on_hub(**changes: bytes | None) -> dict[str, bytes]:
    """The bundled model's files as an author pushes them, with what must not be fetched."""
    directory = lookup.bundled()["fast"]
    files = {file.name: file.read_bytes() for file in directory.iterdir()}
    lines = [f"{digest(directory / name)}  {name}\n" for name in ("config.json", "model.onnx")]
    files["SHA256SUMS"] = "".join(lines).encode()
    files |= {"pytorch_model.bin": b"a pickle", "head.safetensors": b"tensors", "run.py": b"code"}
    named = {key.replace("_", "."): value for key, value in changes.items()}
    return {name: value for name, value in {**files, **named}.items() if value is not None}


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def user(tmp_path, server):
    return User(tmp_path, server.address)


def test_first_from_the_hub_then_from_the_disk(user, server):
    commit = server.commit("lab/sp", model_on_hub())
    code, output, errors = user.predict("lab/sp")
    assert code == 0, errors
    assert output.splitlines()[1].startswith("a\ta\t\tSP\t")
    assert errors.count("\n") == 1 and f"lab/sp is commit {commit}, from now on" in errors
    assert user.fetched() == {"config.json", "model.onnx", "SHA256SUMS", "README.md"}
    assert all(commit in r for r in server.requests if "/resolve/" in r)
    server.requests.clear()
    server.commit("lab/sp", model_on_hub(model_onnx=b"another"))
    again = user.predict("lab/sp", before="sys.modules['huggingface_hub'] = None")
    assert again == (0, output, f"peft-sp: model lab/sp is commit {commit}\n")
    assert user.predict("lab/sp", HF_ENDPOINT=UNREACHABLE)[:2] == (0, output)
    assert server.requests == []


def test_listed_and_shown_once_fetched(user, server):
    commit = server.commit("lab/sp", model_on_hub())
    assert user.run("models", "lab/sp")[0] == 0
    code, output, _ = user.run("models", "--json")
    (entry,) = [m for m in json.loads(output) if m["source"] == "hub"]
    assert code == 0 and (entry["name"], entry["commit"]) == ("lab/sp", commit)
    assert commit[:12] in user.run("models")[1]


def test_update_asks_anew(user, server):
    first = server.commit("lab/sp", model_on_hub())
    assert user.run("models", "lab/sp")[0] == 0
    second = server.commit("lab/sp", model_on_hub(README_md=b"# better"))
    assert first in user.run("models", "lab/sp")[2]
    code, _, errors = user.run("models", "lab/sp", "--update")
    assert code == 0 and f"is commit {second}, from now on" in errors
    assert second in user.run("models", "lab/sp", HF_ENDPOINT=UNREACHABLE)[2]
    assert user.run("models", "lab/sp", "--update", HF_ENDPOINT=UNREACHABLE)[0] == 2
    assert second in user.run("models", "lab/sp", HF_ENDPOINT=UNREACHABLE)[2]


def test_a_commit_is_taken_as_it_is(user, server):
    first = server.commit("lab/sp", model_on_hub())
    server.commit("lab/sp", model_on_hub(model_onnx=b"another"))
    code, output, errors = user.predict(f"lab/sp@{first}")
    assert (code, errors) == (0, "") and "a\ta\t\tSP\t" in output
    assert not [r for r in server.requests if "/api/models" in r], "nothing to resolve"


@pytest.mark.parametrize("name", ["config.json", "model.onnx", "SHA256SUMS"])
def test_a_damaged_copy_is_refused_and_fetched_again(user, server, name):
    server.commit("lab/sp", model_on_hub())
    _, right, _ = user.predict("lab/sp")
    blob = user.blob(name)
    blob.write_bytes(blob.read_bytes().replace(b"0", b"1", 1))
    code, output, errors = user.predict("lab/sp")
    assert (code, output) == (2, "") and errors.count("\n") == 1
    assert f"{name}: is damaged or was altered" in errors
    assert "'peft-sp models lab/sp --update' fetches them again" in errors
    assert user.run("models", "lab/sp", "--update")[0] == 0
    assert user.predict("lab/sp")[:2] == (0, right)


def test_a_copy_altered_with_its_manifest_is_refused(user, server):
    server.commit("lab/sp", model_on_hub())
    user.predict("lab/sp")
    config, manifest = user.blob("config.json"), user.blob("SHA256SUMS")
    before = digest(config)
    config.write_bytes(config.read_bytes() + b"\n")
    manifest.write_text(manifest.read_text().replace(before, digest(config)))
    code, _, errors = user.predict("lab/sp")
    assert code == 2 and "SHA256SUMS: is damaged or was altered" in errors


def test_a_lost_copy_is_fetched_at_the_same_commit(user, server):
    first = server.commit("lab/sp", model_on_hub())
    _, right, _ = user.predict("lab/sp")
    server.commit("lab/sp", model_on_hub(model_onnx=b"another"))
    import shutil

    shutil.rmtree(user.home / "hf")
    assert "not usable" in user.run("models")[1]
    code, output, errors = user.predict("lab/sp")
    assert (code, output) == (0, right) and first in errors


CASES = {
    "no manifest": ("lab/sp", {"SHA256SUMS": None}, "has no SHA256SUMS"),
    "no settings": ("lab/sp", {"config_json": None}, "has no config.json"),
    "another kind of model": ("lab/sp", {"config_json": b'{"model_type": "esm"}'}, "not a model's"),
    "a file that is another": ("lab/sp", {"model_onnx": b"another"}, "model.onnx: is damaged or"),
    "a file that is missing": ("lab/sp", {"model_onnx": None}, "has no model.onnx"),
    "an unknown revision": ("lab/sp@v9", {}, "the hub has no such revision"),
    "an unknown commit": (f"lab/sp@{'0' * 40}", {}, "the hub has no such revision"),
    "an unknown model": ("lab/none", {}, "no such model on the hub"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_is_one_line_and_not_remembered(user, server, case):
    name, changes, problem = CASES[case]
    server.commit("lab/sp", model_on_hub(**changes))
    code, output, errors = user.predict(name)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and problem in errors and "Traceback" not in errors, errors
    assert not list(user.home.glob("data/**/*.json"))


def test_without_the_network_or_the_library(user, server):
    code, _, errors = user.predict("lab/sp", HF_ENDPOINT=UNREACHABLE)
    assert code == 2 and errors.count("\n") == 1 and "the hub did not answer" in errors
    code, _, errors = user.predict("lab/sp", HF_HUB_OFFLINE="1")
    assert code == 2 and errors.count("\n") == 1 and "HF_HUB_OFFLINE forbids" in errors
    code, _, errors = user.predict("lab/sp", before="sys.modules['huggingface_hub'] = None")
    assert code == 2 and errors.count("\n") == 1 and "pip install 'peft-sp[hub]'" in errors
    assert server.requests == []


def test_a_home_that_cannot_be_written_is_said(user, server):
    commit = server.commit("lab/sp", model_on_hub())
    (user.home / "data").write_text("a file in the way")
    code, output, errors = user.predict("lab/sp")
    assert code == 0 and "a\ta\t\tSP\t" in output
    assert commit in errors and "cannot be remembered" in errors


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lab/sp", True),
        ("lab/sp@v1.0", True),
        ("lab/sp@refs/pr/1", True),
        ("fast", False),
        ("a/b/c", False),
        ("./sp", False),
        ("../sp", False),
        ("~/sp", False),
        ("/lab/sp", False),
        ("lab/", False),
        ("lab\\sp", False),
    ],
)
def test_what_is_an_id(name, expected):
    assert hub.is_id(name) is expected
