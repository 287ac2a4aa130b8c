"""Tensors and plain settings of a file that torch.save wrote; nothing that it names is run.

The file may be anybody's, and many times larger than memory: its tensors stay in it until they
are used (a file of torch's old format, before 1.6, is read whole).
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from peft_sp.errors import ModelError

LARGEST_PICKLE = 2**26
"""Bytes of the part of a file that says what the tensors are called and how large they are."""


def read_torch_file(file: Path) -> Any:
    """The content of a file, tensors unread. Raises ModelError, in one line."""
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    try:
        mapped = zipfile.is_zipfile(file)
        if mapped:
            _require_plain_archive(file)
        with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it would run code, {code[1]}" if code else "no file of torch.save"
        raise ModelError(f"{file}: cannot be read ({reason})") from None
    except ModelError:
        raise
    except Exception as error:  # of a damaged or made-up file the library raises what it likes
        reason = (str(error).strip().splitlines() or ["it is cut off"])[0]
        raise ModelError(f"{file}: cannot be read ({reason})") from None


def tensors_in(content: Any, file: Path) -> dict[str, Tensor] | None:
    """A table of named tensors whose numbers the file holds; None for anything else."""
    if not isinstance(content, Mapping) or not content:
        return None
    size = 0
    for name, tensor in content.items():
        plain = (
            isinstance(name, str)
            and type(tensor) in (Tensor, torch.nn.Parameter)
            and tensor.layout == torch.strided
            and tensor.device.type == "cpu"
        )
        if not plain:
            return None
        size += tensor.numel() * tensor.element_size()
    # Tied matrices stand in it once for two names; a tensor may claim to repeat one number at will.
    return dict(content) if size <= 2 * file.stat().st_size else None


def _require_plain_archive(file: Path) -> None:
    """Refuse what torch.save does not write and what would unpack to more than the file holds."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            packed = entry.compress_type != zipfile.ZIP_STORED
            if packed or entry.file_size > file.stat().st_size:
                raise ModelError(f"{file}: cannot be read (it is packed, as torch.save never does)")
            if entry.filename.endswith(".pkl") and entry.file_size > LARGEST_PICKLE:
                raise ModelError(f"{file}: cannot be read (its list of tensors is too long)")
