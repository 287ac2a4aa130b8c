"""Who teaches a student: only models that never saw what it is judged or tested on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from peft_sp.errors import RecipeError
from peft_sp.io.labelled import data_hash
from peft_sp.io.registry import lookup
from peft_sp.io.registry.model_config import (
    DistillationSources,
    ModelConfig,
    SourceFile,
    Teacher,
)
from peft_sp.training.recipe import Recipe


def teachers(recipe: Recipe) -> list[Path]:
    """Directories of a recipe's teachers that never saw what its student is judged or tested on.

    Of these, the ones that learned from the same partitions as the student, where there are any:
    so the students of a cross-validation and the one trained on everything are made alike. Raises
    RecipeError where none is honest, or where it can't be told, ModelError for what is no model.
    """
    assert recipe.distillation is not None
    parts, problems = recipe.partitions, []
    found: dict[Path, set[int]] = {}
    kept_apart = {n for n in (parts.validation, parts.test) if n is not None}
    for name in recipe.distillation.teachers:
        place = lookup.locate(name)
        made = ModelConfig.read(place).made
        learned = made.partitions.train
        if kept_apart and (learned is None or made.data_sha256 != data_hash(recipe.data)):
            problems.append(
                f"teacher {name} learned from other data than {Path(recipe.data).name}, so that "
                "it can't be told what it has seen of the validation and test partitions"
            )
        elif not kept_apart & set(learned or ()):
            found[place] = set(learned or ())
    if not found and not problems:
        apart = " and ".join(map(str, sorted(kept_apart)))
        problems.append(f"each of the teachers learned from partition {apart}; one must not have")
    if problems:
        raise RecipeError(recipe.name, problems)
    alike = [place for place, learned in found.items() if learned == set(parts.train)]
    return alike or list(found)


def teachers_hash(places: Sequence[Path]) -> str:
    """What the teachers' answers depend on: their tensors, networks, settings, temperatures."""
    digest = hashlib.sha256()
    for place in places:
        config = ModelConfig.read(place)
        kept = {
            "settings": config.settings,
            "backbone": config.backbone and config.backbone.to_json(),
            "temperature": config.temperature,
        }
        digest.update(json.dumps(kept, sort_keys=True).encode())
        for file in sorted([*place.glob("*.safetensors"), *place.glob("*.onnx")]):
            digest.update(file.read_bytes())
        members = [member for member, _ in lookup.member_configs(place, config)]
        digest.update(teachers_hash(members).encode())
    return digest.hexdigest()


def about(recipe: Recipe) -> DistillationSources:
    """What a distilled model's settings say of its teachers and unlabelled proteins."""
    assert recipe.distillation is not None
    used = teachers(recipe)
    configs = [ModelConfig.read(place) for place in used]
    return DistillationSources(
        teachers=tuple(
            Teacher(
                config.name or None,
                config.licence or None,
                config.made.partitions.train,
                teachers_hash([place]),
            )
            for place, config in zip(used, configs, strict=True)
        ),
        unlabelled=tuple(
            SourceFile(Path(file).name, data_hash(file)) for file in recipe.distillation.unlabelled
        ),
    )


def told(recipe: Recipe) -> str:
    """What a distilled model's card says of its teachers and unlabelled proteins."""
    made = about(recipe)
    lines = [
        "Beside the labels it learned what these models said of the labelled windows, of varied "
        "copies of them, and of unlabelled proteins; it holds none of their weights.",
        "",
    ]
    for teacher in made.teachers:
        learned = ", ".join(map(str, teacher.partitions or ()))
        lines.append(
            f"- `{teacher.name}` (licence {teacher.licence}), which learned from partitions "
            f"{learned or 'unknown'}"
        )
    if made.unlabelled:
        files = ", ".join(f"`{entry.file}`" for entry in made.unlabelled)
        lines += ["", f"Unlabelled: {files}."]
    return "\n".join(lines)
