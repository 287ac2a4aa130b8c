from types import SimpleNamespace

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.errors import OutputError
from peft_sp.network.activation_cache import cached_activations, window_keys
from peft_sp.network.backbone import Backbone, load_encoder
from peft_sp.network.backbone_files import token_ids
from peft_sp.network.model import build_model
from peft_sp.network.settings import ModelSettings
from peft_sp.network.tuning import Adapter, Frozen, Prompt

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRXBZUOW" * 7, "MSTN", "A" * 70, "MSTNA"]


@pytest.fixture
def backbone(tiny_backbone):
    encoder = load_encoder(tiny_backbone).requires_grad_(False)
    return Backbone(encoder, token_ids(tiny_backbone))


@pytest.fixture
def windows():
    return encode(SEQUENCES, 70)


@pytest.mark.parametrize("depth", [1, 2])
def test_cached_layers_give_what_running_them_gives(backbone, windows, tmp_path, depth):
    cache = cached_activations(backbone, "f" * 64, windows, depth, tmp_path)
    assert len(cache.keys) == len(SEQUENCES) - 1  # identical windows once
    batch = torch.from_numpy(windows[[3, 1, 0, 4]][:, :63])
    with torch.no_grad():
        exact = backbone(batch)
        states = cache.look_up(batch)
        assert states.shape == (4, 65, 32)
        backbone.activation_cache = cache
        fed = backbone(batch)
    inside = batch != 25
    assert not torch.equal(fed, exact)  # bfloat16: it was used
    torch.testing.assert_close(fed[inside], exact[inside], atol=0.05, rtol=0.05)


@pytest.mark.parametrize("method", [Frozen(), Adapter(layers=1), Prompt(position="last")])
def test_a_backbone_in_bfloat16_takes_them_as_its_own(tiny_backbone, windows, tmp_path, method):
    settings = ModelSettings(backbone=tiny_backbone, tuning=method, backbone_precision="bfloat16")
    model = build_model(settings).eval()
    depth = model.encoder.untouched
    assert depth == (2 if method == Frozen() else 1)
    batch = torch.from_numpy(windows[:4])
    with torch.no_grad():
        exact = model(batch).emissions
        model.encoder.activation_cache = cached_activations(
            model.encoder, "f" * 64, windows, depth, tmp_path
        )
        fed = model(batch).emissions
    inside = batch != 25
    torch.testing.assert_close(fed[inside], exact[inside], atol=0.1, rtol=0.1)
    # Those of a backbone in float32 are others.
    assert [p.parent.name.split("-")[1] for p in tmp_path.rglob("*.npy")] == ["bfloat16"]


def test_padding_of_a_batch_does_not_matter(backbone, windows, tmp_path):
    backbone.activation_cache = cached_activations(backbone, "f" * 64, windows, 1, tmp_path)
    with torch.no_grad():
        alone = backbone(torch.from_numpy(windows[1:2, :4]))
        among = backbone(torch.from_numpy(windows[:4, :63]))[1:2, :4]
    torch.testing.assert_close(alone, among)


def test_windows_that_are_not_cached_are_computed(backbone, windows, tmp_path):
    cache = cached_activations(backbone, "f" * 64, windows[:2], 1, tmp_path)
    batch = torch.from_numpy(windows[1:3])
    assert cache.look_up(batch) is None
    with torch.no_grad():
        exact = backbone(batch)
        backbone.activation_cache = cache
        assert torch.equal(backbone(batch), exact)


def test_they_are_computed_one_time(backbone, windows, tmp_path, monkeypatch):
    log = []
    cached_activations(backbone, "f" * 64, windows, 1, tmp_path, progress=lambda *a: log.append(a))
    assert log == [(6, 6)]
    again = cached_activations(
        backbone, "f" * 64, windows[::-1], 1, tmp_path, progress=lambda *a: log.append(a)
    )
    assert len(log) == 1 and isinstance(again.values, np.memmap)
    # Other weights, other windows or another layer are another matter.
    for fingerprint, count, depth in (("a" * 64, 7, 1), ("f" * 64, 3, 1), ("f" * 64, 7, 2)):
        cached_activations(
            backbone,
            fingerprint,
            windows[:count],
            depth,
            tmp_path,
            progress=lambda *a: log.append(a),
        )
    assert len(log) == 4
    assert not list(tmp_path.rglob("*.part"))


def test_a_computation_that_breaks_leaves_nothing(backbone, windows, tmp_path, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_activations(backbone, "f" * 64, windows, 1, tmp_path, progress=broken)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_directory_that_cannot_be_written(backbone, windows, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        cached_activations(backbone, "f" * 64, windows, 1, tmp_path / "file" / "below")


def test_keys_tell_windows_apart():
    # "A" has the code 0, which a bytes string would drop at its end.
    keys = window_keys(encode(["M", "MA", "MAA", "M" * 69 + "A", "M" * 69], 70))
    assert len(set(keys.tolist())) == 5
    assert window_keys(encode(["MA"], 2))[0] == keys[1]


def test_a_disk_too_small_and_a_file_that_is_half(backbone, windows, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match=r"are free; --activation-cache DIR keeps it elsewhere"):
        cached_activations(backbone, "f" * 64, windows, 1, tmp_path)
    monkeypatch.undo()
    cached_activations(backbone, "f" * 64, windows, 1, tmp_path)
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(OutputError, match="cannot be read"):
        cached_activations(backbone, "f" * 64, windows, 1, tmp_path)
