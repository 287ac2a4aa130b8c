"""UniProt's formats, written from labelled proteins."""

from __future__ import annotations

import re
from collections.abc import Iterable

from peft_sp.biology.grammar import DECLARATION_OF_TYPE, NO_SP
from peft_sp.io.labelled import LabelledProtein

LINEAGES = {
    "EUKARYA": ("Homo sapiens (Human)", "9606", "Eukaryota; Metazoa; Chordata; Mammalia; Homo"),
    "POSITIVE": ("Bacillus subtilis (strain 168)", "224308", "Bacteria; Bacillati; Bacillota"),
    "NEGATIVE": ("Escherichia coli (strain K12)", "83333", "Bacteria; Pseudomonadota; Escherichia"),
    "ARCHAEA": ("Methanocaldococcus jannaschii", "243232", "Archaea; Methanobacteriota"),
}
SEEN = "ECO:0000269|PubMed:12345678"
_TYPES = {
    "SIGNAL": "Signal peptide",
    "LIPID": "Lipidation",
    "PROPEP": "Propeptide",
    "MOD_RES": "Modified residue",
    "TRANSMEM": "Transmembrane",
    "TOPO_DOM": "Topological domain",
}


def features_of(p: LabelledProtein) -> list[tuple[str, int, int, str]]:
    """Kind, start, end and note of the features that give a protein its labels."""
    site, kind = p.cleavage_site or 0, DECLARATION_OF_TYPE[p.type]
    found = []
    if kind.is_pilin:
        found.append(("PROPEP", 1, site, "Leader sequence"))
        found.append(("MOD_RES", site + 1, site + 1, "N-methylphenylalanine"))
    elif p.type != NO_SP:
        found.append(("SIGNAL", 1, site, "Tat-type signal" if kind.is_twin_arginine else ""))
    if kind.is_lipoprotein:
        found.append(("LIPID", site + 1, site + 1, "S-diacylglycerol cysteine"))
    for match in re.finditer("I+|M+|O+", p.labels):
        note = {"I": "Cytoplasmic", "M": "Helical", "O": "Extracellular"}[match[0][0]]
        found.append(
            (
                "TRANSMEM" if note == "Helical" else "TOPO_DOM",
                match.start() + 1,
                match.end(),
                note,
            )
        )
    return found


def as_text(proteins: Iterable[LabelledProtein], evidence: str = SEEN) -> str:
    """UniProt's text."""
    lines = []
    for p in proteins:
        name, identifier, lineage = LINEAGES[p.organism]
        lines += [
            f"ID   {p.accession + '_TEST':24s}Reviewed;{len(p.sequence):12d} AA.",
            f"AC   {p.accession}; A0A000;",
            "DT   08-MAR-2011, integrated into UniProtKB/Swiss-Prot.",
            "DT   08-MAR-2011, sequence version 1.",
            "DT   11-DEC-2019, entry version 53.",
            "DE   RecName: Full=Some protein;",
            "DE   Flags: Precursor;",
            f"OS   {name}.",
            f"OC   {lineage}.",
            f"OX   NCBI_TaxID={identifier};",
            "PE   1: Evidence at protein level;",
        ]
        for kind, start, end, note in features_of(p):
            place = f"{start}..{end}" if start != end else f"{start}"
            lines.append(f"FT   {kind:16s}{place}")
            if note:
                lines.append(f'FT                   /note="{note}"')
            lines.append(f'FT                   /evidence="{evidence},')
            lines.append('FT                   ECO:0000303|Ref.1"')
        lines.append(f"SQ   SEQUENCE   {len(p.sequence)} AA;  8852 MW;  DCDFB9AFA07D7D46 CRC64;")
        for start in range(0, len(p.sequence), 60):
            row = p.sequence[start : start + 60]
            lines.append("     " + " ".join(row[i : i + 10] for i in range(0, len(row), 10)))
        lines.append("//")
    return "\n".join(lines) + "\n"


def as_table(proteins: Iterable[LabelledProtein], evidence: str = SEEN) -> str:
    """UniProt's table, of the columns that are read."""
    columns = list(_TYPES.values())
    head = ["Entry", "Reviewed", "Organism", "Taxonomic lineage", "Protein existence"]
    rows = ["\t".join([*head, *columns, "Non-terminal residue", "Sequence"])]
    for p in proteins:
        cells: dict[str, list[str]] = {column: [] for column in columns}
        for kind, start, end, note in features_of(p):
            place = f"{start}..{end}" if start != end else f"{start}"
            said = f'; /note="{note}"' if note else ""
            cells[_TYPES[kind]].append(f'{kind} {place}{said}; /evidence="{evidence}"')
        name, _, lineage = LINEAGES[p.organism]
        lineage = ", ".join(f"{rank} (clade)" for rank in lineage.split("; "))
        first = [p.accession, "reviewed", name, lineage, "Evidence at protein level"]
        rows.append("\t".join([*first, *("; ".join(cells[c]) for c in columns), "", p.sequence]))
    return "\n".join(rows) + "\n"


def as_gff(proteins: Iterable[LabelledProtein], evidence: str = SEEN) -> tuple[str, str]:
    """UniProt's GFF, and the FASTA file of the same proteins."""
    lines, fasta = ["##gff-version 3"], []
    for p in proteins:
        lines.append(f"##sequence-region {p.accession} 1 {len(p.sequence)}")
        for kind, start, end, note in features_of(p):
            said = f"Note={note};" if note else ""
            more = f"{said}Ontology_term={evidence[:11]};evidence={evidence}"
            cells = (p.accession, "UniProtKB", _TYPES[kind], str(start), str(end))
            lines.append("\t".join((*cells, ".", ".", ".", more, "")))
        name, identifier, _ = LINEAGES[p.organism]
        fasta.append(f">sp|{p.accession}|X_TEST Some protein OS={name} OX={identifier} PE=1 SV=1")
        fasta += [p.sequence[:60], p.sequence[60:]]
    return "\n".join(lines) + "\n", "\n".join(fasta) + "\n"
