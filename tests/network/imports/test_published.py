"""The published PEFT-SP's files: an imported model computes what is computed from their tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import grammar, state
from peft_sp.errors import ModelError
from peft_sp.inference.backends import TorchBackend
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.network.imports.importing import import_file

pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")

from tests.support.published import ALPHA, DEPTH, WIDTH, Published, network, write_backbone

WINDOWS = ["MKKTAIAIAVALAGFATVAQAAPKDNTW", "MKRXBZUOWL" * 7, "MKT"]
CASES = {
    "lora": Published(lora=2),
    "lora, old names": Published(lora=3, peft="old"),
    "adapter": Published(adapter=2),
    "first prompt": Published(prompts=(0,)),
    "prompts everywhere": Published(prompts=(0, 1, 2), mlp=True),
    "topmost prompts": Published(prompts=(1, 2)),
    "last prompt": Published(prompts=(2,), mlp=True),
    "frozen": Published(),
    "full": Published(seed=4),
    "all": Published(lora=3, adapter=1, prompts=(0, 1, 2)),
}
METHODS = {
    "lora": "lora",
    "lora, old names": "lora",
    "adapter": "adapter",
    "frozen": "frozen",
    "full": "full",
    "all": "combined",
}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("fairesm"), network())


@pytest.mark.parametrize("name", CASES)
def test_an_imported_model_computes_what_its_tensors_say(name, backbone, tmp_path):
    published = CASES[name]
    file = published.save(tmp_path / "model.pt")
    import_file(file, tmp_path / "model", backbone)
    found = TorchBackend(load_checkpoint(tmp_path / "model")).emissions(encode(WINDOWS))
    for row, window in enumerate(WINDOWS):
        expected = published.emissions(window).numpy()
        np.testing.assert_allclose(found[row, : len(window)], expected, atol=1e-5, rtol=1e-5)
    settings = ModelConfig.read(tmp_path / "model").settings
    assert settings["tuning"]["method"] == METHODS.get(name, "prompt")
    assert settings["head"]["frozen"] == ("lora" in name or name == "all")


def test_what_is_written_is_small_names_its_source_and_backbone_and_is_no_pickle(
    backbone, tmp_path
):
    file = Published(lora=2).save(tmp_path / "model.pt")
    written = import_file(file, tmp_path / "out" / "mine", backbone, alpha=16)
    assert written.what == "LoRA of rank 4 in 2 layers on backbone"
    names = {path.name for path in (tmp_path / "out" / "mine").iterdir()}
    files = {"adapter_model.safetensors", "adapter_config.json", "head.safetensors"}
    assert names == {*files, "config.json", "README.md"}
    config = ModelConfig.read(tmp_path / "out" / "mine")
    assert config.settings["tuning"]["alpha"] == 16 and config.settings["tuning"]["layers"] == 2
    assert config.name == "mine" and config.backbone.name == backbone
    assert config.imported.file == "model.pt" and len(config.imported.sha256) == 64
    assert "model.pt" in (tmp_path / "out" / "mine" / "README.md").read_text()
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "mine"]


def test_the_crf_is_the_one_that_was_trained(backbone, tmp_path):
    """What training forbade and this program allows keeps its penalty; the rest is as it is."""
    published = CASES["adapter"]
    import_file(published.save(tmp_path / "model.pt"), tmp_path / "model", backbone)
    crf, rules = load_checkpoint(tmp_path / "model").crf, grammar()
    given = published.state["crf.transitions"]
    new = {(33, 34), (33, 35)}
    assert {(state("PILIN", "H"), state("PILIN", n)) for n in "IM"} == new
    for pair in np.argwhere(rules.transitions).tolist():
        expected = -20.0 if tuple(pair) in new else float(given[tuple(pair)])
        assert float(crf.transitions[tuple(pair)].detach()) == expected
    starts = np.flatnonzero(rules.starts)
    assert torch.equal(crf.starts[starts], published.state["crf.start_transitions"][starts])
    ends = np.flatnonzero(rules.ends)
    given = published.state["crf.end_transitions"][ends].tolist()
    expected = [-20.0 if e in (6, 7, 8) else x for e, x in zip(ends, given, strict=True)]
    assert crf.ends[ends].tolist() == expected


def test_a_backbone_that_was_kept_in_half_precision_is_still_the_same(backbone, tmp_path):
    published = Published(lora=1)
    halves = {n: t.half() for n, t in published.state.items() if "model_seq" in n}
    import_file(published.save(tmp_path / "model.pt", **halves), tmp_path / "model", backbone)
    assert (tmp_path / "model" / "config.json").exists()


EMISSIONS = "base_model.model.outputs_to_emissions.weight"
LAST = "base_model.model.model_seq.esm2.layers.2.self_attn"
FC1 = "base_model.model.model_seq.esm2.layers.1.fc1.weight"
A, B = f"{LAST}.q_proj.lora_A.default.weight", f"{LAST}.q_proj.lora_B.default.weight"
NAN = torch.full((37, WIDTH), float("nan"))
WRONG = {
    "no head": ({EMISSIONS: None}, "'outputs_to_emissions.weight' is missing"),
    "other states": ({EMISSIONS: torch.ones(38, WIDTH)}, r"has shape \(38, 40\), not \(37, 40\)"),
    "not numbers": ({EMISSIONS: NAN}, "holds NaN or infinite weights"),
    "an unknown tensor": ({"base_model.model.kingdom.weight": torch.ones(4)}, "is not known"),
    "an unknown tensor of the encoder": ({f"{LAST}.gate.weight": torch.ones(4)}, "is not known"),
    "another prefix": ({"crf.weight": torch.ones(4)}, "does not begin with base_model"),
    "one rank in one layer and another in the next": (
        {A: torch.ones(6, WIDTH), B: torch.ones(WIDTH, 6)},
        r"lora_A.default.weight has shape \(6, 40\), not \(4, 40\)",
    ),
    "a rank of its own in one factor": ({B: torch.ones(WIDTH, 5)}, r"not \(40, 4\)"),
    "a factor less": ({A: None}, "lora_A.default.weight is missing"),
    "no rank": ({n: t for n, t in Published(lora=1).state.items() if "lora" in n and
                 not n.startswith(LAST)} | {f"{LAST}.k_proj.lora_A.default.weight":
                                            torch.tensor(1.0)}, "a number in place of a matrix"),
    "a backbone's tensor less": ({FC1: None}, "of its backbone is missing or of another shape"),
    "another backbone": ({FC1: torch.ones(160, WIDTH)}, "its backbone is not '.*': their weights"),
    "integers": ({EMISSIONS: torch.ones(37, WIDTH, dtype=torch.int64)}, "no floating-point"),
    "one number many times": ({EMISSIONS: torch.ones(1).expand(10**9)}, "is neither an ESM-2"),
    "a sparse tensor": ({EMISSIONS: torch.ones(37, WIDTH).to_sparse()}, "is neither an ESM-2"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_one_line_and_leave_nothing(name, backbone, tmp_path):
    changes, problem = WRONG[name]
    file = Published(lora=1).save(tmp_path / "model.pt", **changes)
    with pytest.raises(ModelError, match=problem) as caught:
        import_file(file, tmp_path / "model", backbone)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)
    assert list(tmp_path.iterdir()) == [file]


def test_lora_that_is_not_in_the_last_layers_is_refused(backbone, tmp_path):
    published = Published(lora=2)
    last = {n: None for n in published.state if f"layers.{DEPTH - 1}" in n and "lora" in n}
    file = published.save(tmp_path / "model.pt", **last)
    with pytest.raises(ModelError, match="LoRA in other layers than the last 1 of 3"):
        import_file(file, tmp_path / "model", backbone)


def test_the_backbone_is_asked_for_and_one_of_another_size_refused(
    tiny_backbone, backbone, tmp_path
):
    file = Published(lora=2).save(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"adapts an ESM-2 of 3 layers and width 40; name that"):
        import_file(file, tmp_path / "model")
    with pytest.raises(ModelError, match=r"3 layers and width 40; '.*' has 2 layers and width 32"):
        import_file(file, tmp_path / "model", tiny_backbone)
    assert ALPHA == 8.0
