"""Model directories: where they are, and what their `config.json` says. No tensors here."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from peft_sp.biology.grammar import GRAMMAR_VERSION
from peft_sp.errors import ModelError
from peft_sp.io.output import write_text

FORMAT_VERSION = 1
DEFAULT = "fast"
CONFIG = "config.json"
ONNX = "model.onnx"


def bundled() -> dict[str, Path]:
    """Names and directories of the models inside the package."""
    folder = Path(str(files("peft_sp") / "models"))
    return {p.parent.name: p.parent for p in sorted(folder.glob(f"*/{CONFIG}"))}


def locate(name: str | os.PathLike[str]) -> Path:
    """Directory of a model, by its name or path. Raises ModelError."""
    known = bundled()
    if (key := os.fspath(name)) in known:
        return known[key]
    path = Path(name)
    if (path / CONFIG).is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path}: no trained model is here ({CONFIG} is missing)")
    raise ModelError(f"model '{name}' is neither a directory nor one of: {', '.join(known)}")


def read_config(directory: Path) -> dict[str, Any]:
    """A model's settings, checked for this version of the program. Raises ModelError."""
    file = directory / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        found = config["format"], config["grammar"]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: not a model's settings ({error})") from None
    if found != (FORMAT_VERSION, GRAMMAR_VERSION):
        raise ModelError(
            f"{file}: model format {found[0]} with grammar {found[1]}; this version reads format "
            f"{FORMAT_VERSION} with grammar {GRAMMAR_VERSION}; use the version that made it"
        )
    return dict(config)


def write_config(directory: Path, config: dict[str, Any]) -> None:
    """Write a model's settings, with the versions they are meant for."""
    config = {"format": FORMAT_VERSION, "grammar": GRAMMAR_VERSION, **config}
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(directory / CONFIG, text)


def members(config: dict[str, Any]) -> list[str]:
    """Names of the folders of an ensemble's networks, inside its own; empty for one network.

    Raises ModelError for names that lead elsewhere.
    """
    found = config.get("members", [])
    plain = isinstance(found, list) and all(
        isinstance(name, str) and Path(name).name == name and name not in ("", "..")
        for name in found
    )
    if not plain:
        raise ModelError(f"members are {found!r}; they must be folders inside the model's own")
    return list(found)


def temperature(config: dict[str, Any]) -> float:
    """The temperature that a model's settings give for its type probabilities, 1 without one.

    Raises ModelError for one that is no positive number.
    """
    found = config.get("calibration", {}).get("temperature", 1.0)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if not number or not 0 < found < float("inf"):
        raise ModelError(f"calibration.temperature is {found!r}; it must be a positive number")
    return float(found)
