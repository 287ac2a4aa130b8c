"""A coding sequence on a genome: its bases, and where the residues of its protein lie."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import pairwise

Span = tuple[int, int]
"""First and last base, 1-based and inclusive, as in GFF3."""
_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")


@dataclass(slots=True)
class CodingSequence:
    """The coding segments of one protein; a human genome has 140,000 of them, of ten segments each.

    name: of the protein, which no other coding sequence has; parent, id: of the CDS in the GFF3
    file, "" for none; sequence: the chromosome or contig; line: of the first segment in its file;
    code: number of the genetic code, 0 where the file does not say; product: name of the protein.
    incomplete: its beginning is missing. left_out: why it has no protein, "" where it has one.
    length: of the protein in residues, once that is known.
    """

    sequence: str
    strand: str
    line: int
    id: str = ""
    parent: str = ""
    protein_id: str = ""
    locus_tag: str = ""
    product: str = ""
    name: str = ""
    code: int = 0
    incomplete: bool = False
    left_out: str = ""
    length: int = 0
    _spans: array[int] = field(default_factory=lambda: array("Q"))
    _phases: bytearray = field(default_factory=bytearray)

    def add(self, start: int, end: int, phase: int) -> None:
        """A segment more; phase: bases before its first whole codon."""
        self._spans.extend((start, end))
        self._phases.append(phase)

    def absorb(self, other: CodingSequence) -> None:
        """Take in the segments of what turned out to be the same coding sequence."""
        self._spans.extend(other._spans)
        self._phases.extend(other._phases)

    @property
    def segments(self) -> list[tuple[int, int, int]]:
        """First base, last base and phase of each segment, in the order of translation."""
        found = zip(self._spans[::2], self._spans[1::2], self._phases, strict=True)
        return sorted(found, reverse=self.strand == "-")

    def fingerprint(self) -> bytes:
        """What decides where its protein lies on the genome."""
        return f"{self.name} {self.id} {self.sequence} {self.segments}{self.strand}".encode()

    @property
    def bases(self) -> int:
        """Bases of all segments."""
        return sum(self._spans[1::2]) - sum(self._spans[::2]) + len(self._phases)

    @property
    def skipped(self) -> int:
        """Bases before the first whole codon."""
        return self.segments[0][2]

    @property
    def codons(self) -> int:
        """Whole codons, a stop codon included."""
        return (self.bases - self.skipped) // 3

    def continues(self) -> bool:
        """Whether each segment's phase is what the segments before leave of a codon."""
        read = 0
        for number, (start, end, phase) in enumerate(self.segments):
            if number and (read + phase) % 3:
                return False
            read += end - start + 1 - (0 if number else phase)
        return True

    def overlaps(self) -> bool:
        """Whether two of its segments have bases in common."""
        spans = sorted((start, end) for start, end, _ in self.segments)
        return any(one[1] >= other[0] for one, other in pairwise(spans))

    def read(self, genome: bytes | bytearray, circular: bool = False) -> str:
        """The bases from the first whole codon on, 5' to 3', in upper case.

        genome: all bases of its sequence. circular: behind the last comes the first. Raises
        ValueError where a segment lies beyond the end.
        """
        parts = []
        for start, end, _ in self.segments:
            found = genome[start - 1 : end]
            beyond = end - start + 1 - len(found)
            if beyond and not (circular and end <= 2 * len(genome)):
                raise ValueError(f"ends at base {end:,} of {len(genome):,}")
            if beyond:
                first = max(start - 1 - len(genome), 0)
                found += genome[first : first + beyond]
            part = found.decode("ascii", "replace").upper()
            parts.append(part.translate(_COMPLEMENT)[::-1] if self.strand == "-" else part)
        return "".join(parts)[self.skipped :]

    def spans(self, first: int, last: int) -> list[Span]:
        """Where the residues first..last (1-based) lie, from the left to the right.

        One span a segment; a codon that an intron splits lies in two.
        """
        start, end = self.skipped + 3 * (first - 1), self.skipped + 3 * last
        found, before = [], 0
        for left, right, _ in self.segments:
            size = right - left + 1
            low, high = max(start - before, 0), min(end - before, size)
            if low < high:
                forward = self.strand != "-"
                span = (left + low, left + high - 1) if forward else (right - high + 1, right - low)
                found.append(span)
            before += size
        return sorted(found)
