"""Whether the shards of a plan hold each record once, and their results as one table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from peft_sp.errors import InputError, OutputError
from peft_sp.inference.shards.work import finished
from peft_sp.io.atomic import staging
from peft_sp.io.shards.manifest import ERRORS, Manifest, checksums
from peft_sp.io.shards.parts import Part, PartReader
from peft_sp.io.shards.plan import Plan, Shard
from peft_sp.io.writers import gff3, parquet, tables

Told = Callable[[int, int], None]
"""Called with the shards done and all of them."""


@dataclass(frozen=True)
class Status:
    """How far a plan is.

    done: manifests of finished shards, by number; missing: numbers of the others; problems: what is
    in the way, by number.
    """

    plan: Plan
    done: dict[int, Manifest]
    missing: list[int]
    problems: dict[int, str]

    @property
    def counts(self) -> Counter[str]:
        """Records, results, errors and warnings so far."""
        total: Counter[str] = Counter()
        for one in self.done.values():
            total.update(
                *[{"records": one.records, "results": one.results}],
                errors=one.errors,
                warnings=one.warnings,
            )
        return total

    @property
    def types(self) -> Counter[str]:
        """Results so far by type."""
        total: Counter[str] = Counter()
        for one in self.done.values():
            total.update(one.types)
        return total


def status(plan: Plan, directory: Path) -> Status:
    """Look at the manifests in a directory of results; reads no results."""
    found = Status(plan, {}, [], {})
    for shard in plan.shards:
        try:
            manifest = finished(plan, shard, directory)
        except OutputError as error:
            found.problems[shard.number] = str(error)
            continue
        if manifest is None:
            found.missing.append(shard.number)
        else:
            found.done[shard.number] = manifest
    return found


def verify(
    plan: Plan, directory: Path, inputs: bool = False, told: Told | None = None
) -> list[str]:
    """Every way in which the results are not whole; an empty list is the proof that they are.

    The shards tile the files of the plan. Of each: its files have the checksums of its manifest;
    the numbers of its results and of its errors are those from 1 to its records, each once.
    inputs: read the input too, and count its records anew.
    """
    problems = [f"{part.name}: {gap}" for part, gap in _gaps(plan)]
    found = status(plan, directory)
    problems += found.problems.values()
    for done, shard in enumerate(plan.shards):
        if told is not None:
            told(done, len(plan.shards))
        folder = directory / shard.name
        if (manifest := found.done.get(shard.number)) is not None:
            own = [*_wrong_files(folder, manifest), *_wrong_records(folder, manifest, plan)]
            if inputs and not own:
                own += _wrong_input(shard, manifest)
            problems += [f"{folder}: {problem}" for problem in own]
        elif shard.number not in found.problems:
            problems.append(f"{folder}: is missing")
    return problems


def _gaps(plan: Plan) -> Iterator[tuple[Part, str]]:
    """Files that the parts do not cover once, in order."""
    own: defaultdict[str, list[Part]] = defaultdict(list)
    for shard in plan.shards:
        for part in shard.parts:
            own[part.file].append(part)
    for whole in plan.inputs:
        position = 0
        for part in own[whole.file]:
            if part.start != position:
                yield whole, f"the plan has a gap or an overlap at byte {position:,}"
            position = part.stop
        if position != whole.size:
            yield whole, f"the plan ends at byte {position:,} of {whole.size:,}"


def _wrong_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    try:
        found = checksums(folder)
    except OSError as error:
        yield f"cannot be read ({error.strerror})"
        return
    for name, expected in manifest.files.items():
        if name not in found:
            yield f"{name} is missing"
        elif found[name] != tuple(expected):
            yield f"{name} is not what the worker wrote"
    for name in found.keys() - manifest.files.keys():
        yield f"{name} is not of this shard"


def _wrong_records(folder: Path, manifest: Manifest, plan: Plan) -> Iterator[str]:
    """The numbers of results and errors against those of the records."""
    if manifest.records != sum(part.records for part in manifest.parts):
        yield "its parts have other numbers of records than it has"
    try:
        with (folder / ERRORS).open(encoding="utf-8") as file:
            next(file)
            failed = [int(line.split("\t", 1)[0]) for line in file]
        if "parquet" in plan.predicting.formats:
            arrow = parquet.require()
            column = arrow.parquet.read_table(folder / parquet.FILE, columns=[parquet.RECORD])
            given = column.column(0).to_pylist()
            if sorted([*given, *failed]) != list(range(1, manifest.records + 1)):
                yield "not every record has one result or one error"
        if "tsv" in plan.predicting.formats:
            with (folder / tables.FILE).open("rb") as lines:
                if sum(1 for _ in lines) - 1 != manifest.results:
                    yield f"{tables.FILE} has another number of results"
    except (OSError, ValueError, StopIteration) as error:
        yield f"cannot be read ({error})"
        return
    if len(failed) != manifest.errors or manifest.results + len(failed) != manifest.records:
        yield "its counts of records, results and errors do not add up"


def _wrong_input(shard: Shard, manifest: Manifest) -> Iterator[str]:
    for part, before in zip(shard.parts, manifest.parts, strict=True):
        reader = PartReader(part)
        try:
            count = sum(1 for _ in reader.records())
        except InputError as error:
            yield str(error)
            continue
        if (count, reader.checksum) != (before.records, before.checksum):
            yield f"{part.name} is not what was predicted"


def merge(plan: Plan, directory: Path, target: Path, told: Told | None = None) -> int:
    """All results in one file, in the order of the input; returns their number.

    target: its ending tells the format: `.parquet`, `.tsv` or `.gff3`, one that the shards have;
    a `.tsv` is made of Parquet too. Raises OutputError where a shard is not done or damaged, where
    `target` exists or has another ending, and in GFF3 for two proteins of one name.
    """
    kind = target.suffix.removeprefix(".")
    have = plan.predicting.formats
    if kind not in have and not (kind == "tsv" and "parquet" in have):
        raise OutputError(f"{target}: the shards have {', '.join(have)}; name a file that ends so")
    if target.exists():
        raise OutputError(f"{target}: is there already; remove it, or name another")
    found = status(plan, directory)
    if found.problems:
        raise OutputError(next(iter(found.problems.values())))
    if found.missing:
        some = ", ".join(map(str, found.missing[:10]))
        raise OutputError(
            f"{directory}: {len(found.missing):,} of {len(plan.shards):,} shards are not done "
            f"({some}{' ...' if len(found.missing) > 10 else ''})"
        )
    folders = [(directory / shard.name, found.done[shard.number]) for shard in plan.shards]
    with staging(target) as staged:
        file = staged / target.name
        write = _WRITE[kind if kind in have else "parquet as tsv"]
        write(_told(folders, told), file)
        file.replace(target)
    return sum(manifest.results for _, manifest in folders)


Folders = Iterator[tuple[Path, Manifest]]


def _told(folders: list[tuple[Path, Manifest]], told: Told | None) -> Folders:
    for done, (folder, manifest) in enumerate(folders):
        if told is not None:
            told(done, len(folders))
        for problem in _wrong_files(folder, manifest):
            raise OutputError(f"{folder}: {problem}; remove the folder to have it done anew")
        yield folder, manifest


def _groups(folders: Folders) -> Iterator[Any]:
    """The groups of rows of all shards, of which one is in memory."""
    arrow = parquet.require()
    for folder, _ in folders:
        with arrow.parquet.ParquetFile(folder / parquet.FILE) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)


def _merge_parquet(folders: Folders, path: Path) -> None:
    arrow = parquet.require()
    with arrow.parquet.ParquetWriter(path, parquet.schema(arrow), compression="zstd") as out:
        for table in _groups(folders):
            out.write_table(table)


def _parquet_as_tsv(folders: Folders, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        tables.TableWriter(out)  # the head
        for table in _groups(folders):
            columns = [table.column(field.name).to_pylist() for field in tables.FIELDS]
            texts = [
                [tables.cell(field, value) for value in column]
                for field, column in zip(tables.FIELDS, columns, strict=True)
            ]
            out.writelines("\t".join(row) + "\n" for row in zip(*texts, strict=True))


def _merge_tsv(folders: Folders, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        for number, (folder, _) in enumerate(folders):
            with (folder / tables.FILE).open(encoding="utf-8") as file:
                head = next(file)
                if number == 0:
                    out.write(head)
                out.writelines(file)


def _merge_gff3(folders: Folders, path: Path) -> None:
    names: set[int] = set()
    with path.open("w", encoding="utf-8") as out:
        for number, (folder, _) in enumerate(folders):
            with (folder / gff3.FILE).open(encoding="utf-8") as file:
                head = next(file)
                if number == 0:
                    out.write(head)
                _copy_features(file, out, names)


def _copy_features(file: TextIO, out: TextIO, names: set[int]) -> None:
    for line in file:
        if line.startswith("##sequence-region "):
            name = line.split(" ", 2)[1]
            if hash(name) in names:
                raise OutputError(
                    f"two proteins are called '{name}', which GFF3 cannot hold; merge the table"
                )
            names.add(hash(name))
        out.write(line)


_WRITE: dict[str, Callable[[Folders, Path], None]] = {
    "parquet": _merge_parquet,
    "parquet as tsv": _parquet_as_tsv,
    "tsv": _merge_tsv,
    "gff3": _merge_gff3,
}
