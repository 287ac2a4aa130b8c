"""Models that are published, by the hub's own client against a server of the same endpoints."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")
TRAINING = {"kind": "training"}


@pytest.fixture
def model(student, tmp_path):
    """The small network, with files that are nobody's business beside its own."""
    copy = tmp_path / "my-model"
    shutil.copytree(student, copy)
    (copy / "checkpoints").mkdir()
    for name in ("checkpoints/config.json", "notes.txt", "pytorch_model.bin", ".env", "run.py"):
        (copy / name).write_text("private")
    return copy


def test_what_is_published_is_said_before_and_is_the_model_and_its_card_alone(
    author, server, model
):
    code, output, errors = author.run("push", model, "lab/sp", "--licence", "MIT")
    assert (code, errors) == (0, ""), errors
    files = server.files("lab/sp")
    own = {"config.json", "model.onnx", "encoder.safetensors", "head.safetensors"}
    assert set(files) == {*own, "SHA256SUMS", "README.md", ".gitattributes"}
    for name in own - {"config.json"}:
        assert files[name] == (model / name).read_bytes()
    sums = {f"{hashlib.sha256(files[name]).hexdigest()}  {name}" for name in own}
    assert set(files["SHA256SUMS"].decode().splitlines()) == sums
    said, done = output.split("published as commit ")
    assert f"publishing 6 files, {sum(map(len, files.values())) / 1e6:.1f} MB" in said
    assert f"{server.address}/lab/sp" in said and "licence: MIT" in said
    assert all(name in said for name in files if name != ".gitattributes")
    commits = server.repositories["lab/sp"].commits
    assert len(commits) == 2 and done.startswith(commits[-1][0]), "one commit behind the first"
    assert server.repositories["lab/sp"].messages[-1].startswith("mini, by peft-sp ")
    assert json.loads(files["config.json"])["licence"] == "MIT"


def test_a_second_push_replaces_the_model_and_leaves_what_is_others(author, server, model):
    assert author.run("push", model, "lab/sp", "--licence", "MIT", "--private")[0] == 0
    repository = server.repositories["lab/sp"]
    assert repository.private
    repository.add({**server.files("lab/sp"), "LICENSE": b"text", "old.safetensors": b"old"})
    (model / "README.md").write_text("# better\n")
    told = ("--message", "A better card", "--licence", "MIT")
    assert author.run("push", model, "lab/sp", *told)[0] == 0
    files = server.files("lab/sp")
    assert files["LICENSE"] == b"text" and "old.safetensors" not in files
    assert b"# better" in files["README.md"] and repository.messages[-1] == "A better card"
    assert author.run("push", model, "lab/sp", "--licence", "MIT", "--revision", "v2")[0] == 0
    assert set(repository.branches) == {"main", "v2"}


def test_a_dry_run_publishes_nothing_and_needs_no_login(author, server, model):
    code, output, _ = author.run(
        "push", model, "lab/sp", "--licence", "MIT", "--dry-run", HF_TOKEN=""
    )
    assert code == 0 and "head.safetensors" in output and "published" not in output
    assert server.requests == []


CASES = {
    "without a login": ((), {"HF_TOKEN": ""}, "run 'hf auth login'"),
    "with a token that nobody knows": ((), {"HF_TOKEN": "hf_x"}, "does not know the token"),
    "to another owner": (("other/sp",), {}, "may not write there"),
    "to no name of the hub": (("sp",), {}, "'sp' is no name of the hub's, OWNER/NAME"),
    "without the library": (
        (),
        {"before": "sys.modules['huggingface_hub'] = None"},
        "pip install 'peft-sp[hub]'",
    ),
    "without the network": ((), {"HF_ENDPOINT": "http://127.0.0.1:9"}, "was not published"),
    "with a backbone that there is none of": (
        ("lab/sp", "--backbone", "lab/x"),
        {},
        "has no backbone; leave out --backbone",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_published_is_one_line(author, server, model, case):
    arguments, options, problem = CASES[case]
    code, _, errors = author.run(
        "push", model, *(arguments or ("lab/sp",)), "--licence", "MIT", **options
    )
    assert code == 2 and errors.count("\n") == 1 and problem in errors, errors
    assert not server.repositories.get("lab/sp") and not server.repositories.get("other/sp")


def test_a_licence_must_be_named_and_the_model_be_whole(author, server, model):
    code, _, errors = author.run("push", model, "lab/sp")
    assert code == 2 and "no licence is named" in errors and "--licence MIT" in errors
    (model / "SHA256SUMS").write_text(f"{'0' * 64}  config.json\n")
    code, _, errors = author.run("push", model, "lab/sp", "--licence", "MIT")
    assert code == 2 and "SHA256SUMS" in errors and errors.count("\n") == 1
    code, _, errors = author.run("push", model / "none", "lab/sp", "--licence", "MIT")
    assert code == 2 and "no such directory" in errors
    assert server.requests == []


def test_another_kind_of_model_is_not_overwritten(author, server, model):
    server.commit("lab/sp", {"config.json": b'{"model_type": "bert"}'})
    code, _, errors = author.run("push", model, "lab/sp", "--licence", "MIT")
    assert code == 2 and "holds another kind of model" in errors
    assert len(server.repositories["lab/sp"].commits) == 1


def test_a_path_of_this_machine_is_not_published(author, server, model):
    card = (model / "README.md").read_text()
    (model / "README.md").write_text(card.replace("\n\n", "\n\nOf /home/me/secret.fasta.\n\n", 1))
    code, _, errors = author.run("push", model, "lab/sp", "--licence", "MIT")
    assert code == 2 and "names /home/me/secret.fasta. of this machine" in errors
    (model / "README.md").write_text(card)
    config = json.loads((model / "config.json").read_text())
    config["origin"] = "see /data/notes.txt"
    (model / "config.json").write_text(json.dumps(config))
    code, _, errors = author.run("push", model, "lab/sp", "--licence", "MIT")
    assert code == 2 and "config.json: origin names /data/notes.txt of this machine" in errors
    assert server.requests == []


def test_a_lora_names_its_backbone_by_the_hub_and_no_directory(author, server, lora, tiny_backbone):
    code, _, errors = author.run("push", lora, "lab/lora", **TRAINING)
    assert code == 2 and errors.count("\n") == 1, errors
    assert "is a directory of this machine" in errors and "--backbone OWNER/NAME" in errors
    files = {file.name: file.read_bytes() for file in Path(tiny_backbone).iterdir()}
    commit = server.commit("lab/tiny", files)
    code, output, errors = author.run(
        "push", lora, "lab/lora", "--backbone", "lab/tiny", **TRAINING
    )
    assert (code, errors) == (0, ""), errors
    assert f"backbone: lab/tiny@{commit}" in output
    published = server.files("lab/lora")
    config = json.loads(published["config.json"])
    own = json.loads((lora / "config.json").read_text())
    assert own["backbone"]["name"] == tiny_backbone, "what is here stays as it is"
    for named in (config["backbone"]["name"], config["settings"]["backbone"]):
        assert named == f"lab/tiny@{commit}"
    assert config["made"]["recipe"]["backbone"] == f"lab/tiny@{commit}"
    adapter = json.loads(published["adapter_config.json"])
    assert (adapter["base_model_name_or_path"], adapter["revision"]) == ("lab/tiny", commit)
    for name, content in published.items():
        assert tiny_backbone.encode() not in content and b"/tmp" not in content, name


def test_a_backbone_with_other_weights_is_refused(author, server, lora, tiny_backbone_of):
    other = Path(tiny_backbone_of(1))
    server.commit("lab/other", {file.name: file.read_bytes() for file in other.iterdir()})
    code, _, errors = author.run("push", lora, "lab/lora", "--backbone", "lab/other", **TRAINING)
    assert code == 2 and "is not the one that was trained on" in errors
    assert "lab/lora" not in server.repositories
