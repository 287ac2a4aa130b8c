"""From annotation to labels: which type a protein has, where it is cut, what lies behind.

What the annotation leaves open is not guessed: such a protein is left out, for a reason that is
counted. Positions are 1-based, as in UniProt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from peft_sp.biology.alphabet import RESIDUES
from peft_sp.biology.grammar import NO_SP, WINDOW
from peft_sp.biology.tagging import LABEL_OF_TYPE, allowed_states, hydrophobic_centre
from peft_sp.io.labelled.records import UNPARTITIONED, LabelledProtein
from peft_sp.io.labelled.uniprot.entry import (
    LIPID,
    MOD_RES,
    NON_TER,
    PROPEP,
    SIGNAL,
    TOPO_DOM,
    TRANSIT,
    TRANSMEM,
    Entry,
    Feature,
)

Evidence = Literal["experimental", "manual", "any"]
SHORTEST = 30
"""Residues of the shortest protein that is labelled."""
TWIN_ARGININE = re.compile("RR.[FGAVML][LITMVF]")
"""Twin-arginine motif: of SignalP 6.0's TAT proteins 333 in 365 have it before the hydrophobic
centre, of its SP proteins that are not eukaryotic 6 in 542."""
_EXPERIMENTAL = {"ECO:0000269", "ECO:0007744"}
_AUTOMATIC = {"ECO:0000213", "ECO:0000256", "ECO:0000259", "ECO:0000313", "ECO:0007829"}
_LIPOPROTEIN = re.compile(r"diacylglycerol|archaeol|N-(?:palmitoyl|acyl) cysteine", re.IGNORECASE)
_TAT = re.compile(r"tat-type|twin-arginine", re.IGNORECASE)
_LEADER = re.compile(r"leader sequence|prepilin", re.IGNORECASE)
_METHYLATED = re.compile(r"N-methyl(?:phenylalanine|methionine|leucine|isoleucine|tyrosine)")
_INSIDE = re.compile(r"cytoplasmic|mitochondrial matrix|stromal|nuclear", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """What is labelled.

    evidence: of the signal peptide, or that there is none: seen in an experiment; asserted by a
    curator, not by a program alone; or any. fragments: proteins whose start may be missing, too.
    ambiguous: proteins that annotation leaves open, by the likeliest reading. group: the organism
    group of all proteins, None to read each one's.
    """

    evidence: Evidence = "manual"
    fragments: bool = False
    ambiguous: bool = False
    group: str | None = None


@dataclass
class Remarks:
    """What there is to say of proteins.

    left_out: accession and reason of each that was not labelled, in their order; other_group:
    accessions of those that were labelled with a group given for all, but belong to another.
    """

    left_out: list[tuple[str, str]] = field(default_factory=list)
    other_group: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> list[tuple[str, list[str]]]:
        """The proteins that were left out for each reason, the commonest first."""
        found: dict[str, list[str]] = defaultdict(list)
        for accession, reason in self.left_out:
            found[reason].append(accession)
        return sorted(found.items(), key=lambda item: -len(item[1]))


class _UnlabelledError(Exception):
    """Why a protein has no labels."""


def labelled(entries: Iterable[Entry], rules: Rules, remarks: Remarks) -> Iterator[LabelledProtein]:
    """The proteins that can be labelled by the rules; of equal windows only the first."""
    seen: dict[str, LabelledProtein] = {}
    sequences: dict[str, str] = {}
    for entry in entries:
        try:
            if sequences.setdefault(entry.accession, entry.sequence) != entry.sequence:
                raise _UnlabelledError("an earlier protein of this accession has other residues")
            protein = _label(entry, rules)
            first = seen.setdefault(protein.sequence, protein)
            if first is not protein:
                same = (first.type, first.labels) == (protein.type, protein.labels)
                raise _UnlabelledError(
                    "the first residues are those of an earlier protein"
                    + ("" if same else ", which is labelled otherwise")
                )
        except _UnlabelledError as reason:
            remarks.left_out.append((entry.accession, str(reason)))
        else:
            if protein.organism not in entry.groups:
                remarks.other_group.append(entry.accession)
            yield protein


def _refuse_damaged(entry: Entry) -> None:
    """Raise _UnlabelledError where a part of an entry is missing or cannot be read."""
    if entry.unreadable:
        raise _UnlabelledError(entry.unreadable)
    length = len(entry.sequence)
    if entry.length not in {None, length}:
        raise _UnlabelledError("the sequence is not as long as the file says: is it cut off?")
    if any(max(f.start or 0, f.end or 0) > length for f in entry.features):
        raise _UnlabelledError("a feature lies beyond the sequence: is that cut off?")


def _label(entry: Entry, rules: Rules) -> LabelledProtein:
    """A protein with its labels. Raises _UnlabelledError where annotation leaves them open."""
    _refuse_damaged(entry)
    group = rules.group or entry.group
    if group is None:
        why = f": {entry.lineage_in}" if entry.groups and entry.lineage_in else ""
        raise _UnlabelledError(f"the organism group is not known{why} (give --organism)")
    window = entry.sequence[:WINDOW]
    if set(window) - set(RESIDUES):
        raise _UnlabelledError("letters that are no amino acids")
    if len(window) < SHORTEST:
        raise _UnlabelledError(f"shorter than {SHORTEST} residues")
    if not rules.fragments:
        if entry.fragment or any(f.start == 1 for f in entry.of(NON_TER)):
            raise _UnlabelledError("a fragment, whose start may be missing")
        if window[0] != "M":
            raise _UnlabelledError("does not begin with M: a fragment or a mature protein")
    kind, site = _signal_peptide(entry, window, group != "EUKARYA", rules)
    labels = LABEL_OF_TYPE[kind] * site + _topology(entry, len(window), kind, site, rules)
    try:
        allowed_states(window, labels, kind)
    except ValueError as error:
        raise _UnlabelledError(str(error)) from None
    return LabelledProtein(entry.accession, group, kind, UNPARTITIONED, window, labels)


def _signal_peptide(entry: Entry, window: str, prokaryote: bool, rules: Rules) -> tuple[str, int]:
    """Type, and last residue of the signal peptide (0 for none)."""
    signals = entry.of(SIGNAL)
    if not signals:
        return _without_signal(entry, prokaryote, rules)
    if len(signals) > 1:
        raise _UnlabelledError("several signal peptides are annotated")
    signal = signals[0]
    if entry.of(TRANSIT) and not rules.ambiguous:
        raise _UnlabelledError("ambiguous: both a signal peptide and a transit peptide")
    if not _is_evidence(signal, entry, rules):
        raise _UnlabelledError(f"the signal peptide has no evidence of the kind '{rules.evidence}'")
    if "not cleaved" in signal.note.lower():
        raise _UnlabelledError("the signal peptide is not cleaved")
    if not signal.exact or signal.start != 1 or signal.end is None:
        raise _UnlabelledError("it is not known where the signal peptide begins or is cut")
    if signal.end >= len(window):
        raise _UnlabelledError(f"the signal peptide is not cut within {WINDOW} residues")
    if not prokaryote:
        return "SP", signal.end
    lipid = [f for f in entry.of(LIPID) if _LIPOPROTEIN.search(f.note)]
    is_lipoprotein = any(f.start == signal.end + 1 for f in lipid)
    if (is_lipoprotein and window[signal.end] != "C") or (lipid and not is_lipoprotein):
        raise _UnlabelledError("the residue that carries a lipid is no cysteine behind the cut")
    is_tat = _TAT.search(signal.note) is not None
    if not is_tat and _has_twin_arginine(window[: signal.end]):
        if not rules.ambiguous:
            raise _UnlabelledError("ambiguous: a twin-arginine motif, but not annotated as Tat")
        is_tat = True
    if is_tat:
        return "TATLIPO" if is_lipoprotein else "TAT", signal.end
    return "LIPO" if is_lipoprotein else "SP", signal.end


def _without_signal(entry: Entry, prokaryote: bool, rules: Rules) -> tuple[str, int]:
    """Type and site of a protein that has no feature SIGNAL: none, or a pilin's."""
    for propeptide in (f for f in entry.of(PROPEP) if f.start == 1):
        behind = [f for f in entry.of(MOD_RES) if f.start == (propeptide.end or 0) + 1]
        methylated = any(_METHYLATED.search(f.note) for f in behind)
        if prokaryote and (_LEADER.search(propeptide.note) or methylated):
            if not propeptide.exact or propeptide.end is None:
                raise _UnlabelledError("it is not known where the signal peptide begins or is cut")
            if not _is_evidence(propeptide, entry, rules):
                raise _UnlabelledError(
                    f"the signal peptide has no evidence of the kind '{rules.evidence}'"
                )
            return "PILIN", propeptide.end
        if not rules.ambiguous:
            raise _UnlabelledError("ambiguous: a propeptide at the start, but no signal peptide")
    if any(_LIPOPROTEIN.search(f.note) for f in entry.of(LIPID)) and prokaryote:
        raise _UnlabelledError("ambiguous: a lipoprotein without a signal peptide")
    if rules.evidence != "any" and entry.reviewed is False:
        raise _UnlabelledError("no signal peptide, but no curator has looked (not reviewed)")
    if rules.evidence == "experimental" and entry.existence != 1:
        raise _UnlabelledError("no signal peptide, but no evidence of the protein itself")
    return NO_SP, 0


def _is_evidence(feature: Feature, entry: Entry, rules: Rules) -> bool:
    """Whether a feature is known in the way that is asked for."""
    if rules.evidence == "any":
        return True
    if rules.evidence == "experimental":
        return bool(_EXPERIMENTAL & set(feature.evidence))
    # What curators wrote before there were codes has none.
    return bool(set(feature.evidence) - _AUTOMATIC) or (
        not feature.evidence and entry.reviewed is not False
    )


def _has_twin_arginine(signal_peptide: str) -> bool:
    """Whether the motif stands before the hydrophobic centre."""
    match = TWIN_ARGININE.search(signal_peptide)
    return match is not None and match.start() < hydrophobic_centre(signal_peptide)


def _topology(entry: Entry, length: int, kind: str, site: int, rules: Rules) -> str:
    """The labels I, M and O of the residues behind `site`.

    Topological domains say which side is which; a residue between them is on the side of its
    neighbours, and the sides of a transmembrane stretch differ. A signal peptide leads outside;
    a protein with neither signal peptide nor transmembrane stretch is inside.
    """
    labels = ["."] * (length + 1)
    for feature in (*entry.of(TOPO_DOM), *entry.of(TRANSMEM)):
        if feature.start is None or feature.end is None:
            continue
        side = "I" if _INSIDE.search(feature.note) else "O"
        label = "M" if feature.kind == TRANSMEM else side
        for position in range(max(feature.start, site + 1), min(feature.end, length) + 1):
            labels[position] = label
    behind = "".join(labels[site + 1 :])
    if kind == "PILIN":
        if "M" not in behind:
            raise _UnlabelledError("a pilin without an annotated transmembrane stretch")
        return behind.replace(".", "O")
    membrane, loops = re.findall("M+", behind), re.split("M+", behind)
    sides = [next(iter(loop.replace(".", "")), "") for loop in loops]
    if not sides[0] and (site or not membrane):
        sides[0] = "O" if site else "I"
    if not any(sides):
        if not rules.ambiguous:
            raise _UnlabelledError("ambiguous: a transmembrane stretch without topological domains")
        sides[0] = "I"
    for order in (range(1, len(sides)), range(len(sides) - 2, -1, -1)):
        step = order.step
        for number in order:
            if not sides[number]:
                sides[number] = {"I": "O", "O": "I", "": ""}[sides[number - step]]
    filled = [loop.replace(".", side) for loop, side in zip(loops, sides, strict=True)]
    return "".join(map("".join, zip(filled, [*membrane, ""], strict=True)))
