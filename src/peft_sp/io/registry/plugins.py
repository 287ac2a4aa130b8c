"""Tuning methods and heads of other packages, which these offer as entry points.

An entry point is code that the user installed. It is loaded only when a recipe, or a model on
torch, names it and nothing here has that name; an exported model is data, and loads none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Group = Literal["peft_sp.tuning", "peft_sp.heads"]
TUNING: Group = "peft_sp.tuning"
HEADS: Group = "peft_sp.heads"


def is_offered(group: Group, name: str) -> bool:
    """Whether an installed package offers something by that name, which is not loaded."""
    return bool(_points(group, name))


def find(group: Group, name: str) -> Any | None:
    """What an installed package offers by that name, None where none does.

    Raises ValueError where it cannot be loaded, and where several packages have the name.
    """
    found = {point.value: point for point in _points(group, name)}
    if not found:
        return None
    point = next(iter(found.values()))
    if len(found) > 1:
        raise ValueError(f"'{name}' is offered by {' and by '.join(sorted(found))}; uninstall one")
    try:
        return point.load()
    except Exception as error:  # whatever the code of others raises
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"'{name}' of {_source(point)} cannot be loaded ({type(error).__name__}: {reason})"
        ) from None


def _points(group: Group, name: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    try:
        return list(entry_points(group=group, name=name))
    except Exception as error:  # one damaged list of entry points, of any package, is enough
        raise ValueError(
            f"'{name}' cannot be looked for in installed packages ({type(error).__name__}: {error})"
        ) from None


def _source(point: EntryPoint) -> str:
    return f"the package {point.dist.name}" if point.dist is not None else point.value
