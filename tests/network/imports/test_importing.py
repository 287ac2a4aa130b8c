"""What becomes of a file is decided by what is in it."""

from __future__ import annotations

import pytest
import torch

from peft_sp.errors import ModelError, OptionError, OutputError
from peft_sp.network.imports.importing import import_file

pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")

from tests.support.published import Published, network, write_backbone


def test_options_without_use_for_a_file_are_refused(tmp_path):
    backbone = write_backbone(tmp_path, network())
    for options in ({"backbone": backbone}, {"alpha": 8.0}):
        with pytest.raises(OptionError, match="holds a backbone alone; leave out"):
            import_file(tmp_path / "esm2_tiny.pt", tmp_path / "out", **options)
    file = Published(adapter=1).save(tmp_path / "model.pt")
    with pytest.raises(OptionError, match="holds no LoRA; leave out --alpha"):
        import_file(file, tmp_path / "out", backbone, alpha=8.0)
    assert not (tmp_path / "out").exists()


def test_networks_of_other_programs_are_refused(tmp_path):
    for content in ({"classifier.weight": torch.ones(2, 2)}, [1, 2], torch.ones(3)):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(ModelError, match="is neither an ESM-2 of the package fair-esm, nor"):
            import_file(tmp_path / "other.pt", tmp_path / "out")


def test_what_is_there_already_stays_and_nothing_is_read(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not an empty directory"):
        import_file(tmp_path / "none.pt", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]
