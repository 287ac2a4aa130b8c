"""Files of torch.save: read as data, and no more of it than they hold."""

from __future__ import annotations

import zipfile

import pytest
import torch

from peft_sp.errors import ModelError
from peft_sp.network.imports import torch_file
from peft_sp.network.imports.torch_file import read_torch_file, tensors_in


def test_both_formats_of_torch_give_the_same_tensors(tmp_path):
    state = {"a": torch.arange(4.0), "b": torch.ones(2, 3)}
    for old in (True, False):
        file = tmp_path / "state.pt"
        torch.save(state, file, _use_new_zipfile_serialization=not old)
        found = tensors_in(read_torch_file(file), file)
        assert found is not None and list(found) == ["a", "b"]
        assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_a_file_that_unpacks_to_more_is_refused(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pt")
    packed = tmp_path / "packed.pt"
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    assert packed.stat().st_size < 10**5
    with pytest.raises(ModelError, match=r"packed.pt: cannot be read \(it is packed"):
        read_torch_file(packed)


def test_a_long_list_of_tensors_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "LARGEST_PICKLE", 1000)
    torch.save({f"tensor {n}": torch.ones(1) for n in range(50)}, tmp_path / "long.pt")
    with pytest.raises(ModelError, match="its list of tensors is too long"):
        read_torch_file(tmp_path / "long.pt")


@pytest.mark.parametrize("cut", [10, 100, 400, 1000])
def test_a_file_that_is_cut_off_or_altered_is_one_line(cut, tmp_path):
    file = tmp_path / "state.pt"
    torch.save({"a": torch.ones(300)}, file)
    content = file.read_bytes()
    for damaged in (content[:-cut], content[:cut] + bytes(8) + content[cut + 8 :]):
        file.write_bytes(damaged)
        try:
            read_torch_file(file)
        except ModelError as error:
            assert "\n" not in str(error) and str(file) in str(error)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [torch.ones(1)],
        {"a": "b"},
        {1: torch.ones(1)},
        {"a": torch.ones(1).expand(10**6)},
        {"a": torch.ones(2, 2).to_sparse()},
        {"a": torch.ones(1, device="meta")},
    ],
)
def test_what_is_no_table_of_stored_tensors(content, tmp_path):
    file = tmp_path / "state.pt"
    torch.save(content, file)
    assert tensors_in(read_torch_file(file), file) is None
