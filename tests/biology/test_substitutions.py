"""Changes of single residues, and how they are compared with the protein as it is."""

from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.biology.substitutions import Scan, Substitution, changed
from tests.support.predictions import by_type


def predicted(kind, site, *values):
    cut = values[-1] if site else None
    return Prediction(Protein("a", "MKA"), kind, by_type(*values), site, cut)


def test_each_residue_becomes_each_other_one():
    found = changed(Protein("a b", "MXK" + "A" * 90), 80)
    assert len(found) == 19 + 20 + 68 * 19  # X becomes all twenty
    assert [(one[0], one[1], one[2]) for one in found[:2]] == [(1, "M", "A"), (1, "M", "C")]
    assert {one[3].header for one in found} == {"a b"}
    assert all(len(p.sequence) == 80 and p.sequence[n - 1] == to for n, _, to, p in found)
    assert len({one[3].sequence for one in found}) == len(found)


def test_changes():
    wild = predicted("SP", 20, 0.1, 0.9)
    same, lost, other = (
        Substitution(2, "K", "A", predicted("SP", 22, 0.2, 0.8)),
        Substitution(2, "K", "D", predicted("NO_SP", None, 0.7, 0.3)),
        Substitution(3, "A", "C", predicted("LIPO", 19, 0.3, 0.1, 0.6)),
    )
    scan = Scan(wild, (same, lost, other))
    assert [one.name for one in scan.substitutions] == ["K2A", "K2D", "A3C"]
    assert [round(scan.change(one), 6) for one in scan.substitutions] == [-0.1, -0.6, -0.2]
    assert [scan.shift(one) for one in scan.substitutions] == [2, None, -1]
    assert [scan.changes_type(one) for one in scan.substitutions] == [False, True, True]
    assert [round(scan.cut_change(one), 6) for one in scan.substitutions] == [-0.1, -0.9, -0.3]
    assert scan.breaking == (lost,)
    assert Scan(lost.prediction, (lost,)).breaking == ()
