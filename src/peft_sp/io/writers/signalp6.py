"""SignalP 6's output files, in its layouts, written as predictions arrive.

Five files of a run, and files of each protein where they are asked for.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from peft_sp.biology.grammar import DECLARATION_OF_TYPE, DECLARATIONS
from peft_sp.biology.prediction import Prediction, Protein, Region
from peft_sp.io.plotting import plotter
from peft_sp.io.results.run_directory import RunDirectory
from peft_sp.io.results.run_info import RunInfo
from peft_sp.io.writers.names import FreeNames, as_text

FILES = (
    "prediction_results.txt",
    "output.gff3",
    "region_output.gff3",
    "processed_entries.fasta",
    "output.json",
)
_COLUMN = {
    d.name: d.signalp6_name + (f"({d.mechanism})" if d.mechanism else "") for d in DECLARATIONS
}
_NAME = {d.name: d.signalp6_name for d in DECLARATIONS}
_TITLE = {d.name: d.title for d in DECLARATIONS}
_FEATURE = {d.name: (d.feature, d.note) for d in DECLARATIONS}
"""GFF3 feature and attribute column."""
_REGIONS = ("n-region", "h-region", "c-region", "lipid-modified cysteine", "twin-arginine motif")
"""The regions of the real tool, in its order; what else is predicted is in `predictions.tsv`."""


KINDS = ("eps", "png", "txt")
FORMATS = {
    "none": (),
    "txt": ("txt",),
    "png": ("png", "txt"),
    "eps": ("eps", "txt"),
    "all": KINDS,
}
"""Which files of each protein a format stands for: the table comes with every picture."""
_LONGEST_NAME = 200
"""Letters of a header that a file name takes: most file systems hold 255 bytes."""
_STRANGE = re.compile("[^A-Za-z0-9]")


def rules() -> dict[str, Any]:
    """What the files go by, for the same files from a browser."""
    return {
        "columns": _COLUMN,
        "names": _NAME,
        "titles": _TITLE,
        "features": {name: list(own) for name, own in _FEATURE.items()},
        "regions": list(_REGIONS),
        "pilins": [one.name for one in DECLARATIONS if one.is_pilin],
        "kinds": list(KINDS),
    }


def require(format_name: str) -> None:
    """Make sure that a format's files can be made, before any work. Raises MissingExtraError."""
    for kind in FORMATS[format_name]:
        plotter.require(kind)


def file_stem(header: str) -> str:
    """How a protein's files begin: what is no letter or digit of ASCII becomes "_"."""
    return f"output_{_STRANGE.sub('_', header)[:_LONGEST_NAME]}"


def protein_file(stem: str, kind: str) -> str:
    """The name of one of a protein's files."""
    return f"{stem}_plot.{kind}"


class ProteinFiles:
    """Writes the files of each protein that a format of SignalP 6 stands for.

    Raises as `require`.
    """

    def __init__(self, files: RunDirectory, format_name: str) -> None:
        require(format_name)
        self._files = files
        self._kinds = FORMATS[format_name]
        self._free_name = FreeNames(fold=True)

    def pass_over(self, protein: Protein) -> None:
        """Its files are there from an earlier run, under the names that `write` would give."""
        if self._kinds:
            self._free_name(file_stem(protein.header))

    def write(self, prediction: Prediction) -> dict[str, str]:
        """Write them; names of the files by kind.

        Raises ValueError for a prediction without marginals, OutputError.
        """
        if not self._kinds:
            return {}
        if prediction.marginals is None:
            raise ValueError("files of single proteins need predictions with marginals")
        stem = self._free_name(file_stem(prediction.protein.header))
        names = {kind: protein_file(stem, kind) for kind in self._kinds}
        for name in names.values():
            plotter.draw(prediction, self._files.path(name))
        return names


class SignalP6Writer:
    """Writes the five files. Call `write` for each prediction, in order, then `finish`.

    Proteins go by their headers, which must differ, as those of `fasta.FastaInput` do.
    Where files are resumed, call `pass_over` for each protein that they hold already, first.
    """

    def __init__(self, files: RunDirectory, run: RunInfo) -> None:
        self.run = run
        self._types = run.layout.types
        self._directory = as_text(run.directory.rstrip("/"))
        self._table, self._gff, self._regions, self._mature, self._json = map(files.open, FILES)
        self._entries = 0
        self._own = ProteinFiles(files, run.protein_files)
        self._types_json = _json_list([json.dumps(_TITLE[name]) for name in self._types])
        if not files.resumed:
            self._write_heads()

    def _write_heads(self) -> None:
        run = self.run
        time = (run.time or datetime.now()).strftime("%Y%m%d%H%M%S")
        organism = run.layout.capitalize()
        cutoff = "" if run.threshold is None else f"\tThreshold: {run.threshold:g}"
        self._table.write(f"# {run.tool}\tOrganism: {organism}\tTimestamp: {time}{cutoff}\n")
        columns = "\t".join(_COLUMN[name] for name in self._types)
        self._table.write(f"# ID\tPrediction\t{columns}\tCS Position\n")
        self._gff.write("## gff-version 3\n")
        self._regions.write("## gff-version 3\n")
        self._json.write(self._json_head())

    def pass_over(self, protein: Protein) -> None:
        """Count a protein whose prediction the files hold already."""
        self._entries += 1
        self._own.pass_over(protein)

    def write(self, prediction: Prediction) -> None:
        """Add one prediction to every file, and the files of its own where they are asked for.

        Raises ValueError if those need marginals and the prediction has none.
        """
        name = prediction.protein.header
        probabilities = [prediction.probabilities[name] for name in self._types]
        site = prediction.cleavage_site
        cut, cut_text = "", ""
        if site is not None:
            probability = prediction.cleavage_probability or 0.0
            cut = f"CS pos: {site}-{site + 1}. Pr: {probability:.4f}"
            cut_text = (
                f"Cleavage site between pos. {site} and {site + 1}. Probability {probability:.6f}"
            )
            feature, note = _FEATURE[prediction.type]
            tool = self.run.tool
            self._gff.write(
                f"{name}\t{tool}\t{feature}\t1\t{site}\t{prediction.probability!r}\t.\t.\t{note}\n"
            )
            for region in _as_reported(prediction):
                self._regions.write(
                    f"{name}\t{tool}\t{region.name}\t{region.start}\t{region.end}\t.\t.\t.\t.\n"
                )
            self._mature.write(f">{name}\n{prediction.mature}\n")
        numbers = "\t".join(f"{p:.6f}" for p in probabilities)
        self._table.write(f"{name}\t{_NAME[prediction.type]}\t{numbers}\t{cut}\n")
        self._json.write(self._json_entry(prediction, probabilities, cut_text))

    def finish(self) -> None:
        """Write what comes after the last prediction."""
        self._json.write("\n  }," if self._entries else "},")
        self._json.write(self._json_tail())

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _json_head(self) -> str:
        head = {
            "INFO": {"failedjobs": self.run.unusable, "size": self.run.count},
            "CSV_FILE": self._path("prediction_results.txt"),
            "MATURE_FILE": self._path("processed_entries.fasta"),
            "GFF_FILE": self._path("output.gff3"),
            "ZIP_FILE": "",
        }
        return json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "SEQUENCES": {'

    def _json_tail(self) -> str:
        tail = {
            "FORMAT": self.run.protein_files,
            "ORG": self.run.layout,
            "MODE": self.run.model,
            "REGION_GFF_FILE": self._path("region_output.gff3"),
        }
        return json.dumps(tail, indent=2).removeprefix("{")

    def _json_entry(self, prediction: Prediction, probabilities: list[float], cut_text: str) -> str:
        # Laid out by hand: the library's indenting encoder would take most of a fast run.
        header = prediction.protein.header
        own = self._own.write(prediction)
        plots = "".join(
            f'      "Plot_{kind}": {json.dumps(self._path(own[kind]) if kind in own else "")},\n'
            for kind in KINDS
        )
        likelihood = _json_list([repr(round(p, 4)) for p in probabilities])
        lead = ",\n" if self._entries else "\n"
        self._entries += 1
        return (
            f"{lead}    {json.dumps(header)}: {{\n"
            f'      "Name": {json.dumps(header)},\n'
            f"{plots}"
            f'      "Prediction": {json.dumps(_TITLE[prediction.type])},\n'
            f'      "Likelihood": {likelihood},\n'
            f'      "Protein_types": {self._types_json},\n'
            f'      "CS_pos": {json.dumps(cut_text)}\n    }}'
        )


def _as_reported(prediction: Prediction) -> list[Region]:
    """Regions as the real tool gives them; Sec/SPIII signal peptides have none."""
    if DECLARATION_OF_TYPE[prediction.type].is_pilin:
        return []
    return [region for region in map(prediction.span, _REGIONS) if region]


def _json_list(values: list[str]) -> str:
    """A list, one value a line, of values that are JSON already."""
    lines = ",\n        ".join(values)
    return f"[\n        {lines}\n      ]"
