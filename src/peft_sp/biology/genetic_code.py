"""The genetic codes, by their numbers in NCBI's list (`transl_table`), and translation by them.

Each is one line of 64 letters and its start codons: a library for it would be larger than this
package, and loaded by every command. A test compares all of them with Biopython's.
"""

from __future__ import annotations

from functools import cache
from itertools import product

from peft_sp.biology.alphabet import UNKNOWN

STOP = "*"
_CODONS = tuple("".join(bases) for bases in product("TCAG", repeat=3))
_BASES = {
    **{base: base for base in "ACGT"},
    **{"U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
"""What each letter of IUPAC stands for."""
_INVERTEBRATES = "TTG ATT ATC ATA ATG GTG"
_BACTERIA = "TTG CTG ATT ATC ATA ATG GTG"
# Amino acids in the order of `_CODONS`. Where a stop codon may also be read, its residue is given.
_TABLES = {
    1: ("FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "TTG CTG ATG"),
    2: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG", "ATT ATC ATA ATG GTG"),
    3: ("FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATG GTG"),
    4: (
        "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        f"TTA {_BACTERIA}",
    ),
    5: (
        "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
        _INVERTEBRATES,
    ),
    6: ("FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    9: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    10: ("FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    11: ("FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", _BACTERIA),
    12: ("FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "CTG ATG"),
    13: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG", "TTG ATA ATG GTG"),
    14: ("FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG"),
    15: ("FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    16: ("FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    21: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    22: ("FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    23: ("FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATT ATG GTG"),
    24: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "TTG CTG ATG GTG"),
    25: ("FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "TTG ATG GTG"),
    26: ("FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "CTG ATG"),
    27: ("FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    28: ("FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    29: ("FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    30: ("FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    31: ("FFLLSSSSYYEECCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    32: ("FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", _BACTERIA),
    33: ("FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "TTG CTG ATG GTG"),
}
CODES = tuple(_TABLES)
"""Numbers of all codes."""


class GeneticCode:
    """One of NCBI's genetic codes. Raises KeyError for a number that none of them has."""

    def __init__(self, number: int) -> None:
        residues, starts = _TABLES[number]
        self._starts = frozenset(starts.split())
        self._residues = dict(zip(_CODONS, residues, strict=True))

    def translate(self, bases: str, starts: bool) -> str:
        """The residues of whole codons, a last stop included; bases: upper case, 5' to 3'.

        starts: the first codon is where translation begins, and is M where the code begins there.
        A codon with ambiguous bases is X, unless all that it may be give one residue.
        """
        known = self._residues
        letters = []
        for at in range(0, len(bases) - 2, 3):
            codon = bases[at : at + 3]
            letter = known.get(codon)
            letters.append(letter if letter is not None else self._ambiguous(codon))
        if starts and letters and bases[:3].replace("U", "T") in self._starts:
            letters[0] = "M"
        return "".join(letters)

    def _ambiguous(self, codon: str) -> str:
        options = product(*(_BASES.get(base, "") for base in codon))
        found = {self._residues["".join(option)] for option in options}
        letter = found.pop() if len(found) == 1 else UNKNOWN
        self._residues[codon] = letter
        return letter


@cache
def genetic_code(number: int) -> GeneticCode:
    """The code of a number. Raises KeyError."""
    return GeneticCode(number)
