"""A file of another program, made into a directory by what is in it: a backbone or a model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peft_sp.errors import ModelError, OptionError, OutputError
from peft_sp.io.atomic import publish, staging
from peft_sp.io.registry.model_config import Imported, ModelConfig, Parameters
from peft_sp.network.backbone_files import CONFIG
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.network.encoders import family_of
from peft_sp.network.encoders.quantization import count_parameters
from peft_sp.network.imports.encoder import import_encoder
from peft_sp.network.imports.fairesm import import_backbone
from peft_sp.network.imports.published import PublishedModel, is_published, read_published
from peft_sp.network.imports.torch_file import read_torch_file, tensors_in
from peft_sp.network.tuning import Tuning
from peft_sp.version import __version__
from peft_sp.wording import counted

ALPHA = 8.0
"""Of LoRA in the published runs."""
PROGRAM = "PEFT-SP (Zeng et al. 2024)"
CITATION = (
    "Zeng S, Wang D, Jiang L, Xu D (2024) Parameter-efficient fine-tuning on large protein "
    "language models improves signal peptide prediction. Genome Research 34:1445-1454"
)


_NAMES = {
    "lora": "LoRA",
    "adapter": "adapters",
    "prompt": "prompts",
    "frozen": "a frozen backbone",
    "full": "a fully tuned backbone",
}


@dataclass(frozen=True)
class Written:
    """What was imported, and what the directory is good for, one line each."""

    what: str
    use: str


def import_file(
    file: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    backbone: str | None = None,
    alpha: float | None = None,
) -> Written:
    """Write what is in a file of torch.save as a directory of this program, whole or not at all.

    A backbone, of fair-esm or of transformers with its settings beside it, becomes a directory of
    transformers, a state of the published PEFT-SP a
    model on `backbone` (a name, hub id or directory). alpha: of its LoRA, `ALPHA` by default.
    Nothing in the file is run. Raises ModelError for any other file, OptionError for options
    that the file has no use for, OutputError where the directory holds something already or
    cannot be written.
    """
    path, target = Path(file), Path(directory)
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target}: is not an empty directory; give another one")
    content = read_torch_file(path)
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        if backbone is not None or alpha is not None:
            raise OptionError(f"{path} holds a backbone alone; leave out --backbone and --alpha")
        config = import_backbone(path, content, target)
        return Written(
            f"ESM-2 of {config.num_hidden_layers} layers, {config.hidden_size} wide, "
            f"{config.num_attention_heads} heads",
            f"train on it with --set backbone={directory}",
        )
    state = tensors_in(content, path)
    if state is not None and not is_published(state) and (path.parent / CONFIG).is_file():
        if backbone is not None or alpha is not None:
            raise OptionError(f"{path} holds a backbone alone; leave out --backbone and --alpha")
        config = import_encoder(path, state, target)
        return Written(
            f"{family_of(config).title} of {config.num_hidden_layers} layers, "
            f"{config.hidden_size} wide",
            f"train on it with --set backbone={directory}",
        )
    if state is None or not is_published(state):
        raise ModelError(
            f"{path}: is neither an ESM-2 of the package fair-esm, nor a state of the published "
            f"PEFT-SP, nor a backbone with its {CONFIG} beside it; networks of other programs "
            "cannot be imported"
        )
    found = read_published(path, state, backbone, ALPHA if alpha is None else alpha)
    if alpha is not None and not found.has_lora:
        raise OptionError(f"{path} holds no LoRA; leave out --alpha")
    _write(path, target, found)
    return Written(
        f"{_described(found.settings.tuning)} on {Path(str(found.settings.backbone)).name}",
        f"predict with --model {directory}",
    )


def _write(file: Path, target: Path, found: PublishedModel) -> None:
    model, settings = found.model, found.settings
    fitted = sum(p.numel() for group in model.parameter_groups() for p in group)
    with open(file, "rb") as source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    method = _described(settings.tuning)
    config = ModelConfig(
        name=target.name,
        description=f"{method} of the published PEFT-SP on {Path(str(settings.backbone)).name}",
        origin=PROGRAM,
        citation=(CITATION,),
        parameters=Parameters(fitted, count_parameters(model)),
        imported=Imported(PROGRAM, file.name, sha256, __version__),
    )
    card = "\n".join(
        [
            f"# {target.name}\n",
            f"{config.description}: imported from `{file.name}` (SHA-256 {sha256}). Its figures, "
            "its training data and its licence are those of its authors, and are not known here. "
            "Probabilities are not calibrated.\n",
            f"Cite: {CITATION}.",
        ]
    )
    with staging(target, "choose another with -o") as folder:
        save_checkpoint(folder, model, settings, config, card + "\n")
        publish(folder, target)


def _described(tuning: Tuning | None) -> str:
    """A method with the size that it has, such as "LoRA of rank 8 in 25 layers"."""
    parts = getattr(tuning, "parts", {"": tuning})
    return " and ".join(
        _NAMES[str(getattr(own, "method", ""))]
        + (f" of rank {own.rank}" if hasattr(own, "rank") else "")
        + (f" of {own.length} vectors ({own.position})" if hasattr(own, "length") else "")
        + (
            f" in {counted(own.layers, 'layer')}"
            if isinstance(getattr(own, "layers", None), int)
            else ""
        )
        for own in parts.values()
    )
