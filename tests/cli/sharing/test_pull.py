"""Models that come from the hub into a directory: there and back, and in plain `peft`."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
pytest.importorskip("huggingface_hub", reason="needs the extra hub")
TRAINING = {"kind": "training"}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_there_and_back_predicts_the_same(author, reader, server, student):
    assert author.run("push", student, "lab/sp", "--licence", "MIT")[0] == 0
    commit = server.repositories["lab/sp"].commits[-1][0]
    code, output, errors = reader.run("pull", "lab/sp")
    assert code == 0 and f"lab/sp is commit {commit}, from now on" in errors
    assert output.startswith("written to sp/, 0.")
    pulled = reader.home / "sp"
    files = {k: v for k, v in server.files("lab/sp").items() if k != ".gitattributes"}
    assert contents(pulled) == files
    code, table, errors = reader.predict(pulled, HF_HUB_OFFLINE="1")
    assert (code, errors) == (0, "")
    assert table == author.predict(student)[1] and table.count("\n") == 2
    assert "checksums match SHA256SUMS" in reader.run("models", pulled)[1]


def test_a_revision_is_pulled_and_a_directory_that_holds_something_is_refused(
    author, reader, server, student
):
    assert author.run("push", student, "lab/sp", "--licence", "MIT")[0] == 0
    first = server.repositories["lab/sp"].commits[-1][0]
    assert author.run("push", student, "lab/sp", "--licence", "CC0-1.0")[0] == 0
    code, _, errors = reader.run("pull", f"lab/sp@{first}", "-o", "first")
    assert (code, errors) == (0, "")
    assert reader.run("pull", "lab/sp", "-o", "last")[0] == 0
    licences = [(reader.home / name / "config.json").read_text() for name in ("first", "last")]
    assert ['"licence": "MIT"' in text for text in licences] == [True, False]
    code, _, errors = reader.run("pull", "lab/sp", "-o", "last")
    assert code == 2 and "holds README.md" in errors and errors.count("\n") == 1
    third = server.repositories["lab/sp"].add(server.files("lab/sp", first))
    assert reader.run("pull", "lab/sp", "-o", "as-before")[2].count(third) == 0
    assert third in reader.run("pull", "lab/sp", "--update", "-o", "newest")[2]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("lab/none", "no such model on the hub"),
        ("fast", "is no model on the hub, OWNER/NAME"),
        ("lab/sp@v9", "the hub has no such revision"),
    ],
)
def test_what_cannot_be_pulled_is_one_line_and_leaves_nothing(reader, server, name, problem):
    server.commit("lab/sp", {"config.json": b"{}"})
    code, output, errors = reader.run("pull", name, "-o", "out")
    assert (code, output, errors.count("\n")) == (2, "", 1) and problem in errors
    assert not [path for path in reader.home.iterdir() if path.name != "hf"]


def test_a_pulled_lora_predicts_the_same_and_is_read_by_plain_peft(
    author, reader, server, lora, tiny_backbone
):
    import torch
    from peft import PeftModel
    from transformers import EsmModel

    from peft_sp.network.checkpoint import load_checkpoint

    backbone = {file.name: file.read_bytes() for file in Path(tiny_backbone).iterdir()}
    named = f"lab/tiny@{server.commit('lab/tiny', backbone)}"
    more = ("--backbone", named)
    assert author.run("push", lora, "lab/lora", *more, **TRAINING)[0] == 0
    code, output, errors = reader.run("pull", "lab/lora", "-o", "lora")
    assert code == 0 and f"its backbone is {named}" in output, errors
    pulled = reader.home / "lora"
    code, table, errors = reader.predict(pulled, *more, **TRAINING)
    assert code == 0, errors
    assert table == author.predict(lora, **TRAINING)[1] and table.count("\n") == 2
    plain = EsmModel.from_pretrained(tiny_backbone, add_pooling_layer=False)
    tuned = PeftModel.from_pretrained(plain, str(pulled)).eval()
    ours = load_checkpoint(pulled, tiny_backbone).encoder.encoder
    tokens = {"input_ids": torch.tensor([[0, 20, 15, 5, 2]])}
    with torch.no_grad():
        states = tuned(**tokens).last_hidden_state
        torch.testing.assert_close(states, ours(**tokens).last_hidden_state)
        tuned.disable_adapter_layers()
        assert not torch.allclose(states, tuned(**tokens).last_hidden_state, atol=1e-3)
