"""The page on clades: who is of which, the figures of a few proteins, and the stored files."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

import pytest

from peft_sp.biology.grammar import TYPES
from peft_sp.io.labelled import LabelledProtein
from peft_sp.io.registry.accuracy import as_text
from tests.support.paths import ROOT
from tests.support.scripts import script

PAGE = (ROOT / "docs/results/clades/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clades():
    return script("clades")


@pytest.fixture(scope="module")
def species(clades):
    return script("species")


def protein(accession: str, kind: str, sequence: str = "M" + "KLVASAE" * 10) -> LabelledProtein:
    labels = "S" * 20 + "O" * 50 if kind == "SP" else "I" * 70
    return LabelledProtein(accession, "EUKARYA", kind, 0, sequence[:70], labels)


def row(kind: str, no_sp: float, sp: float, site: str = "") -> dict[str, str]:
    shares = {f"p_{name.lower()}": 0.0 for name in TYPES}
    shares |= {"p_no_sp": no_sp, "p_sp": sp, "p_lipo": 1 - no_sp - sp}
    return {**{k: f"{p:.6f}" for k, p in shares.items()}, "type": kind, "cleavage_site": site}


def table(page: str, name: str) -> dict[str, list[str]]:
    (own,) = re.findall(rf"<!-- {re.escape(name)}, by .*?-->\n(.*?)<!-- end", page, re.DOTALL)
    lines = [[c.strip(" *") for c in line.strip("|").split("|")] for line in own.split("\n")]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 1}


def test_a_protein_s_species_comes_from_its_accession_else_from_its_first_residues(
    species, tmp_path
):
    one, two, three = (protein(n, "SP", "M" + a * 69) for n, a in zip("123", "KLA", strict=True))
    (tmp_path / "a.fasta").write_text(
        f">sp|1|X_MOUSE OS=Mus musculus OX=10090 GN=X\n{three.sequence}\n>nameless\n{'M' * 70}\n"
    )
    (tmp_path / "b.fasta").write_text(
        f">XP_1.1 a protein [Plasmodium falciparum 3D7]\n{two.sequence[:60]}\n"
        f">1 OS=Homo sapiens\n{one.sequence}\n"
    )
    found = list(species.species_of([one, two], [tmp_path / "a.fasta", tmp_path / "b.fasta"]))
    assert [tuple(row.values()) for row in found] == [
        ("1", "Mus musculus", "10090", "", "accession"),
        ("2", "Plasmodium falciparum 3D7", "", "", "residues"),
    ]


def test_a_clade_is_found_by_identifier_then_by_name_then_by_genus(species):
    taxa = {
        **{1: (1, 0, "root"), 4751: (1, 0, "Fungi"), 7742: (1, 0, "Vertebrata")},
        **{40674: (7742, 0, "Mammalia"), 9: (40674, 0, "Mus"), 10: (9, 0, "Mus musculus")},
        **{11: (7742, 0, "Danio rerio"), 12: (4751, 0, "Candida"), 13: (1, 0, "Escherichia")},
    }
    named = {name: taxon for taxon, (_, _, name) in taxa.items()}
    asked = {
        ("Danio rerio", "10"): "mammals",
        ("Danio rerio", "999"): "other vertebrates",
        ("Candida nova", ""): "other fungi",
        ("Escherichia coli", "13"): "",
        ("Unheard of", ""): "",
    }
    assert {key: species.clade_of(*key, taxa, named) for key in asked} == asked


def test_figures_of_fifty_proteins_are_those_of_a_count_by_hand(clades, monkeypatch):
    monkeypatch.setattr(clades, "RESAMPLES", 200)
    said = [
        *[("SP", row("SP", 0.1, 0.9, "20"))] * 24,
        *[("SP", row("SP", 0.1, 0.9, "23"))] * 3,
        *[("SP", row("NO_SP", 0.9, 0.1))] * 2,
        ("SP", row("LIPO", 0.1, 0.3, "20")),  # restricted, a signal peptide
        *[("NO_SP", row("NO_SP", 0.9, 0.1))] * 18,
        ("NO_SP", row("SP", 0.4, 0.6, "20")),
        ("NO_SP", row("LIPO", 0.3, 0.1, "20")),
    ]
    labelled = [protein(str(n), kind) for n, (kind, _) in enumerate(said)]
    outcomes = clades.read_outcomes(labelled, {str(n): own for n, (_, own) in enumerate(said)})
    known = {str(n): {"clade": "insects" if n < 49 else "nematodes"} for n in range(50)}
    rows = clades.lines_of(labelled, known)
    survey = clades.Survey(labelled, rows, {"fast": outcomes, "esm2-8m": outcomes}, frozenset())
    shown = table(f"<!-- m, by -->\n{survey.details('fast')}<!-- end", "m")

    every = [cell.partition(" (")[0] for cell in shown["all eukaryotes"]]
    plain = (27 * 19 - 1 * 3) / math.sqrt(28 * 30 * 20 * 22)
    restricted = (28 * 19 - 1 * 2) / math.sqrt(29 * 30 * 20 * 21)
    shares = [plain, restricted, 28 / 30, 28 / 29, 24 / 30, 24 / 28]
    assert every[:6] == [f"{share:.3f}" for share in shares]
    expected = 27 * 0.9 + 20 * 0.1 + 0.75 + 0.6 + 0.25
    assert every[6:] == [f"{(18 * 0.1 + 0.6 + 0.25) / 20:.4f}", f"{expected:.1f} / 29"]
    low, high = map(float, re.findall(r"[01]\.\d+", shown["all eukaryotes"][2])[1:])
    spread = 1.96 * math.sqrt(28 / 30 * 2 / 30 / 30)
    assert (low, high) == pytest.approx((28 / 30 - spread, min(1, 28 / 30 + spread)), abs=0.04)

    assert shown["nematodes"][:6] == ["–", "–", "0 of 0", "0 of 0", "0 of 0", "0 of 0"]
    errors = table(f"<!-- m, by -->\n{survey.errors()}<!-- end", "m")["insects"]
    assert errors[0] == "20" and errors[4] == "2 (6.7%)" and errors[6] == "1 (5.3%)"


def test_a_cut_obeys_the_rule_behind_small_residues(clades):
    assert clades.obeys("MKLVASAE", 7)  # ASA|E
    assert not clades.obeys("MKLVASAE", 8)  # SAE|
    assert not clades.obeys("MKLVRSAE", 7)  # RSA|E


def test_a_plasmodium_protein_is_of_a_kind_by_its_name(clades):
    kinds = [
        clades.kind_of(f"XP_1.1 {name} [Plasmodium falciparum 3D7]")
        for name in ("60S ribosomal protein L6", "50S ribosomal protein L9, apicoplast", "rifin")
    ]
    assert [list(clades.KINDS).index(k) if k else None for k in kinds] == [0, None, 4]


def test_the_page_says_what_the_stored_tables_hold(clades, species, monkeypatch):
    monkeypatch.chdir(ROOT)
    rows = species.read_species()
    shown = table(PAGE, "overview")
    count = Counter(found["clade"] for found in rows.values())
    assert {name: f"{number:,}" for name, number in count.items()} == {
        name: shown[name][0] for name in count
    }
    groups = {clade.name: clade.group for clade in species.CLADES}
    assert set(count) <= set(groups)
    assert f"{len(rows):,} of them" in PAGE and f"{len(rows):,}" == shown["species known"][0]
    for model in clades.MODELS:
        stored = json.loads((clades.RESULTS / model / "metrics.json").read_text())
        figures = [
            next(c for c in stored[key]["classes"] if c["organism"] == "EUKARYA")
            for key in ("pooled", "restricted")
        ]
        own = [cell.partition(" (")[0] for cell in table(PAGE, model)["all eukaryotes"]]
        assert own[:2] == [as_text(one["mcc2"]) for one in figures]
        sites = [figures[0][f"cleavage_{key}"][0] for key in ("recall", "precision")]
        assert own[4:6] == [as_text(site) for site in sites]


def test_a_table_that_is_not_made_stays(clades):
    page = "a\n<!-- one, by scripts/clades.py -->\n\nold\n\n<!-- end -->\nb"
    assert clades.written(page, {}) == page
    assert clades.written(page, {"one": lambda: "new"}) == page.replace("old", "new")
