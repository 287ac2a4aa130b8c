"""Fixtures: real data where it is at hand, tiny real networks elsewhere."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Tiny networks: threads that share them wait for each other. Commands inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Started in the background of a script, this program ignores it, and commands would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import HealthCheck, settings

from peft_sp.io.labelled import LabelledProtein, read_labelled
from tests.support.paths import DATA, ROOT

# No test may fail because the machine is busy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SHARED = "PEFT_SP_SHARED"

# Files of tests that take longest. A worker that began one last would end alone, much later.
LONGEST = (
    "test_resume.py",
    "cli/training/test_train.py",
    "inference/shards/test_driver.py",
    "test_manual.py",
    "cli/test_predict.py",
    "service/test_worker.py",
    "cli/test_serve.py",
    "service/test_supervisor.py",
    "test_notebook.py",
    "cli/training/test_crossval.py",
    "cli/sharing/test_push.py",
    "training/test_recipe.py",
    "cli/test_signalp6.py",
    "training/evaluation/test_figures.py",
    "training/test_export.py",
    "training/distillation/test_teachers.py",
    "training/runs/test_crossval.py",
    "cli/test_shim.py",
    "test_architecture.py",
    "test_privacy.py",
    "cli/test_commands.py",
    "training/fitting/test_trackers.py",
    "cli/test_models.py",
    "training/fitting/test_trainer.py",
    "io/registry/test_hub.py",
    "training/distillation/test_dataset.py",
    "training/search/test_trials.py",
    "io/plotting/summary/test_page.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, in the order above."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}

    def rank(item: pytest.Item) -> int:
        return ranks.get(item.path.relative_to(ROOT / "tests").as_posix(), len(ranks))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """What was imported stays: each collection of garbage would go through all of it again."""
    gc.freeze()


@pytest.fixture(scope="session")
def labelled_file() -> Path:
    return DATA / "labelled_sample.fasta"


@pytest.fixture(scope="session")
def labelled(labelled_file: Path) -> list[LabelledProtein]:
    return read_labelled(labelled_file)


@pytest.fixture(scope="session")
def ecoli() -> Path:
    return ROOT / "examples" / "ecoli_300.faa"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file of two proteins, the first of which has a signal peptide of 21 residues."""
    path = tmp_path / "good.faa"
    path.write_text(
        ">a first\nMKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN\n>b\nMSTNPKPQRKTKRNTNRRPQDVKF\n"
    )
    return path


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it is not installed. A cross-validation's pictures take longer than its models."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The full data sets and the real backbone, which are not part of this repository."""
    folder = os.environ.get(SHARED)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{SHARED} does not name a folder with the full data")
    return Path(folder)


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """A temporary folder in whose name those of sockets have room."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def tiny_backbone_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """Random narrow ESM-2s of any depth on disk, with the real vocabulary."""
    made: dict[int, str] = {}

    def of(depth: int) -> str:
        if depth not in made:
            made[depth] = _tiny_backbone(tmp_path_factory.mktemp("tiny_esm2"), depth)
        return made[depth]

    return of


@pytest.fixture(scope="session")
def tiny_backbone(tiny_backbone_of: Callable[[int], str]) -> str:
    """A random ESM-2 of two layers."""
    return tiny_backbone_of(2)


def _tiny_backbone(folder: Path, depth: int) -> str:
    import torch
    from transformers import EsmConfig, EsmModel, EsmTokenizer

    tokens = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-"]
    (folder / "vocab.txt").write_text("\n".join([*tokens, "<null_1>", "<mask>"]) + "\n")
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(3)
    config = EsmConfig(
        vocab_size=33,
        hidden_size=32,
        num_hidden_layers=depth,
        num_attention_heads=4,
        intermediate_size=64,
        pad_token_id=1,
        mask_token_id=32,
        position_embedding_type="rotary",
        token_dropout=True,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    return str(folder)
