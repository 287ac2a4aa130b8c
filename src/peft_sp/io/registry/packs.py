"""Models in installed packages: what the entry-point group `peft_sp.models` names.

A pack's entry point gives a model's name and the package whose directory holds it:

[project.entry-points."peft_sp.models"]
esm2-8m = "peft_sp_esm2_8m"

The directory is located without importing the package: none of its code runs.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from peft_sp.errors import ModelError

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

GROUP = "peft_sp.models"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Offer:
    """A model that an installed package (a distribution, with its version) offers.

    directory: where the model is; None where it cannot be located, and `problem` says why.
    """

    name: str
    package: str
    version: str
    directory: Path | None = None
    problem: str = ""


def offers() -> list[Offer]:
    """All models that installed packages offer, by name. A broken package is one of them."""
    # Loaded by those alone that look for packs: the bundled model needs none.
    from importlib.metadata import entry_points

    offered: list[Offer] = []
    try:
        points = list(entry_points(group=GROUP))
    except Exception:
        # One installed package with a damaged list of entry points, perhaps one that has nothing
        # to do with models, is enough; those of the others can still be read one by one.
        points = []
        for dist in _distinct():
            if (own := _points(dist)) is not None:
                points += own
            elif _may_offer(dist):
                package, version = _identity(dist)
                problem = "its entry points cannot be read"
                offered.append(Offer(package, package, version, None, problem))
    offered += [_offer(point, *_identity(point.dist)) for point in points]
    return sorted(offered, key=lambda offer: (offer.name, offer.package))


def _points(dist: Distribution) -> list[EntryPoint] | None:
    try:
        return list(dist.entry_points.select(group=GROUP))
    except Exception:
        return None


def _may_offer(dist: Distribution) -> bool:
    """Whether damaged entry points are those of a pack, as far as they can be read."""
    try:
        return GROUP in (dist.read_text("entry_points.txt") or "")
    except ValueError:  # no UTF-8 text
        return True


def _distinct() -> Iterator[Distribution]:
    """Installed packages; of two of one name the one that Python would import."""
    from importlib.metadata import distributions

    seen = set()
    for dist in distributions():
        name = _identity(dist)[0].lower().replace("_", "-")
        if name not in seen:
            seen.add(name)
            yield dist


def _identity(dist: Distribution | None) -> tuple[str, str]:
    try:
        if dist is not None and dist.name:
            return dist.name, dist.version or "?"
    except Exception:  # metadata that is no metadata raises what it likes
        return "?", "?"
    return "?", "?"


def _offer(point: EntryPoint, package: str, version: str) -> Offer:
    try:
        if not _NAME.fullmatch(point.name):
            raise ModelError("a model's name has letters, digits, '.', '_' and '-' only")
        return Offer(point.name, package, version, directory_of(point.value))
    except ModelError as error:
        return Offer(point.name, package, version, None, str(error))


def directory_of(package: str) -> Path:
    """The directory of an installed package, `a` or `a.b`, which is not imported.

    Raises ModelError.
    """
    top, *inner = package.strip().split(".")
    if not all(part.isidentifier() for part in (top, *inner)):
        raise ModelError(f"its entry point must name a package alone, not '{package}'")
    try:
        spec = importlib.util.find_spec(top)
    except Exception as error:  # finders are other packages' code
        raise ModelError(f"package '{top}' cannot be found ({error})") from None
    if spec is None:
        raise ModelError(f"package '{top}' cannot be found")
    for location in spec.submodule_search_locations or ():
        if (directory := Path(location, *inner)).is_dir():
            return directory
    raise ModelError(f"package '{package}' is not a directory on disk")
