"""How a large input is cut into shards, and how all of them are to be predicted: one JSON file.

A plan is made from the sizes of files and a look at their beginnings, so that it costs nothing and
is the same each time. It names everything that decides the predictions: each of its shards may be
predicted on another machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from xopen import xopen

from peft_sp.errors import InputError, OptionError
from peft_sp.io.atomic import publish, staging
from peft_sp.io.formats import HEAD, compression_of, other_format
from peft_sp.io.registry.strict_json import FieldError, JsonError, read_json
from peft_sp.io.shards import FORMATS, PROTEINS
from peft_sp.io.shards.addresses import expanded, is_address, open_binary, size
from peft_sp.io.shards.parts import Part

_FORMAT = 1
"""Of the file; a plan of another one is refused."""
_LOOK = 1 << 20
"""Bytes at the beginning of a file that tell how long its records are."""
_FEW = 30.0
"""Bytes of a record at least, of which a look at few records may make out less."""


@dataclass(frozen=True)
class Shard:
    """The input of one worker; proteins: about how many."""

    number: int
    parts: tuple[Part, ...]
    proteins: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"shard-{self.number:06d}"


@dataclass(frozen=True)
class Predicting:
    """What decides the predictions and the files of every shard.

    model: a name, directory or hub id; fingerprint: of the model's files when the plan was made.
    """

    model: str
    fingerprint: str
    organism: str
    threshold: float | None = None
    formats: tuple[str, ...] = ("parquet",)


@dataclass(frozen=True)
class Plan:
    """Shards that hold each record of the inputs once; uncut, empty: see `make_plan`."""

    predicting: Predicting
    shards: tuple[Shard, ...]
    uncut: tuple[str, ...] = field(default=(), compare=False)
    empty: tuple[str, ...] = field(default=(), compare=False)

    @property
    def proteins(self) -> int:
        """About how many there are."""
        return sum(shard.proteins for shard in self.shards)

    @cached_property
    def inputs(self) -> tuple[Part, ...]:
        """The files, each as one part."""
        parts = (part for shard in self.shards for part in shard.parts)
        return tuple(dict.fromkeys(replace(part, start=0, stop=part.size) for part in parts))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the plan, by which a shard's results name it."""
        return sha256(self.text().encode()).hexdigest()

    def text(self) -> str:
        """The plan as its file has it."""
        number = {part.file: n for n, part in enumerate(self.inputs)}
        content = {
            "format": _FORMAT,
            "predicting": asdict(self.predicting),
            "inputs": [[part.name, part.file, part.size] for part in self.inputs],
            "shards": [
                [shard.proteins, *([number[p.file], p.start, p.stop] for p in shard.parts)]
                for shard in self.shards
            ],
        }
        return json.dumps(content, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the file, which appears whole. Raises OutputError."""
        with staging(path) as folder:
            file = folder / path.name
            file.write_text(self.text(), encoding="utf-8")
            publish(file, path)

    def shard(self, number: int) -> Shard:
        """Raises OptionError for a number that the plan does not have."""
        if not 1 <= number <= len(self.shards):
            raise OptionError(f"the plan has shards 1 to {len(self.shards):,}, not {number:,}")
        return self.shards[number - 1]


def make_plan(sources: Sequence[str], predicting: Predicting, proteins: int = PROTEINS) -> Plan:
    """Cut files, folders and addresses into shards of about so many proteins.

    Small files share a shard, in the order of the sources. A compressed file cannot be cut;
    `uncut` names those of twice as many proteins and more. Files without any record, such as
    those of genomes without genes, are left out; `empty` names them. Raises InputError for what
    cannot be read or is plainly no FASTA, and where all files are empty, and OptionError.
    """
    if proteins < 1:
        raise OptionError(f"a shard has one protein at least, not {proteins}")
    if unknown := [name for name in predicting.formats if name not in FORMATS]:
        raise OptionError(f"formats are {', '.join(FORMATS)}, not '{unknown[0]}'")
    files = expanded(sources)
    shards: list[Shard] = []
    parts: list[Part] = []
    uncut: list[str] = []
    empty: list[str] = []
    held = 0.0

    def end() -> None:
        nonlocal parts, held
        if parts:
            shards.append(Shard(len(shards) + 1, tuple(parts), max(1, round(held))))
        parts, held = [], 0.0

    for file in files:
        own = Path(file).absolute().as_posix() if not is_address(file) else file
        look = _look(own, file)
        if look.count == 0:
            empty.append(file)
            continue
        if look.count > 2 * proteins and not look.cut:
            uncut.append(file)
        for part, count in _cut(Part(own, file, look.size, 0, look.size), look, proteins):
            # A file may go a little over: two halves cost more than one large shard.
            if parts and held + count > 1.25 * proteins:
                end()
            parts.append(part)
            held += count
    end()
    if not shards:
        raise InputError("the file has no records; give protein FASTA", path=empty[0])
    return Plan(predicting, tuple(shards), tuple(uncut), tuple(empty))


@dataclass(frozen=True)
class _Look:
    """What the beginning of a file tells: its size, about how many records, whether it is cut.

    Records: 0 where there is nothing in it.
    """

    size: int
    count: float
    cut: bool


def _look(path: str, name: str) -> _Look:
    total = size(path)
    with open_binary(path, _LOOK) as file:
        head = file.read(min(_LOOK, total))
        compression = compression_of(head[:HEAD])
        share = 1.0
        if compression:
            file.seek(0)
            with xopen(file, "rb", threads=0, format=compression) as unpacked:
                try:
                    head = unpacked.read(_LOOK)
                except (OSError, EOFError, ValueError) as error:
                    raise InputError(f"is damaged ({error})", path=name) from None
            share = 4.0  # of text to compressed text, about
    if problem := other_format(head[:HEAD]):
        raise InputError(problem, path=name)
    lines = (line.strip()[:1] for line in head.split(b"\n"))
    if len(head) < _LOOK and all(first in (b"", b"#", b";") for first in lines):
        return _Look(total, 0, False)
    records = head.count(b"\n>") + head.startswith(b">")
    each = max(_FEW, len(head) / max(1, records))
    cut = compression is None and b"\n" in head and b"\x00" not in head
    return _Look(total, total * share / each, cut)


def _cut(file: Part, look: _Look, proteins: int) -> Iterator[tuple[Part, float]]:
    """Parts of a file that have about so many proteins each, and about how many they have."""
    number = max(1, round(look.count / proteins)) if look.cut else 1
    edges = [look.size * n // number for n in range(number + 1)]
    for start, stop in pairwise(edges):
        yield replace(file, start=start, stop=stop), look.count / number


def read_plan(path: Path) -> Plan:
    """Raises InputError for a file that is no plan of this version."""
    try:
        return _plan(read_json(path, LARGEST_PLAN))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=str(path)) from None
    except (JsonError, FieldError, ValueError, TypeError, LookupError) as error:
        raise InputError(f"no plan of 'peft-sp shards plan' ({error})", path=str(path)) from None


def plan_of(text: str) -> Plan:
    """The plan that `Plan.text` gave."""
    return _plan(json.loads(text))


def _plan(content: Any) -> Plan:
    if content["format"] != _FORMAT:
        raise ValueError("it is of another version of this program; plan anew")
    if not content["shards"]:
        raise ValueError("it has no shards")
    files = [_file(*one) for one in content["inputs"]]
    shards = tuple(
        Shard(number, tuple(_part(files, *part) for part in parts), _whole(count))
        for number, (count, *parts) in enumerate(content["shards"], 1)
    )
    return Plan(_predicting(**content["predicting"]), shards)


LARGEST_PLAN = 1 << 28
"""Bytes of a plan that is read: 100,000 shards of ten parts take 100 MB."""


def _predicting(
    model: Any, fingerprint: Any, organism: Any, threshold: Any, formats: Any
) -> Predicting:
    if not all(isinstance(text, str) for text in (model, fingerprint, organism)):
        raise TypeError("model, fingerprint and organism are texts")
    if threshold is not None and (
        not isinstance(threshold, int | float) or isinstance(threshold, bool)
    ):
        raise TypeError("the threshold is a number")
    if not formats or not set(formats) <= set(FORMATS):
        raise ValueError(f"formats are some of {', '.join(FORMATS)}")
    return Predicting(model, fingerprint, organism, threshold, tuple(formats))


def _file(name: Any, file: Any, size: Any) -> Part:
    if not isinstance(name, str) or not isinstance(file, str):
        raise TypeError("an input is a name, a file and its size")
    return Part(file, name, _whole(size), 0, _whole(size))


def _part(files: Sequence[Part], number: Any, start: Any, stop: Any) -> Part:
    return replace(files[_whole(number)], start=_whole(start), stop=_whole(stop))


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is no number of bytes or proteins")
    return value
