"""How far an unfinished run got: a small file that is replaced whole, and checked when read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from peft_sp.errors import OutputError
from peft_sp.io.atomic import replace_file
from peft_sp.io.registry.regular import read_regular
from peft_sp.wording import counted

FORMAT = 4
_MOST = 1 << 30


class NotContinuedError(OutputError):
    """An unfinished run that cannot be continued.

    problem: why not; loss: what is lost where it is discarded.
    """

    def __init__(self, problem: str, remedy: str, loss: str = "") -> None:
        self.problem, self.loss = problem, loss or "the unfinished run there is discarded"
        super().__init__(f"{problem}; {remedy}")


@dataclass(frozen=True)
class Journal:
    """A moment of a run that it can be resumed from.

    identity: what must be the same for that, by name, in words for people; done: proteins whose
    output stands in the files; files: bytes of each file that count, by name; state: what else
    the run must know, as JSON; whole: nothing is left to do but to move the files.
    """

    identity: Mapping[str, str]
    done: int
    files: Mapping[str, int]
    state: Mapping[str, Any]
    whole: bool = False

    def write(self, path: Path) -> None:
        """Replace the journal; after a power cut either this one or the one before is there.

        Raises OSError.
        """
        content = {
            "format": FORMAT,
            "identity": dict(self.identity),
            "done": self.done,
            "files": dict(self.files),
            "state": dict(self.state),
            "whole": self.whole,
        }
        text = json.dumps(content, separators=(",", ":")).encode()
        replace_file(path, _digest(text) + b"\n" + text + b"\n", durable=True)

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """The journal, None where there is none. Raises NotContinuedError for a damaged one."""
        try:
            digest, _, text = read_regular(path, _MOST, links=False).partition(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise OutputError(f"{path}: cannot be read ({error.strerror})") from None
        text = text.removesuffix(b"\n")
        if digest != _digest(text):
            raise damaged(path)
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise damaged(path) from None
        if not isinstance(content, dict) or "format" not in content:
            raise damaged(path)
        if content.pop("format") != FORMAT:
            raise NotContinuedError(
                f"{path}: of another version of this program",
                f"continue with that one, or remove {path.parent} to start anew",
            )
        kinds = {"identity": dict, "done": int, "files": dict, "state": dict, "whole": bool}
        if {name: type(value) for name, value in content.items()} != kinds:
            raise damaged(path)
        found = cls(**content)
        numbers = [found.done, *found.files.values()]
        if any(type(number) is not int or number < 0 for number in numbers):
            raise damaged(path)
        return found

    def compare(self, identity: Mapping[str, str], directory: Path) -> None:
        """Raise NotContinuedError where a run of this identity would be another one."""
        for name in {**self.identity, **identity}:
            then, now = self.identity.get(name, "none"), identity.get(name, "none")
            if then != now:
                raise NotContinuedError(
                    f"{directory.parent}: the unfinished run there has another {name} (there "
                    f"{then}, now {now})",
                    f"give what it was started with, or remove {directory} to start anew",
                    f"its {counted(self.done, 'protein is', 'proteins are')} discarded",
                )


def numbers_like(own: Any, value: Any) -> Any:
    """A number, or numbers by name, that a journal holds in place of `own`.

    Raises ValueError for what cannot have been counted.
    """
    if isinstance(value, dict) is not isinstance(own, Counter):
        raise ValueError("other counts")
    numbers = value.values() if isinstance(value, dict) else [value]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("no counts")
    return type(own)(value)


def damaged(path: Path) -> NotContinuedError:
    """The error for an unfinished run whose files are not what its journal says."""
    remedy = f"remove {path.parent} and start anew without --resume"
    return NotContinuedError(f"{path}: damaged", remedy)


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).hexdigest().encode()
