"""docs/architecture.md: each change that it describes is made in a copy of the package.

The programs of the copy then run.
"""

from __future__ import annotations

import pytest

from tests.support.commands import rows
from tests.support.package_copy import Copy
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path / "copy")


GAINS = '''
"""Trained gains of the norms (Zhao et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from peft_sp.network.tuning.method import LastLayersMethod

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class Gains(LastLayersMethod):
    """The gains of the norms in the last N layers are trained."""

    method: Literal["gains"] = "gains"

    def apply(self, backbone: Backbone) -> None:
        """Unfreeze the gains."""
        for number in self.numbers(backbone.depth):
            for name, parameter in backbone.layers[number].named_parameters():
                parameter.requires_grad_(name.endswith("LayerNorm.weight"))
'''


@pytest.mark.integration
def test_a_tuning_method_is_a_file_and_a_line(copy, tiny_backbone, labelled_file, tmp_path):
    copy.add("network/tuning/gains.py", GAINS)
    copy.edit(
        "network/tuning/__init__.py",
        (
            "from peft_sp.network.tuning.ia3",
            "from peft_sp.network.tuning.gains import Gains\nfrom peft_sp.network.tuning.ia3",
        ),
        ("Tuning = LoRA | ", "Tuning = Gains | LoRA | "),
    )
    recipe = tmp_path / "gains.toml"
    recipe.write_text(
        f'name = "gains"\ndata = "{labelled_file}"\nbackbone = "{tiny_backbone}"\n'
        '[tuning]\nmethod = "gains"\nlayers = 1\n[optimisation]\nepochs = 0.1\n'
    )
    code = f"""
import sys
from pathlib import Path
import numpy as np
import torch
from peft_sp.biology.alphabet import encode
from peft_sp.inference.loading import load
from peft_sp.network.checkpoint import load_checkpoint
from peft_sp.training.export import export
from peft_sp.training.recipe import read_recipe
from peft_sp.training.runs.run import run
from peft_sp.training.search.space import space_of
from peft_sp.network.tuning import Gains

place = Path({str(tmp_path / "model")!r})
recipe = read_recipe({str(recipe)!r})
assert recipe.tuning == Gains(layers=1)
assert space_of(recipe)["tuning.layers"].extremes() == (1, 2)
run(recipe, place)
names = [n for n, p in load_checkpoint(place).encoder.named_parameters() if p.requires_grad]
assert names and all("layer.1." in name and name.endswith("Norm.weight") for name in names)
trained = load(place).backend
export(place, place.parent / "exported")
exported = load(place.parent / "exported").backend
residues = encode(["MKKTAIAIAVALAGFATVAQA"])
off = np.abs(trained.emissions(residues) - exported.emissions(residues)).max()
assert off < 1e-4, off
print("done", sorted(path.name for path in place.iterdir()))
"""
    output = copy.run(code)
    assert "done" in output and "adapter_model.safetensors" in output


HEAD = '''
class Convolution(nn.Conv1d):
    """Each residue with its neighbours."""

    def __init__(self, width: int, size: int, settings: HeadSettings) -> None:
        super().__init__(width, size, 3, padding=1)

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        """States (B, L, D) -> emissions (B, L, S)."""
        states = states * inside[..., None].to(states.dtype)
        return super().forward(states.transpose(1, 2)).transpose(1, 2)


'''


@pytest.mark.integration
def test_a_head_is_a_class_and_an_entry(copy, tiny_backbone, tmp_path):
    copy.edit(
        "network/settings.py",
        ('HEADS = ("linear", "mlp", "lstm")', 'HEADS = ("linear", "mlp", "lstm", "convolution")'),
    )
    copy.edit(
        "network/heads/emissions.py",
        ('{"mlp": Perceptron, ', '{"convolution": Convolution, "mlp": Perceptron, '),
        ("def build_head(", HEAD + "def build_head("),
    )
    code = f"""
from pathlib import Path
import numpy as np
import torch
from peft_sp.biology.alphabet import encode
from peft_sp.inference.backends import OnnxBackend, TorchBackend
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import load_checkpoint, save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.network.settings import HeadSettings, ModelSettings
from peft_sp.network.tuning import LoRA

settings = ModelSettings(
    backbone={tiny_backbone!r}, tuning=LoRA(rank=2), head=HeadSettings(kind="convolution")
)
model = build_model(settings).eval()
assert model.head.weight.shape == (37, 32, 3)
place = Path({str(tmp_path / "model")!r})
save_checkpoint(place, model, settings, ModelConfig(name="x"))
residues = encode(["MKKTAIAIAVALAGFATVAQA"])
expected = TorchBackend(model).emissions(residues)
assert np.array_equal(TorchBackend(load_checkpoint(place)).emissions(residues), expected)
export_onnx(model, place / "model.onnx")
assert np.abs(OnnxBackend(place / "model.onnx").emissions(residues) - expected).max() < 1e-4
print("done")
"""
    assert "done" in copy.run(code)


def test_a_backbone_gets_a_short_name_in_one_line(copy):
    copy.edit(
        "network/backbone_files.py",
        ("    for layers, size in (\n", '    for layers, size in (\n        (3, "1M"),\n'),
    )
    code = "from peft_sp.network.backbone_files import locate\nprint(locate('esm2-1M'))"
    assert copy.run(code) == "facebook/esm2_t3_1M_UR50D\n"


def test_a_column_of_the_table_is_one_field(copy, good, tmp_path):
    copy.edit(
        "io/writers/tables.py",
        (
            '    Field("length", int,',
            '    Field("first_residue", str, lambda prediction: prediction.protein.sequence[:1]),\n'
            '    Field("length", int,',
        ),
    )
    copy.peft_sp("predict", good, "-o", tmp_path / "out")
    lines = (tmp_path / "out" / "predictions.tsv").read_text().splitlines()
    head, first, _ = (line.split("\t") for line in lines)
    assert head[-4:-2] == ["first_residue", "length"] and first[-4] == "M"


METRIC = """
from peft_sp.io.registry.accuracy import Figures, summary
from peft_sp.training.evaluation.model_card import table
from tests.training.evaluation.test_metrics import random_outcomes, score
figures = score(random_outcomes()).figures
assert Figures.of(figures.to_json(), "") == figures
print(summary(figures), table(figures), summary(Figures.of({}, "")), sep="\\n")
"""


@pytest.mark.integration
def test_a_metric_is_a_field_and_an_entry(copy):
    copy.edit(
        "training/evaluation/metrics.py",
        ("    multiclass_mcc: float\n", "    multiclass_mcc: float\n    accuracy: float\n"),
        (
            "multiclass_mcc=",
            "accuracy=np.mean(outcomes.true_type == outcomes.type), multiclass_mcc=",
        ),
    )
    copy.edit(
        "io/registry/accuracy.py",
        (
            "    classes: tuple[ClassFigures",
            "    accuracy: float | None = optional(_FRACTION)\n    classes: tuple[ClassFigures",
        ),
        ("SUMMARY_METRICS = (\n", 'SUMMARY_METRICS = (\n    Metric("accuracy", "right types"),\n'),
    )
    first, *card, last = copy.run(METRIC).splitlines()
    assert first.startswith("right types 0.910, mean MCC2 ")
    assert card[-1].startswith("right types: **0.910**; ") and last.startswith("right types –, ")


@pytest.mark.integration
def test_a_type_is_one_declaration(copy, good, tmp_path):
    """Its states, its columns, its features and the label of its residues follow from that."""
    copy.edit(
        "biology/grammar.py",
        (
            "\n)\n\nTYPES",
            "\n    TypeDeclaration(\n"
            '        name="SPX",\n'
            '        signalp6_name="SPX",\n'
            '        title="Another signal peptide (Sec/SPX)",\n'
            '        mechanism="Sec/SPX",\n'
            '        label="X",\n'
            '        steps="N->H->C->O",\n'
            '        cut_after="C",\n'
            "        behind_h=4,\n"
            '        contrasts=(("H", "C"),),\n'
            '        note="Note=SPX",\n'
            "    ),\n)\n\nTYPES",
        ),
        ("GRAMMAR_VERSION = 1\n", "GRAMMAR_VERSION = 2\n"),
    )
    code = f"""
import torch
from peft_sp.biology.grammar import STATES, TYPES, grammar, state
from peft_sp.biology.prediction import MARGINAL_COLUMNS
from peft_sp.biology.tagging import allowed_states
from peft_sp.errors import ModelError
from peft_sp.inference.loading import load
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.checkpoint import save_checkpoint
from peft_sp.network.model import build_model
from peft_sp.network.onnx.graph import export_onnx
from peft_sp.training.fitting.region_loss import region_term
from peft_sp.network.settings import ModelSettings, StudentSettings

assert len(STATES) == 37 + 6 and TYPES[-1] == "SPX"
assert grammar().cuts[-1].tolist() == [state("SPX", "C"), state("SPX", "O")]
assert MARGINAL_COLUMNS[-3:] == ("Sec/SPX n", "Sec/SPX h", "Sec/SPX c")
sequence = "MKKTAIAIAVALAGFATVAQAAPKDNT"
allowed = allowed_states(sequence, "X" * 21 + "O" * 6, "SPX")
assert allowed[5, state("SPX", "N")] and allowed[25, state("SPX", "O")]
assert allowed[16, state("SPX", "H")] and not allowed[17, state("SPX", "H")]
path = torch.tensor([[state("SPX", name) for name in "NHC"]])
marginals = torch.eye(len(STATES))[path]
assert region_term(marginals, torch.zeros(1, 3), torch.tensor([len(TYPES) - 1])) == 1
try:
    load("fast")
except ModelError as error:
    assert "formats 1 to" in str(error) and "with grammar 2" in str(error)
else:
    raise AssertionError("the bundled model has fewer states")

settings = ModelSettings(student=StudentSettings(width=8, hidden=8, convolutions=0))
model = build_model(settings)
with torch.no_grad():  # a network that prefers the new type whatever the residues
    model.head.bias[state("SPX", "N") :] += 9
save_checkpoint({str(tmp_path / "model")!r}, model, settings, ModelConfig(name="seven"))
export_onnx(model, {str(tmp_path / "model" / "model.onnx")!r})
"""
    copy.run(code)
    out = tmp_path / "out"
    arguments = ["predict", str(good), "-m", str(tmp_path / "model"), "-o", str(out), "--summary"]
    copy.peft_sp(*arguments, "--plots", "svg")
    table = rows(out / "predictions.tsv")
    assert [row["type"] for row in table] == ["SPX", "SPX"] and float(table[0]["p_spx"]) > 0.9
    head = (out / "prediction_results.txt").read_text().splitlines()[1].split("\t")
    assert head[-2:] == ["SPX(Sec/SPX)", "CS Position"]
    assert "\tNote=SPX" in (out / "output.gff3").read_text()
    assert "Another signal peptide (Sec/SPX)" in (out / "output.json").read_text()
    assert "SPX" in (out / "summary.html").read_text()
    assert "Sec/SPX" in (out / "plots" / "a.svg").read_text()


BED = '''
"""Signal peptides as BED: name, start (0-based) and end."""

from __future__ import annotations

from typing import TextIO

from peft_sp.biology.prediction import Prediction

FILE = "signal_peptides.bed"


class BedWriter:
    """Writes a line for each signal peptide."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, prediction: Prediction) -> None:
        """Add one prediction."""
        if prediction.cleavage_site:
            self._file.write(f"{prediction.id}\\t0\\t{prediction.cleavage_site}\\n")
'''


@pytest.mark.integration
def test_an_output_format_is_a_writer_and_its_place_in_a_run(copy, good, tmp_path):
    copy.add("io/writers/bed.py", BED.replace("\\\\", "\\"))
    copy.edit(
        "inference/run_options.py",
        (
            "import fasta, genome, gff3, signalp6, tables",
            "import bed, fasta, genome, gff3, signalp6, tables",
        ),
        ("return (*own, ", "return (*own, bed.FILE, "),
    )
    copy.edit(
        "inference/run.py",
        (
            "import fasta, genome, gff3, signalp6, tables",
            "import bed, fasta, genome, gff3, signalp6, tables",
        ),
        (
            "        self._compatible = signalp6.SignalP6Writer(files, info)\n",
            "        self._compatible = signalp6.SignalP6Writer(files, info)\n"
            "        self._bed = bed.BedWriter(files.open(bed.FILE))\n",
        ),
        (
            "        self._compatible.write(prediction)\n",
            "        self._compatible.write(prediction)\n        self._bed.write(prediction)\n",
        ),
    )
    output = copy.peft_sp("predict", good, "-o", tmp_path / "out")
    assert "signal_peptides.bed" in output
    assert (tmp_path / "out" / "signal_peptides.bed").read_text() == "a\t0\t21\n"
