"""Accuracy in each clade of eukaryotes: the tables of docs/results/clades/README.md.

    python scripts/clades.py train_set.fasta [--plasmodium PROTEOME]

Reads the labels of SignalP 6.0's training set, the species that scripts/species.py found, and the
out-of-fold predictions of cross-validations. With `--plasmodium`, the models that ship predict a
proteome of Plasmodium, too, whose table is otherwise left as it is.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from cutoffs import ANCHORED
from doubtful_labels import DIRECTORY as DOUBTFUL
from doubtful_labels import read_table
from numpy.typing import NDArray
from species import CLADES, GROUPS, Found, read_species

import peft_sp
from peft_sp.biology.grammar import EUKARYOTIC_TYPES, NO_SP, TYPES
from peft_sp.io.atomic import write_text
from peft_sp.io.labelled import LabelledProtein, read_labelled
from peft_sp.io.registry.accuracy import as_text
from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.metrics import Outcomes, cleavage_counts, interval, score

DIRECTORY = Path("docs/results/clades")
RESULTS = Path("docs/results")
MODELS = ("fast", "esm2-8m", "esm2-8m-teacher", "esm2-8m-partitions", "lora-8M")
SHIPPED = MODELS[:2]
PACK = "packs/esm2-8m/src/peft_sp_esm2_8m"
FEWEST = 20
"""Signal peptides; of clades with fewer, counts are shown instead of figures."""
LONG = 36
"""Residues of a signal peptide that is called long."""
LAST, THIRD = "AGSCT", "ACGILMSTV"
"""What von Heijne's rule allows as the last residue in front of a cut, and the third but last:
small, and neither aromatic, charged, large and polar, nor proline."""
RESAMPLES = 1000
SP, WITHOUT = TYPES.index("SP"), TYPES.index(NO_SP)
KINDS = {
    "40S and 60S ribosomal proteins, proteasome": r"[46]0S ribosomal protein|proteasome subunit",
    "initiation factors, RNA polymerases": r"initiation factor|RNA polymerase",
    "PfEMP1": r"PfEMP1",
    "of the merozoite's and sporozoite's surface and rhoptries": r"merozoite surface protein|"
    r"rhoptry|serine repeat antigen|apical membrane antigen|6-cysteine|erythrocyte binding antigen|"
    r"circumsporozoite",
    "rifins and stevors": r"rifin|stevor",
    "other exported proteins (PHIST and more)": r"PHIST|Plasmodium exported protein",
}
"""Proteins of Plasmodium by their names in RefSeq; the first that matches."""


def read_outcomes(
    labelled: Sequence[LabelledProtein], table: Mapping[str, Mapping[str, str]]
) -> Outcomes:
    """What an out-of-fold table says of labelled proteins."""
    rows = [table[p.accession] for p in labelled]
    return Outcomes(
        organism=np.array([p.organism for p in labelled]),
        true_type=np.array([TYPES.index(p.type) for p in labelled]),
        type=np.array([TYPES.index(row["type"]) for row in rows]),
        true_site=np.array([p.cleavage_site or 0 for p in labelled]),
        site=np.array([int(row["cleavage_site"] or 0) for row in rows]),
        probabilities=np.array([[float(row[f"p_{t.lower()}"]) for t in TYPES] for row in rows]),
    )


def restricted(outcomes: Outcomes) -> Outcomes:
    """The outcomes of eukaryotes as with `--organism eukarya`, but for sites, which stay."""
    shares = np.where(np.isin(TYPES, EUKARYOTIC_TYPES), outcomes.probabilities, 0)
    shares /= shares.sum(axis=1, keepdims=True)
    return replace(outcomes, type=shares.argmax(axis=1), probabilities=shares)


Counts = tuple[tuple[int, int], ...]
MEASURED = ("recall", "precision", "site recall", "site precision")


def counts(plain: Outcomes, given: Outcomes) -> Counts:
    """Of each of `MEASURED`: how many are right, of how many.

    plain, given: without and with types `restricted`. Sites are those of `plain`.
    """
    right = int(((given.true_type == SP) & (given.type == SP)).sum())
    annotated, called = int((given.true_type == SP).sum()), int((given.type == SP).sum())
    (exact, *_), sites, cuts = cleavage_counts(plain, SP)
    return (right, annotated), (right, called), (exact, sites), (exact, cuts)


def with_intervals(plain: Outcomes, given: Outcomes) -> Iterator[str]:
    """The shares of `counts`, with 95 % bootstrap intervals over proteins."""
    generator, size = np.random.default_rng(0), len(plain.type)
    # Those without a signal peptide that none is predicted for count in none of the shares.
    telling = np.flatnonzero((plain.true_type == SP) | (plain.type != WITHOUT) | (given.type == SP))
    few = plain.take(telling), given.take(telling)
    draws = []
    for drawn in generator.binomial(size, len(telling) / size, size=RESAMPLES):
        rows = generator.integers(len(telling), size=drawn)
        draws.append([_share(*pair) for pair in counts(*(one.take(rows) for one in few))])
    for pair, column in zip(counts(plain, given), np.array(draws).T, strict=True):
        yield _text(_share(*pair), interval(column))


def _share(hits: int, number: int) -> float:
    return hits / number if number else float("nan")


def _text(value: float, bounds: tuple[float, float]) -> str:
    if np.isnan(value):
        return "–"
    return f"{as_text(value)} ({as_text(bounds[0])} to {as_text(bounds[1])})"


Rows = dict[str, NDArray[np.bool_]]
"""Which proteins stand in each line of the tables."""


def lines_of(labelled: Sequence[LabelledProtein], species: Mapping[str, Found]) -> Rows:
    """The lines of the tables: all, each group with its clades, and those of no known species."""
    clades = np.array([species.get(p.accession, {}).get("clade", "") for p in labelled])
    groups = {clade.name: clade.group for clade in CLADES}
    own = np.array([groups.get(name, "") for name in clades.tolist()])
    rows: Rows = {"**all eukaryotes**": np.ones(len(labelled), dtype=bool)}
    for group in GROUPS:
        rows[f"**{group}**"] = own == group
        for clade in CLADES:
            if clade.group == group and (clades == clade.name).any():
                rows[clade.name] = clades == clade.name
    rows["**species known**"] = own != ""
    rows["**species not known**"] = own == ""
    return rows


@dataclass(frozen=True)
class Survey:
    """What the tables are made of: eukaryotes, the lines, and of each model its outcomes."""

    labelled: Sequence[LabelledProtein]
    rows: Rows
    models: Mapping[str, Outcomes]
    doubtful: frozenset[str]

    def sizes(self, name: str) -> list[str]:
        """The first cells of a line: its name, proteins, and those with a signal peptide."""
        own = [p.type for p, here in zip(self.labelled, self.rows[name], strict=True) if here]
        return [name, f"{len(own):,}", f"{own.count('SP'):,}"]

    def is_small(self, name: str) -> bool:
        """Whether a line holds too few signal peptides for a figure."""
        return int(self.sizes(name)[2].replace(",", "")) < FEWEST

    def overview(self) -> str:
        """MCC2 of all models, types restricted."""
        lines = []
        for name, rows in self.rows.items():
            mccs = [_mcc2(restricted(one).take(rows))[0] for one in self.models.values()]
            small = self.is_small(name)
            lines.append([*self.sizes(name), *("–" if small else as_text(m) for m in mccs)])
        return _table(["clade", "proteins", "with SP", *self.models], lines)

    def details(self, model: str) -> str:
        """Every figure of a model."""
        lines, plain = [], self.models[model]
        given = restricted(plain)
        for name, rows in self.rows.items():
            own, other = plain.take(rows), given.take(rows)
            if self.is_small(name):
                cells = ["–", "–", *(f"{n} of {m}" for n, m in counts(own, other))]
            else:
                cells = [_text(*_mcc2(one, RESAMPLES)) for one in (own, other)]
                cells += with_intervals(own, other)
            p = other.probabilities[:, SP]
            without, called = p[other.true_type != SP], int((other.type == SP).sum())
            mean = f"{without.mean():.4f}" if len(without) else "–"
            lines.append([name, *cells, mean, f"{p.sum():,.1f} / {called:,}"])
        head = ["clade", "MCC2", "MCC2, types restricted", *MEASURED]
        return _table([*head, "mean P(SP) without one", "sum of P(SP) / called"], lines)

    def errors(self) -> str:
        """Errors of type that the models that ship make, and what of it the labels tell."""
        true = self.sites > 0
        anchors = np.array([0 <= p.labels.find("M") < ANCHORED for p in self.labelled]) & ~true
        doubted = np.array([p.accession in self.doubtful for p in self.labelled])
        long, lines = true & (self.sites >= LONG), []
        for name, rows in self.rows.items():
            lengths = self.sites[rows & true]
            median = f"{np.median(lengths):.0f}" if len(lengths) else "–"
            cells = [median, _of(long & rows, true & rows), _of(anchors & rows, ~true & rows)]
            for model in SHIPPED:
                called = restricted(self.models[model]).type == SP
                cells += [_of(~called & rows & kind, rows & kind) for kind in (long, true & ~long)]
                kinds = (anchors, ~true & ~anchors)
                cells += [_of(called & rows & kind, rows & kind) for kind in kinds]
            lines.append([name, *cells, str((doubted & rows).sum())])
        what = ("long missed", "others missed", "anchors called", "others called")
        heads = [f"`{model}`: {kind}" for model in SHIPPED for kind in what]
        first = ["clade", "median length of SP", "long SP", "anchors among proteins without"]
        return _table([*first, *heads, "doubtful labels"], lines)

    def cuts(self) -> str:
        """How many labelled sites obey von Heijne's rule, and how many are found of either kind."""
        true = self.sites > 0
        pairs = zip(self.labelled, self.sites.tolist(), strict=True)
        obey = np.array([site > 2 and obeys(p.sequence, site) for p, site in pairs])
        lines = []
        for name, rows in self.rows.items():
            cells = [_of(obey & rows, true & rows)]
            for kind in (obey, true & ~obey):
                for model in SHIPPED:
                    found = self.models[model].site == self.sites
                    cells.append(_of(found & kind & rows, kind & rows))
            lines.append([name, self.sizes(name)[2], *cells])
        heads = [f"{kind} found by `{m}`" for kind in ("of these", "of others") for m in SHIPPED]
        return _table(["clade", "labelled sites", "obey the rule", *heads], lines)

    @property
    def sites(self) -> NDArray[np.int64]:
        """The labelled sites, 0 where there is none."""
        return next(iter(self.models.values())).true_site


def obeys(sequence: str, site: int) -> bool:
    """Whether a cut after residue `site` is one that von Heijne's rule allows."""
    return sequence[site - 1] in LAST and sequence[site - 3] in THIRD


def kinds_of_plasmodium(fasta: Path) -> str:
    """Signal peptides that the models that ship predict in proteins of each of `KINDS`."""
    proteins = list(peft_sp.read_fasta(fasta))
    called = []
    for path in ("fast", PACK):
        found = peft_sp.load(path).predict(proteins, organism="eukarya")
        called.append(np.array([one.type == "SP" for one in found]))
    kinds = np.array([kind_of(protein.header) for protein in proteins])
    lines = []
    for kind in ("", *KINDS):
        rows = kinds == kind if kind else np.ones(len(kinds), dtype=bool)
        cells = [_of(own & rows, rows) for own in (*called, called[0] & called[1])]
        lines.append([kind or "**all**", f"{rows.sum():,}", *cells])
    return _table(["proteins", "number", *(f"`{m}`" for m in SHIPPED), "both"], lines)


def kind_of(header: str) -> str:
    """Which of `KINDS` a protein is by its name, "" for none; organelles' proteins are none."""
    if re.search("apicoplast|mitochondri", header):
        return ""
    return next((kind for kind, name in KINDS.items() if re.search(name, header)), "")


def _mcc2(outcomes: Outcomes, resamples: int = 0) -> tuple[float, tuple[float, float]]:
    for own in score(outcomes, resamples).classes:
        return own.mcc2, own.mcc2_interval
    return float("nan"), (float("nan"), float("nan"))


def _of(some: NDArray[np.bool_], whole: NDArray[np.bool_]) -> str:
    """How many, and their share."""
    number, total = int(some.sum()), int(whole.sum())
    return f"{number:,} ({number / total:.1%})" if total else "–"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(markdown_table(head, lines))


def sections(survey: Survey) -> dict[str, Callable[[], str]]:
    """The tables of labelled proteins, by the names of their markers."""
    details = {model: partial(survey.details, model) for model in survey.models}
    return {"overview": survey.overview, "errors": survey.errors, "cuts": survey.cuts, **details}


def written(page: str, made: Mapping[str, Callable[[], str]]) -> str:
    """The page with these of its tables made anew."""

    def section(found: re.Match[str]) -> str:
        return f"{found[1]}\n{made[found[2]]()}\n\n{found[4]}" if found[2] in made else found[0]

    return MARKED.sub(section, page)


MARKED = re.compile(r"(<!-- (.+?), by scripts/clades\.py -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("labelled", type=Path, help="SignalP 6.0's training set, three lines each")
    parser.add_argument("--plasmodium", type=Path, help="proteome; makes its table anew")
    options = parser.parse_args()
    labelled = [p for p in read_labelled(options.labelled) if p.organism == "EUKARYA"]
    with (DOUBTFUL / "labels.tsv").open(encoding="utf-8", newline="") as file:
        doubtful = frozenset(row["accession"] for row in csv.DictReader(file, delimiter="\t"))
    tables = {model: read_table(str(RESULTS / model)) for model in MODELS}
    models = {model: read_outcomes(labelled, table) for model, table in tables.items()}
    made = sections(Survey(labelled, lines_of(labelled, read_species()), models, doubtful))
    if options.plasmodium:
        made["plasmodium"] = partial(kinds_of_plasmodium, options.plasmodium)
    page = DIRECTORY / "README.md"
    write_text(page, written(page.read_text(encoding="utf-8"), made))


if __name__ == "__main__":
    main()
