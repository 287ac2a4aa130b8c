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
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from peft_sp.biology.alphabet import PAD, encode
from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.errors import OutputError, RecipeError
from peft_sp.inference.backends import Backend
from peft_sp.inference.predictor import load
from peft_sp.io import models
from peft_sp.io.fasta import open_input
from peft_sp.io.labelled import LabelledProtein, data_hash
from peft_sp.io.output import write_text
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.network.frozen import window_keys
from peft_sp.training.dataset import BalancedSampler, Batch, LabelledWindows
from peft_sp.training.options import Distillation
from peft_sp.training.recipe import Recipe

BLOCK = 2048
"""Windows that teachers finish together; a run that is stopped goes on behind the last block."""
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Pool:
    """Windows for a student. `allowed` (N, L, S): from labels, or everything without any."""

    residues: Tensor
    allowed: Tensor
    types: Tensor
    classes: list[Hashable]


@dataclass(frozen=True)
class Targets:
    """The teachers' posterior for N windows, memory-mapped in float16.

    states (N, L, S); moves (N, E): how often each of the grammar's E transitions is taken.
    """

    states: NDArray[np.float16]
    moves: NDArray[np.float16]


class DistilledWindows(Dataset[Batch]):
    """A pool with its targets: batches as of `LabelledWindows`, with "states" and "moves"."""

    def __init__(self, pool: Pool, targets: Targets) -> None:
        self.pool, self.targets, self.classes = pool, targets, pool.classes
        self.arrows = torch.from_numpy(np.flatnonzero(grammar().transitions))

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        residues = self.pool.residues[indices]
        longest = int((residues != PAD).sum(1).max())
        size = grammar().size
        moves = torch.zeros(len(indices), size * size)
        moves[:, self.arrows] = torch.from_numpy(self.targets.moves[indices]).float()
        return {
            "residues": residues[:, :longest],
            "allowed": self.pool.allowed[indices, :longest],
            "types": self.pool.types[indices],
            "states": torch.from_numpy(self.targets.states[indices, :longest]).float(),
            "moves": moves.view(len(indices), size, size),
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
    pool = _pool(recipe, options, learned, set(avoid))
    targets = _targets(asked, options, pool.residues.numpy(), Path(folder), progress)
    unlabelled = [("unlabelled", kind) for kind in _predicted(targets, pool)]
    known = [c is None for c in pool.classes]
    classes = [u if k else c for u, k, c in zip(unlabelled, known, pool.classes, strict=True)]
    return DistilledWindows(Pool(pool.residues, pool.allowed, pool.types, classes), targets)


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


def _pool(
    recipe: Recipe,
    options: Distillation,
    learned: Sequence[LabelledProtein],
    avoid: set[str],
) -> Pool:
    """All windows: labelled ones, then varied copies, then unlabelled ones, each once."""
    plain = LabelledWindows(learned)
    residues, allowed, types = [plain.residues], [plain.allowed], [plain.types]
    classes: list[Hashable] = list(plain.classes)
    fit = recipe.optimisation
    if options.copies:
        varied = LabelledWindows(learned, fit.truncation, fit.substitution, fit.chimeras)
        sampler = BalancedSampler(varied.classes, fit.balance, recipe.seed, fit.rare)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            for number in range(options.copies):
                sampler.set_epoch(-1 - number)  # not the draws of any epoch of the training
                drawn = list(sampler)
                for start in range(0, len(drawn), 64):
                    rows = drawn[start : start + 64]
                    batch = varied[rows[0]] if len(rows) == 1 else varied.__getitems__(rows)
                    residues.append(_wide(batch["residues"], PAD))
                    allowed.append(_wide(batch["allowed"], False))
                    types.append(batch["types"])
                    classes += [varied.classes[row] for row in rows]
    more = _unlabelled(options.unlabelled, avoid | {p.sequence for p in learned})
    if more:
        codes = torch.from_numpy(encode(more, WINDOW))
        residues.append(codes)
        allowed.append(torch.ones(len(more), WINDOW, grammar().size, dtype=torch.bool))
        types.append(torch.zeros(len(more), dtype=torch.long))  # no region term: NO_SP has none
        classes += [None] * len(more)
    return Pool(torch.cat(residues), torch.cat(allowed), torch.cat(types), classes)


def _wide(columns: Tensor, filling: int | bool) -> Tensor:
    """Columns (B, L, ...) -> (B, WINDOW, ...)."""
    full = columns.new_full((len(columns), WINDOW, *columns.shape[2:]), filling)
    full[:, : columns.shape[1]] = columns
    return full


def _unlabelled(files: Sequence[str], avoid: set[str]) -> list[str]:
    """Distinct windows of FASTA files, in their order, without those in `avoid`."""
    if not files:
        return []
    with open_input(files) as source:
        source.survey(skip_invalid=True)
        windows = dict.fromkeys(p.window for p in source.proteins())
    return [window for window in windows if window not in avoid]


def _targets(
    asked: Sequence[Path],
    options: Distillation,
    residues: NDArray[np.uint8],
    folder: Path,
    progress: Report | None,
) -> Targets:
    """What the teachers say of windows (N, L), from `folder` or computed."""
    windows = hashlib.sha256(window_keys(residues).tobytes()).hexdigest()
    place = folder / f"targets-{teachers_hash(asked)[:16]}-{windows[:16]}"
    place = place.with_name(f"{place.name}-{options.precision}-{options.temperature:g}")
    shapes = {
        "states": (len(residues), WINDOW, grammar().size),
        "moves": (len(residues), int(grammar().transitions.sum())),
    }
    try:
        place.mkdir(parents=True, exist_ok=True)
        done = _done(place)
        columns = {
            name: np.lib.format.open_memmap(
                place / f"{name}.npy", mode="r+" if done else "w+", dtype=np.float16, shape=shape
            )
            for name, shape in shapes.items()
        }
        if done < len(residues):
            backends = [
                load(one, backbone=options.backbone, precision=options.precision).backend
                for one in asked
            ]
            for start in range(done, len(residues), BLOCK):
                block = residues[start : start + BLOCK]
                states, moves = _answers(backends, block, options.temperature)
                columns["states"][start : start + len(block)] = states
                columns["moves"][start : start + len(block)] = moves
                for column in columns.values():
                    column.flush()
                write_text(place / "done", f"{start + len(block)}\n")
                if progress is not None:
                    progress(start + len(block), len(residues))
        return Targets(*(np.load(place / f"{name}.npy", mmap_mode="r") for name in shapes))
    except (OSError, ValueError) as error:
        raise OutputError(f"{place}: {error}; remove it to ask the teachers anew") from None


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


def _predicted(targets: Targets, pool: Pool) -> list[str]:
    """The most probable type of each window, by the teachers."""
    of_state = grammar().type_of_state
    first = np.asarray(targets.states[:, 0], dtype=np.float32)  # (N, S)
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
