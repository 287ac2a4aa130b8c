"""Models whose bytes were changed, for `fuzz.py --models`: each is refused in one line or predicts.

The first byte of an input says which file it is: `config.json`, `model.onnx` (both then get a
manifest that fits, so that checksums do not end every try) or `SHA256SUMS`. The rest is the file,
or, from 128 on, changes to a whole one: where, in three bytes, and to what, in one.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from pathlib import Path

FILES = ("config.json", "model.onnx", "SHA256SUMS")
LONGEST = 2**18
"""Bytes of an input."""
PROTEINS = [("a", "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"), ("b", "MW")]
DICTIONARY = (
    b'"members": ["a"]',
    b"NaN",
    b"[[[[[[[[",
    b"\xff",
    *(name.encode() for name in ("Loop", "If", "Expand", "Tile", "ConstantOfShape", "Gather")),
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"location",
)


class WrongModelError(AssertionError):
    """Something that must not be."""


class ModelCheck:
    """One model, from its bytes to a prediction; `tally` counts what became of the inputs."""

    def __init__(self, memory: str | None) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory)
        self.directory = Path(self.folder.name, "model")
        self.directory.mkdir()
        self.whole = whole_model(Path(self.folder.name, "whole"))
        self.tally: Counter[str] = Counter()

    def __call__(self, data: bytes) -> None:
        from peft_sp.errors import ModelError
        from peft_sp.inference.loading import load
        from peft_sp.io.registry import lookup
        from peft_sp.io.registry.checksums import write_checksums

        changed = FILES[data[0] % len(FILES)] if data else FILES[0]
        self.tally["inputs"] += 1
        for name, content in self.whole.items():
            own = spoilt(data, content) if name == changed else content
            (self.directory / name).write_bytes(own)
        if changed != "SHA256SUMS":
            write_checksums(self.directory)
        (listed,) = lookup.within(self.folder.name)[:1]
        try:
            predictions = list(load(self.directory, threads=1).predict(PROTEINS))
        except ModelError as error:
            self.tally[f"refused, {changed}"] += 1
            for text in (str(error), listed.problem or "."):
                if len(text.splitlines()) != 1 or len(text) > 1000:
                    raise WrongModelError(f"not one line: {text!r}") from None
            return
        self.tally[f"predicted, {changed}"] += 1
        numbers = [p for prediction in predictions for p in prediction.probabilities.values()]
        if len(predictions) != len(PROTEINS) or not all(map(math.isfinite, numbers)):
            raise WrongModelError(f"no predictions: {predictions!r}")
        if listed.problem:
            raise WrongModelError(f"predicts, but is listed as broken: {listed.problem}")


def spoilt(data: bytes, whole: bytes) -> bytes:
    """The bytes of a file that an input stands for."""
    if not data or data[0] < 128:
        return data[1 : LONGEST + 1]
    content = bytearray(whole)
    for at in range(1, min(len(data), 400) - 3, 4):
        content[int.from_bytes(data[at : at + 3]) % len(content)] = data[at + 3]
    return bytes(content)


def whole_model(folder: Path) -> dict[str, bytes]:
    """The files of a small model that predicts."""
    import torch

    from peft_sp.io.registry.checksums import write_checksums
    from peft_sp.io.registry.model_config import Calibration, ModelConfig
    from peft_sp.network.model import build_model
    from peft_sp.network.onnx.graph import export_onnx
    from peft_sp.network.settings import ModelSettings, StudentSettings

    folder.mkdir()
    torch.manual_seed(0)
    student = StudentSettings(width=16, hidden=8, convolutions=1, kernel=3)
    export_onnx(build_model(ModelSettings(student=student)).eval(), folder / "model.onnx")
    ModelConfig(name="small", calibration=Calibration(1.5), batch_size=2).write(folder)
    write_checksums(folder)
    content = {name: (folder / name).read_bytes() for name in FILES}
    for name in FILES:
        (folder / name).unlink()
    folder.rmdir()
    return content


def seeds(folder: Path, whole: dict[str, bytes]) -> None:
    """Each file as it is, and the settings of the bundled model."""
    from peft_sp.io.registry.lookup import bundled

    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(FILES):
        (folder / f"seed-{name}").write_bytes(bytes([number]) + whole[name])
        for changes in (1, 2, 5):
            edits = bytes(range(changes * 4))
            first = next(n for n in range(128, 256) if n % len(FILES) == number)
            (folder / f"seed-{name}-{changes}").write_bytes(bytes([first]) + edits)
    settings = (bundled()["fast"] / "config.json").read_bytes()
    (folder / "seed-bundled").write_bytes(b"\0" + settings)
