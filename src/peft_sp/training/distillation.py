"""Distillation: a student learns what teachers say of windows, labelled or not.

Its windows are the labelled ones, varied copies of them (see `LabelledWindows`), and the first
residues of unlabelled proteins. For each the teachers' posterior over paths is computed once and
kept on disk; the student's loss is the cross-entropy of its own paths with theirs (Hinton et al.
2015; for chains Wang et al. 2020), beside the likelihood of the labels, where there are any.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.errors import OutputError, RecipeError
from peft_sp.inference.backends import Backend
from peft_sp.inference.predictor import load
from peft_sp.io import models
from peft_sp.io.labelled import LabelledProtein, data_hash
from peft_sp.io.output import write_text
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.network.frozen import window_keys
from peft_sp.training.dataset import Batch, LabelledWindows
from peft_sp.training.options import Distillation
from peft_sp.training.pool import Pool, make_pool, wide
from peft_sp.training.recipe import Recipe

BLOCK = 2048
"""Windows that teachers finish together; a run that is stopped goes on behind the last block."""
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Targets:
    """The teachers' posterior for N windows, memory-mapped in float16, one file a part.

    states (N, L, S); moves (N, E): how often each of the grammar's E transitions is taken.
    """

    states: list[NDArray[np.float16]]
    moves: list[NDArray[np.float16]]

    def of(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States (B, L, S) and moves (B, E) of some windows, in float32."""
        ends = np.cumsum([len(part) for part in self.states])
        rows = np.asarray(indices)
        origin = np.searchsorted(ends, rows, side="right")
        found = []
        for parts in (self.states, self.moves):
            values = np.empty((len(rows), *parts[0].shape[1:]), dtype=np.float32)
            for number in np.unique(origin):
                here = origin == number
                values[here] = parts[number][rows[here] - ends[number] + len(parts[number])]
            found.append(torch.from_numpy(values))
        return found[0], found[1]


class DistilledWindows(Dataset[Batch]):
    """A pool with its targets: batches as of `LabelledWindows`, with "states" and "moves".

    varied, fresh: the labelled windows of the pool's first part, of which a share is varied anew
    whenever they are drawn. No teacher was asked of these, so "taught" (B,) is 0 for them and
    1 for all others.
    """

    def __init__(
        self, pool: Pool, targets: Targets, varied: LabelledWindows | None = None, fresh: float = 0
    ) -> None:
        self.pool, self.targets, self.classes = pool, targets, pool.classes
        self.varied, self.fresh = varied, fresh
        self.arrows = torch.from_numpy(np.flatnonzero(grammar().transitions))

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        size = grammar().size
        residues, allowed = self.pool.residues[indices], self.pool.allowed[indices]
        states, arrows = self.targets.of(indices)
        moves = torch.zeros(len(indices), size * size)
        moves[:, self.arrows] = arrows
        taught = torch.ones(len(indices))
        if self.varied is not None and self.fresh:
            labelled = torch.tensor(indices) < self.pool.parts[0]
            anew = torch.nonzero(labelled & (torch.rand(len(indices)) < self.fresh)).squeeze(1)
            if len(anew):
                own = self.varied.__getitems__([indices[row] for row in anew.tolist()])
                residues[anew] = wide(own["residues"], PAD)
                allowed[anew] = wide(own["allowed"], False)
                taught[anew] = 0.0
        longest = int((residues != PAD).sum(1).max())
        return {
            "residues": residues[:, :longest],
            "allowed": allowed[:, :longest],
            "types": self.pool.types[indices],
            "states": states[:, :longest],
            "moves": moves.view(len(indices), size, size),
            "taught": taught,
        }


def distilled_windows(
    recipe: Recipe,
    learned: Sequence[LabelledProtein],
    avoid: Iterable[str],
    folder: str | os.PathLike[str],
    progress: Report | None = None,
) -> DistilledWindows:
    """The student's windows with what its recipe's teachers say of them.

    learned: the labelled proteins to learn from; avoid: windows that are judged or tested.
    folder: where targets are kept, for whoever asks the same teachers of the same windows.
    Raises what `teachers` and `open_input` raise, and OutputError for a folder out of order.
    """
    options = recipe.distillation
    assert options is not None
    asked = teachers(recipe)
    pool = make_pool(recipe, options, learned, set(avoid))
    targets = _targets(asked, options, pool, Path(folder), progress)
    kinds = [kind for part in targets.states for kind in _predicted(part)]
    classes = [
        ("unlabelled", kind) if own is None else own
        for own, kind in zip(pool.classes, kinds, strict=True)
    ]
    fit = recipe.optimisation
    varied = LabelledWindows(learned, fit.truncation, fit.substitution, fit.chimeras)
    return DistilledWindows(replace(pool, classes=classes), targets, varied, options.fresh)


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
        place = models.locate(name)
        made = models.read_config(place).get("made", {})
        learned = made.get("partitions", {}).get("train")
        if kept_apart and (learned is None or made.get("data_sha256") != data_hash(recipe.data)):
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
        config = models.read_config(place)
        kept = {key: config.get(key) for key in ("settings", "backbone")}
        kept["temperature"] = models.temperature(config)
        digest.update(json.dumps(kept, sort_keys=True).encode())
        for file in sorted([*place.glob("*.safetensors"), *place.glob("*.onnx")]):
            digest.update(file.read_bytes())
        digest.update(teachers_hash([place / name for name in models.members(config)]).encode())
    return digest.hexdigest()


def _targets(
    asked: Sequence[Path],
    options: Distillation,
    pool: Pool,
    folder: Path,
    progress: Report | None,
) -> Targets:
    """What the teachers say of a pool, from `folder` or computed; each part is kept on its own."""
    teacher = teachers_hash(asked)[:16]
    backends: list[Backend] = []
    targets = Targets([], [])
    whole, before = len(pool.classes), 0
    for size in pool.parts:
        residues = pool.residues[before : before + size].numpy()
        windows = hashlib.sha256(window_keys(residues).tobytes()).hexdigest()[:16]
        place = folder / f"targets-{teacher}-{windows}"
        place = place.with_name(f"{place.name}-{options.precision}-{options.temperature:g}")
        shapes = {
            "states": (size, WINDOW, grammar().size),
            "moves": (size, int(grammar().transitions.sum())),
        }
        try:
            place.mkdir(parents=True, exist_ok=True)
            done = _done(place)
            mode: Literal["r+", "w+"] = "r+" if done else "w+"
            columns = [
                np.lib.format.open_memmap(place / f"{name}.npy", mode, np.float16, shape)
                for name, shape in shapes.items()
            ]
            if done < size and not backends:
                backends = [
                    load(one, backbone=options.backbone, precision=options.precision).backend
                    for one in asked
                ]
            for start in range(done, size, BLOCK):
                block = residues[start : start + BLOCK]
                answers = _answers(backends, block, options.temperature)
                for column, values in zip(columns, answers, strict=True):
                    column[start : start + len(block)] = values
                    column.flush()
                write_text(place / "done", f"{start + len(block)}\n")
                if progress is not None:
                    progress(before + start + len(block), whole)
            targets.states.append(np.load(place / "states.npy", mmap_mode="r"))
            targets.moves.append(np.load(place / "moves.npy", mmap_mode="r"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{place}: {error}; remove it to ask the teachers anew") from None
        before += size
    return targets


def _done(place: Path) -> int:
    """Windows whose targets are whole."""
    try:
        return int((place / "done").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0


def _answers(
    backends: Sequence[Backend], residues: NDArray[np.uint8], temperature: float
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The mean of the teachers' posteriors: states (N, L, S) and moves (N, E)."""
    rules = grammar()
    arrows = np.flatnonzero(rules.transitions)
    states = np.zeros((len(residues), WINDOW, rules.size))
    moves = np.zeros((len(residues), len(arrows)))
    lengths = (residues != PAD).sum(1)
    order = np.argsort(lengths, kind="stable")
    for backend in backends:
        crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
        scores = backend.scores
        with torch.no_grad():
            for parameter, values in (
                (crf.transitions, scores.transitions),
                (crf.starts, scores.starts),
                (crf.ends, scores.ends),
            ):
                parameter.copy_(torch.tensor(np.asarray(values)))
        for start in range(0, len(order), backend.batch_size):
            rows = order[start : start + backend.batch_size]
            batch = residues[rows, : lengths[rows].max()]
            emissions = torch.from_numpy(backend.emissions(batch))
            mask = torch.from_numpy(batch != PAD)
            said, moved = crf.posterior(emissions, mask, temperature * scores.temperature)
            states[rows, : batch.shape[1]] += said.numpy()
            moves[rows] += moved.flatten(1).numpy()[:, arrows]
    share = len(backends)
    return (states / share).astype(np.float16), (moves / share).astype(np.float16)


def _predicted(states: NDArray[np.float16]) -> list[str]:
    """The most probable type of each window, from the teachers' states (N, L, S)."""
    of_state = grammar().type_of_state
    first = np.asarray(states[:, 0], dtype=np.float32)  # (N, S)
    membership = of_state[:, None] == np.arange(len(TYPES))
    return [TYPES[kind] for kind in (first @ membership).argmax(1)]


def about(recipe: Recipe) -> dict[str, Any]:
    """What a distilled model's settings say of its teachers and unlabelled proteins."""
    assert recipe.distillation is not None
    used = teachers(recipe)
    configs = [models.read_config(place) for place in used]
    return {
        "teachers": [
            {
                "name": config.get("name"),
                "licence": config.get("licence"),
                "partitions": config.get("made", {}).get("partitions", {}).get("train"),
                "sha256": teachers_hash([place]),
            }
            for place, config in zip(used, configs, strict=True)
        ],
        "unlabelled": [
            {"file": Path(file).name, "sha256": data_hash(file)}
            for file in recipe.distillation.unlabelled
        ],
    }


def told(recipe: Recipe) -> str:
    """What a distilled model's card says of its teachers and unlabelled proteins."""
    made = about(recipe)
    lines = [
        "Beside the labels it learned what these models said of the labelled windows, of varied "
        "copies of them, and of unlabelled proteins; it holds none of their weights.",
        "",
    ]
    for teacher in made["teachers"]:
        learned = ", ".join(map(str, teacher["partitions"] or ()))
        lines.append(
            f"- `{teacher['name']}` (licence {teacher['licence']}), which learned from partitions "
            f"{learned or 'unknown'}"
        )
    if made["unlabelled"]:
        files = ", ".join(f"`{entry['file']}`" for entry in made["unlabelled"])
        lines += ["", f"Unlabelled: {files}."]
    return "\n".join(lines)
