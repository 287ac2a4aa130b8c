"""Models: where they are, with their settings. No tensors here.

A name is looked up in this order, and the first that has it wins: the bundled models; a
directory; the models of installed packs (`packs.py`); the hub (`hub.py`).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b, sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

from peft_sp.errors import ModelError
from peft_sp.io.registry import checksums, graph_check, hub, packs
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.registry.regular import open_regular
from peft_sp.version import __version__

DEFAULT = "fast"
CONFIG = checksums.CONFIG
ONNX = checksums.ONNX


@dataclass(frozen=True)
class Model:
    """An available model, or one that cannot be used, of which `problem` says why.

    source: where it comes from; package and version: the installed package that holds it;
    commit: of a model from the hub; newly_pinned, not_remembered: see `hub.Pin`. config: its
    settings, empty where they cannot be read.
    """

    name: str
    source: Literal["bundled", "pack", "hub", "directory"]
    directory: Path | None
    package: str = ""
    version: str = ""
    commit: str = ""
    newly_pinned: bool = False
    not_remembered: str = ""
    problem: str = ""
    config: ModelConfig = field(default=ModelConfig(), repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def files(self) -> list[str]:
        """Names of the model's files, inside its directory; the card is not one of them.

        Raises ModelError for one that is no regular file or is elsewhere.
        """
        if self.directory is None:
            return []
        return checksums.model_files(self.directory, self.config.members)

    @property
    def size(self) -> int:
        """Bytes of the model's files."""
        return sum((self.directory / name).stat().st_size for name in self.files if self.directory)

    @property
    def is_exported(self) -> bool:
        """Whether it predicts without torch."""
        if self.directory is None:
            return False
        networks = [self.directory / name for name in self.config.members] or [self.directory]
        return all((network / ONNX).is_file() for network in networks)


def bundled() -> dict[str, Path]:
    """Names and directories of the models inside the package."""
    folder = Path(str(files("peft_sp") / "models"))
    return {p.parent.name: p.parent for p in sorted(folder.glob(f"*/{CONFIG}"))}


def locate(name: str | os.PathLike[str] | Model) -> Path:
    """Directory of a model, by its name, directory or hub id. Raises as `find` does."""
    directory = (name if isinstance(name, Model) else find(name)).directory
    assert directory is not None
    return directory


def find(name: str | os.PathLike[str], *, update: bool = False, whole: bool = False) -> Model:
    """The model of a name, a directory, `PACK:NAME` or a hub id, its files checked.

    The files of a model with a manifest (`SHA256SUMS`) must be those that it lists; a model from
    the hub must have one. update: ask the hub again which commit a hub id stands for, and fetch
    damaged files again; whole: fetch also what prediction does not read.
    Raises ModelError where there is no such model, or it was altered; MissingExtraError.
    """
    key = os.fspath(name)
    path = Path(key)
    if update and not hub.is_id(key):
        raise ModelError(f"model '{key}' is not a hub id (owner/name); only those are updated")
    if key in (known := bundled()):
        return Model(
            key, "bundled", known[key], "peft-sp", __version__, config=ModelConfig.read(known[key])
        )
    if not update and _holds(path, CONFIG):
        return _checked(Model(key, "directory", path))
    if hub.is_id(key) and not _holds(path):
        if _holds(path.parent) and "@" not in key and hub.recall(key) is None:
            raise ModelError(f"{key}: no such directory; a model on the hub would be {key}@main")
        return _of_hub(key, update, whole)
    offered = [] if os.sep in key else _offered(packs.offers(), key)
    if len(offered) == 1:
        return _checked(offered[0])
    if offered:
        names = " or ".join(f"{model.package}:{key}" for model in offered)
        raise ModelError(f"model '{key}' is in {len(offered)} packages; choose {names}")
    if _holds(path):
        raise ModelError(f"{path}: no trained model is here ({CONFIG} is missing)")
    raise ModelError(_unknown(key))


def installed() -> list[Model]:
    """The bundled models, those of installed packs, and those fetched from the hub before.

    Nothing is raised for a model that cannot be used: its `problem` says why. Checksums are not
    compared here.
    """
    models = [Model(n, "bundled", d, "peft-sp", __version__) for n, d in bundled().items()]
    offers = packs.offers()
    counts = [offer.name for offer in offers]
    for offer in offers:
        name, full = offer.name, f"{offer.package}:{offer.name}"
        if name in bundled() or counts.count(name) > 1:
            name = full
        models.append(_of_pack(offer, name))
    for pin in hub.remembered():
        models.append(Model(pin.id, "hub", pin.directory, commit=pin.commit))
    return [_described(model) for model in models]


def within(directory: str | os.PathLike[str]) -> list[Model]:
    """The models in the directories inside another one, such as a cross-validation's.

    Raises ModelError for a directory that cannot be read.
    """
    folder = Path(directory)
    try:
        paths = sorted(folder.iterdir()) if _holds(folder) else []
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror})") from None
    models = []
    for path in paths:
        model = Model(str(path), "directory", path)
        try:
            if _holds(path, CONFIG):
                models.append(_described(model))
        except ModelError as error:
            models.append(replace(model, problem=str(error)))
    return models


def most_accurate(candidates: Iterable[Model] | None = None) -> Model:
    """The model with the highest mean MCC2, as their own settings give it, that needs no torch.

    candidates: by default the bundled models and those of installed packs, so that what is
    installed decides alone. Cross-validated figures come before those of one partition: they
    are over all classes, and comparable. Raises ModelError where there is none.
    """
    if candidates is None:
        candidates = [m for m in installed() if m.source in ("bundled", "pack")]
    ranked = []
    for model in candidates:
        accuracy = model.config.accuracy
        if model.problem or not model.is_exported or accuracy is None:
            continue
        if (mean_mcc2 := accuracy.figures.mean_mcc2) is not None:
            ranked.append((accuracy.is_cross_validated, mean_mcc2, model))
    if not ranked:
        raise ModelError("no available model says how accurate it is")
    return max(ranked, key=lambda entry: entry[:2])[2]


def member_configs(directory: Path, config: ModelConfig) -> list[tuple[Path, ModelConfig]]:
    """Directories and settings of an ensemble's networks, which are inside its own directory.

    Raises ModelError for a member that is missing, or an ensemble itself.
    """
    members = [(directory / name, ModelConfig.read(directory / name)) for name in config.members]
    for member, own in members:
        if own.members:
            raise ModelError(f"{member}: is a member of an ensemble and cannot be one itself")
    return members


def fingerprint(directory: Path) -> str:
    """A hash of all that a model predicts with: its files, but not its card. Raises ModelError."""
    total = blake2b(digest_size=8)
    for name in checksums.model_files(directory, ModelConfig.read(directory).members):
        total.update(f"{checksums.digest(directory / name)}  {name}\n".encode())
    return total.hexdigest()


def posterior_inputs(directory: Path, config: ModelConfig) -> Iterator[bytes]:
    """What a model's posterior depends on, to be hashed; a hash of its members comes last.

    Raises ModelError as `member_configs`.
    """
    settings = {
        # What a backbone is, not where it lay.
        "settings": {k: v for k, v in (config.settings or {}).items() if k != "backbone"},
        "backbone": config.backbone and config.backbone.sha256,
        "temperature": config.temperature,
    }
    yield json.dumps(settings, sort_keys=True).encode()
    for name in checksums.model_files(directory):
        if name.endswith((".safetensors", ONNX)):
            with open_regular(directory / name) as content:
                while part := content.read(2**20):
                    yield part
    members = sha256()
    for member in member_configs(directory, config):
        for part in posterior_inputs(*member):
            members.update(part)
    yield members.hexdigest().encode()


def _holds(directory: Path, name: str = "") -> bool:
    """Whether a path is a directory, and has something of a name. Raises ModelError."""
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            return False
        return not name or bool((directory / name).lstat())
    except PermissionError as error:
        raise ModelError(f"{directory}: cannot be read ({error.strerror})") from None
    except (OSError, ValueError):  # no such path, or one that no system could have
        return False


def _of_pack(offer: packs.Offer, name: str) -> Model:
    return Model(name, "pack", offer.directory, offer.package, offer.version, problem=offer.problem)


def _offered(offers: Iterable[packs.Offer], key: str) -> list[Model]:
    """The models that a name, or a pack and a name, may mean."""
    package, _, name = key.rpartition(":")
    return [
        _of_pack(offer, key)
        for offer in offers
        if offer.name == name and package in ("", offer.package)
    ]


def _of_hub(key: str, update: bool, whole: bool) -> Model:
    force = False
    if update:
        known = hub.recall(key)
        force = known is None or bool(_described(_from_pin(known), thorough=True).problem)
    pin = hub.find(key, ModelConfig.read, update=update, force=force, whole=whole)
    model = _checked(_from_pin(pin))
    if pin != hub.recall(key):
        pin = hub.remember(pin)
    return _from_pin(pin, model.config)


def _from_pin(pin: hub.Pin, config: ModelConfig | None = None) -> Model:
    return Model(
        pin.id,
        "hub",
        pin.directory,
        commit=pin.commit,
        newly_pinned=pin.newly_pinned,
        not_remembered=pin.not_remembered,
        config=config or ModelConfig(),
    )


def _checked(model: Model, thorough: bool = True) -> Model:
    """A model with its settings. Raises ModelError where it cannot be used.

    thorough: compare checksums too.
    """
    if model.problem or model.directory is None:
        raise ModelError(
            f"model '{model.name}' of {model.package} {model.version}: {model.problem}"
        )
    config = ModelConfig.read(model.directory)
    checked = replace(model, config=config)
    member_configs(model.directory, config)
    if not any(name.endswith((ONNX, ".safetensors")) for name in checked.files):
        raise ModelError(f"{model.directory}: the network's weights are missing")
    if thorough:
        checksums.verify(model.directory, config.members, remedy=_remedy(model))
    return checked


def _remedy(model: Model) -> str:
    """What the user can do about files that were damaged or altered."""
    if model.source == "hub":
        return hub.remedy(model.name)
    if model.source == "pack":
        return (
            f"install the pack again: pip install --force-reinstall --no-deps {model.package} (or "
            "the folder or the wheel that it came from in place of the name)"
        )
    return f"get the model again, or write a new {checksums.MANIFEST} if the change is yours"


def _described(model: Model, thorough: bool = False) -> Model:
    """A model with its settings, or with its `problem`; its exported networks are checked."""
    if model.problem:
        return model
    try:
        checked = _checked(model, thorough)
        assert checked.directory is not None
        for name in checked.files:
            if name.endswith(ONNX):
                graph_check.require(checked.directory / name)
        return checked
    except ModelError as error:
        return replace(model, problem=str(error))


def _unknown(key: str) -> str:
    """The message for a name that no model has, with the available ones."""
    import difflib

    names = [model.name for model in installed() if not model.problem]
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"model '{key}' is neither a directory nor one of: {', '.join(names)}{hint}"
