"""Backbones of fair-esm: its own network computes the same as what is imported from its file."""

from __future__ import annotations

import os
import pickle
from argparse import Namespace

import pytest
import torch
from transformers import EsmTokenizer

from peft_sp.biology.alphabet import encode
from peft_sp.errors import ModelError, OutputError
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.imports.fairesm import VOCABULARY
from peft_sp.network.imports.importing import import_file

SETTINGS = Namespace(
    encoder_layers=3, encoder_embed_dim=40, encoder_attention_heads=5, token_dropout=True
)


def names_of_fairesm() -> dict[str, tuple[int, ...]]:
    """Tensors of a narrow ESM-2 as fair-esm 2.0 stores it."""
    width, shapes = 40, {"encoder.sentence_encoder.embed_tokens.weight": (33, 40)}
    for layer in range(3):
        front = f"encoder.sentence_encoder.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{front}self_attn.{name}.weight"] = (width, width)
            shapes[f"{front}self_attn.{name}.bias"] = (width,)
        shapes[f"{front}self_attn.rot_emb.inv_freq"] = (4,)
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{front}{name}.weight": (width,), f"{front}{name}.bias": (width,)}
        shapes |= {f"{front}fc1.weight": (160, width), f"{front}fc1.bias": (160,)}
        shapes |= {f"{front}fc2.weight": (width, 160), f"{front}fc2.bias": (width,)}
    for name in ("weight", "bias"):
        shapes[f"encoder.sentence_encoder.emb_layer_norm_after.{name}"] = (width,)
        shapes[f"encoder.lm_head.layer_norm.{name}"] = (width,)
        shapes[f"encoder.lm_head.dense.{name}"] = (width, width) if name == "weight" else (width,)
    return {**shapes, "encoder.lm_head.weight": (33, 40), "encoder.lm_head.bias": (33,)}


@pytest.fixture
def state():
    torch.manual_seed(5)
    return {name: torch.randn(shape) / 6 for name, shape in names_of_fairesm().items()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def save(path, state, settings=SETTINGS):
    torch.save({"cfg": {"model": settings}, "model": state}, path)
    return path


def test_it_computes_what_fairesm_computes(tmp_path):
    esm = pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")
    torch.manual_seed(7)
    network = esm.ESM2(num_layers=3, embed_dim=40, attention_heads=5).eval()
    assert list(VOCABULARY) == network.alphabet.all_toks
    front = {
        name if name.startswith(("lm_head", "contact_head")) else f"sentence_encoder.{name}": tensor
        for name, tensor in network.state_dict().items()
    }
    state = {f"encoder.{name}": t for name, t in front.items() if "contact" not in name}
    assert {n: tuple(t.shape) for n, t in state.items()} == names_of_fairesm()
    import_file(save(tmp_path / "esm2_tiny.pt", state), tmp_path / "tiny")
    name = str(tmp_path / "tiny")
    backbone = Backbone(load_encoder(name), token_ids(name)).eval()
    windows = ["MKKTAIAIAVALAGFATVAQAAPKDNTW", "MKT", "MSTNPKPQRKXZ"]
    _, _, tokens = network.alphabet.get_batch_converter()([(w, w) for w in windows])
    with torch.no_grad():
        expected = network(tokens, repr_layers=[3])["representations"][3]
        found = backbone(torch.from_numpy(encode(windows)))
    for row, window in enumerate(windows):
        own = slice(1, len(window) + 1)
        torch.testing.assert_close(
            found[row, : len(window)], expected[row, own], atol=2e-5, rtol=1e-4
        )


def test_a_directory_that_a_recipe_can_name(state, tmp_path):
    written = import_file(save(tmp_path / "esm2.pt", state), tmp_path / "out" / "tiny")
    assert written.what == "ESM-2 of 3 layers, 40 wide, 5 heads"
    name = str(tmp_path / "out" / "tiny")
    encoder = load_encoder(name)
    key = "encoder.sentence_encoder.layers.2.self_attn.v_proj.weight"
    torch.testing.assert_close(encoder.encoder.layer[2].attention.self.value.weight, state[key])
    assert token_ids(name)["L"] == 4
    assert EsmTokenizer.from_pretrained(name).get_vocab() == {
        t: i for i, t in enumerate(VOCABULARY)
    }
    assert names(tmp_path / "out") == ["tiny"]


def test_without_its_tables_the_heads_come_from_the_settings(state, tmp_path):
    short = {name: t for name, t in state.items() if "rot_emb" not in name}
    assert "5 heads" in import_file(save(tmp_path / "a.pt", short), tmp_path / "a").what
    with pytest.raises(ModelError, match="is no ESM-2"):
        import_file(save(tmp_path / "b.pt", short, None), tmp_path / "b")


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def test_nothing_in_the_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Trap()}, "trap.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "old.pt"):
        with pytest.raises(
            ModelError, match=rf"{name}: cannot be read \((it would run code|no file)"
        ) as caught:
            import_file(name, "out")
        assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["old.pt", "trap.pt"]


def test_what_is_no_backbone_is_refused(state, tmp_path):
    embedding = "encoder.sentence_encoder.embed_tokens.weight"
    last = "encoder.sentence_encoder.layers.2.fc2.weight"
    cases = {
        "another program's network": (
            {**state, "crf.transitions": torch.ones(37, 37)},
            "is no ESM",
        ),
        "not all layers": ({k: t for k, t in state.items() if k != last}, "not a whole ESM-2"),
        "a layer of another width": ({**state, last: torch.ones(41, 160)}, "not a whole ESM-2"),
        "other tokens": ({**state, embedding: torch.ones(20, 40)}, "has 20 tokens"),
        "no tensors": ({"a": "b"}, "is no ESM-2"),
        "nothing": ({}, "is no ESM-2"),
    }
    for content, problem in cases.values():
        with pytest.raises(ModelError, match=problem):
            import_file(save(tmp_path / "file.pt", content), tmp_path / "out")
    (tmp_path / "file.pt").write_bytes(b"PK\x03\x04 cut off")
    for file in ("file.pt", "none.pt"):
        with pytest.raises(ModelError, match=file):
            import_file(tmp_path / file, tmp_path / "out")
    assert names(tmp_path) == ["file.pt"]


def test_what_is_there_already_stays(state, tmp_path):
    file = save(tmp_path / "esm2.pt", state)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not an empty directory"):
        import_file(file, tmp_path / "out")
    assert names(tmp_path / "out") == ["notes.txt"]
