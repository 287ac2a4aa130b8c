"""Signal peptides and mature proteins as features of the genome, in GFF3.

Terms are those of the Sequence Ontology which genome browsers and NCBI's table2asn know. A feature
in several exons has a line in each, all with one ID. `Derives_from` names the CDS of the input
file, so that this file is valid alone and beside it: the ontology lets no peptide be a part of a
CDS, and a Parent would have to stand in the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from peft_sp.biology.grammar import DECLARATIONS
from peft_sp.biology.prediction import Prediction
from peft_sp.io.writers.gff3 import escaped

if TYPE_CHECKING:
    from peft_sp.biology.coding_sequence import CodingSequence
    from peft_sp.io.genomes.gff import Genes

FILE = "genome.gff3"
_KIND = {d.name: f"{d.title};type={d.name};pathway={d.mechanism}" for d in DECLARATIONS}
_RESERVED = {code: f"%{code:02X}" for code in (*range(0x20), 0x7F, *b"%;=&,")}
"""What an attribute may not hold as it is."""


class GenomeWriter:
    """Writes `genome.gff3`; source: who predicted; `begun`: its head stands there already."""

    def __init__(self, file: TextIO, source: str, genes: Genes, begun: bool = False) -> None:
        self._file, self._source, self._genes = file, source, genes
        name, _, version = source.rpartition("-")
        self._inference = f"inference=ab initio prediction:{name}:{version}"
        if not begun:
            file.write("##gff-version 3\n")

    def write(self, prediction: Prediction) -> None:
        """Add the features of a prediction, at each place of the genome that has the protein."""
        if not prediction.cleavage_site:
            return
        for coding in self._genes.of_protein.get(prediction.id, ()):
            self._file.writelines(self._lines(prediction, coding))

    def _lines(self, prediction: Prediction, coding: CodingSequence) -> Iterator[str]:
        site, length = prediction.cleavage_site or 0, len(prediction.protein.sequence)
        name = escaped(coding.name)
        cut = f"{prediction.cleavage_probability or 0.0:.6f}"
        origin = coding.id or coding.parent
        derived = f";Derives_from={origin}" if origin else ""
        shared = f"{derived};protein_id={_attribute(prediction.id)};{self._inference}"
        kind = f"Name={_KIND[prediction.type]};cleavage_probability={cut}"
        probability = f"{prediction.probability:.6f}"
        product = f";product={_attribute(coding.product)}" if coding.product else ""
        features = [("signal_peptide", 1, site, probability, kind)]
        if site < length:
            named = f"Name=mature protein{product}"
            features.append(("mature_protein_region", site + 1, length, cut, named))
        for term, first, last, score, more in features:
            attributes = f"ID={name}.{term};{more}{shared}"
            for start, end in coding.spans(first, last):
                yield (
                    f"{coding.sequence}\t{self._source}\t{term}\t{start}\t{end}\t{score}\t"
                    f"{coding.strand}\t.\t{attributes}\n"
                )


def _attribute(text: str) -> str:
    return text.translate(_RESERVED)
