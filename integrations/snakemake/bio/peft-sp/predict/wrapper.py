"""Snakemake wrapper for peft-sp predict."""

__author__ = "The PEFT-SP developers"
__copyright__ = "Copyright 2026, The PEFT-SP developers"
__license__ = "MIT"

import shutil
import tempfile
from pathlib import Path

from snakemake.shell import shell

FILES = {
    "table": "predictions.tsv",
    "gff3": "predictions.gff3",
    "signal_peptides": "signal_peptides.fasta",
    "no_signal_peptide": "no_signal_peptide.fasta",
    "mature": "processed_entries.fasta",
    "summary": "summary.html",
    "signalp_table": "prediction_results.txt",
    "signalp_gff3": "output.gff3",
    "signalp_regions": "region_output.gff3",
}

named = dict(snakemake.output.items())
if not named or len(named) < len(snakemake.output) or not named.keys() <= FILES.keys():
    raise ValueError(f"name each output of peft-sp predict, as one of {', '.join(FILES)}")

organism = snakemake.params.get("organism", "auto")
extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=True, stderr=True)
if "summary" in named:
    extra += " --summary"
if {"signal_peptides", "no_signal_peptide"} & named.keys():
    extra += " --fasta"

with tempfile.TemporaryDirectory() as folder:
    shell(
        "peft-sp predict {snakemake.input:q} --output {folder:q}/results"
        " --organism {organism:q} --threads {snakemake.threads} {extra} {log}"
    )
    for name, path in named.items():
        shutil.move(Path(folder, "results", FILES[name]), path)
