"""One worker's share: a shard of a plan is read once, predicted, written, and published whole.

Any number of workers may do any shards, even the same one at a time: the first that is finished
is kept. A worker that is killed leaves a folder whose name begins with `.peft-sp-`, no more.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from peft_sp.biology.organism import parse_choice
from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.errors import ModelError, OutputError
from peft_sp.inference.backends import runtime
from peft_sp.inference.cache import CACHED, WindowCache
from peft_sp.inference.predictor import Predictor
from peft_sp.inference.recorded import Counts
from peft_sp.inference.run_options import Progress
from peft_sp.io.atomic import PARTIAL, publish, staging, sync_directory
from peft_sp.io.cleaning import UnusableRecordError, clean
from peft_sp.io.raw_fasta import located
from peft_sp.io.shards.manifest import ERRORS, Manifest, ReadPart, checksums, read_manifest
from peft_sp.io.shards.parts import PartReader
from peft_sp.io.shards.plan import Plan, Shard
from peft_sp.io.writers import gff3, parquet, tables
from peft_sp.version import __version__


def predict_shard(
    plan: Plan,
    number: int,
    directory: Path,
    predictor: Predictor,
    progress: Progress | None = None,
) -> Manifest:
    """Predict a shard into `directory/shard-NUMBER`, unless it is there already.

    A record that cannot be predicted stands in the shard's `errors.tsv` and stops nothing.
    Raises InputError where a file cannot be read or is no FASTA, ModelError for another model
    than the plan's, OutputError, MissingExtraError, OptionError for a shard that is not in the
    plan; nothing is left then.
    """
    shard = plan.shard(number)
    target = directory / shard.name
    if (done := finished(plan, shard, directory)) is not None:
        return done
    require_model(plan, predictor)
    if "parquet" in plan.predicting.formats:
        parquet.require()
    try:
        with staging(target) as folder:
            manifest = _Work(plan, shard, folder, predictor).run(progress)
            manifest.write(folder)
            publish(folder, target)
            sync_directory(directory)
    except OutputError:
        # Another worker may have been first, and its results even merged.
        if (found := finished(plan, shard, directory)) is None:
            raise
        return found
    return manifest


def require_model(plan: Plan, predictor: Predictor) -> None:
    """Raise ModelError for another model than the plan's."""
    if predictor.fingerprint != plan.predicting.fingerprint:
        raise ModelError(
            f"model '{predictor.name}' is not the one that the plan was made with: its files have "
            "another hash; take that one, or plan anew"
        )


def finished(plan: Plan, shard: Shard, directory: Path) -> Manifest | None:
    """The manifest of a shard that is done, None where it is not.

    Raises OutputError where the folder is that of another plan, or of something else.
    """
    folder = directory / shard.name
    try:
        manifest = read_manifest(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise OutputError(f"{folder}: {error}; remove the folder to have it done anew") from None
    if manifest is None:
        if folder.exists():
            raise OutputError(f"{folder}: is no finished shard; remove it, or give another -o")
        return None
    if (manifest.plan, manifest.shard) != (plan.checksum, shard.number):
        raise OutputError(f"{folder}: is a shard of another plan; give another -o")
    return manifest


def remove_unfinished(directory: Path) -> int:
    """Remove what killed workers left, when no worker is at work; how many folders that were."""
    left = [folder for folder in directory.glob(f"{PARTIAL}*") if folder.is_dir()]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


class _Output(Protocol):
    """What writes the prediction of a record."""

    def write(self, record: int, prediction: Prediction) -> None: ...


class _Text:
    """A writer of text, which has no numbers of records."""

    def __init__(self, own: tables.TableWriter | gff3.Gff3Writer) -> None:
        self._own = own

    def write(self, record: int, prediction: Prediction) -> None:
        self._own.write(prediction)


class _Work:
    """A shard while it is predicted."""

    def __init__(self, plan: Plan, shard: Shard, folder: Path, predictor: Predictor) -> None:
        self.plan, self.shard, self.folder, self.predictor = plan, shard, folder, predictor
        self.readers = [PartReader(part) for part in shard.parts]
        self.of_part = [0] * len(shard.parts)
        self.errors = 0
        self.numbers: deque[int] = deque()

    def run(self, progress: Progress | None) -> Manifest:
        """Predict all, write all files but the manifest."""
        started, counts = time.monotonic(), Counts()
        options = self.plan.predicting
        with ExitStack() as stack:
            outputs = self._outputs(stack)
            for prediction in self.predictor.predict(
                self._proteins(stack),
                parse_choice(options.organism),
                cache=WindowCache(CACHED),
                threshold=options.threshold,
            ):
                counts.add(prediction)
                record = self.numbers.popleft()
                for output in outputs:
                    output.write(record, prediction)
                if progress is not None and record % self.predictor.chunk == 0:
                    progress(record, max(record, self.shard.proteins))
        if progress is not None:
            progress(sum(self.of_part), sum(self.of_part))
        return Manifest(
            plan=self.plan.checksum,
            shard=self.shard.number,
            records=sum(self.of_part),
            results=counts.types.total(),
            errors=self.errors,
            types=dict(counts.types),
            organisms=dict(counts.organisms),
            warnings=counts.warnings,
            parts=tuple(
                ReadPart(r.part.name, r.part.start, r.part.stop, r.bytes, r.checksum, records)
                for r, records in zip(self.readers, self.of_part, strict=True)
            ),
            model=self.predictor.fingerprint,
            version=__version__,
            runtime=f"{runtime(self.predictor.backend)}, numpy {np.__version__}",
            files=checksums(self.folder),
            seconds=round(time.monotonic() - started, 3),
        )

    def _outputs(self, stack: ExitStack) -> list[_Output]:
        outputs: list[_Output] = []
        formats = self.plan.predicting.formats
        if "parquet" in formats:
            outputs.append(stack.enter_context(parquet.ParquetWriter(self.folder / parquet.FILE)))
        for name, file in (("tsv", tables.FILE), ("gff3", gff3.FILE)):
            if name in formats:
                stream = stack.enter_context((self.folder / file).open("w", encoding="utf-8"))
                tool = f"PEFT-SP-{__version__}"
                own = tables.TableWriter(stream) if name == "tsv" else gff3.Gff3Writer(stream, tool)
                outputs.append(_Text(own))
        return outputs

    def _proteins(self, stack: ExitStack) -> Iterator[Protein]:
        """The records that can be predicted; of the others the errors are written."""
        path = self.folder / ERRORS
        errors = stack.enter_context(path.open("w", encoding="utf-8", errors="replace"))
        errors.write("record\tfile\tid\tproblem\n")
        several, number = len(self.plan.inputs) > 1, 0
        for place, reader in enumerate(self.readers):
            name = reader.part.name
            for raw in reader.records():
                number += 1
                self.of_part[place] += 1
                try:
                    protein = clean(raw.header, raw.sequence, raw.line, raw.comments)
                except UnusableRecordError as problem:
                    self.errors += 1
                    found = located(problem, name, raw)
                    cells = (str(number), name, found.record or "", found.problem)
                    errors.write("\t".join(cell.replace("\t", " ") for cell in cells) + "\n")
                    continue
                self.numbers.append(number)
                yield replace(protein, file=name) if several else protein
