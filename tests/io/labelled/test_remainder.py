import pytest

from peft_sp.errors import InputError
from peft_sp.io.labelled.remainder import read_remainder

HEAD = "accession\tidentity_0\tidentity_1\tidentity_2\tevalue_0\tevalue_1\tevalue_2\n"
WINDOW = "MKKLLAAGLLVAAPAAQA"
PROTEINS = "".join(f">{name}|NEGATIVE|NO_SP|-1\n{WINDOW}\n{'I' * len(WINDOW)}\n" for name in "AB")


@pytest.fixture
def write(tmp_path):
    def written(table, proteins=PROTEINS):
        (tmp_path / "r.fasta").write_text(proteins)
        (tmp_path / "h.tsv").write_text(table)
        return tmp_path / "r.fasta", tmp_path / "h.tsv"

    return written


def test_a_protein_may_be_learned_from_where_it_is_unlike_all_that_is_held_out(write):
    table = HEAD + "A\t0.35\t0.36\t0.2\t\t5\t1e-2\nB\t0.1\t0.1\t0.9\t0.02\t\t1e-9\n"
    found = read_remainder(*write(table))
    # A reaches the limit of identity in 1 and that of the E-value in 2; B both in 2.
    allowed = {held: found.apart_from(held, 0.36, 0.01) for held in [(), (0,), (1,), (2,), (0, 1)]}
    assert allowed == {(): [0, 1], (0,): [0, 1], (1,): [1], (2,): [], (0, 1): [1]}
    assert found.take([1]).apart_from((0,), 0.36, 0.01) == [0]
    assert found.take([1]).proteins[0].accession == "B"


def test_the_limits_decide(write):
    found = read_remainder(*write(HEAD + "A\t.3\t.3\t.3\t\t\t\nB\t.4\t.4\t.4\t\t\t\n"))
    assert found.apart_from((0,), 0.3, 0) == []
    assert found.apart_from((0,), 0.35, 0) == [0]
    assert found.apart_from((0,), 1, 0) == [0, 1]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "line 1: lacks the columns accession, identity_0"),
        (HEAD + "A\t0\t0\t0\t\t\t\n", "has no line for 1 of 2 proteins of .*, such as B"),
        (HEAD + "A\t0\t0\n", "line 2: 3 fields where the head has 7"),
        (HEAD + "A\t2\t0\t0\t\t\t\n", "line 2, record 'A': identities must be fractions"),
        (HEAD + "A\tx\t0\t0\t\t\t\n", "line 2, record 'A': identities must be fractions"),
        (HEAD + "A\t0\t0\tnan\t\t\t\n", "line 2, record 'A': identities must be fractions"),
        (HEAD + "A\t0\t0\t0\t\t\tnan\n", "line 2, record 'A': identities must be fractions"),
        (HEAD + 2 * "A\t0\t0\t0\t\t\t\n", "line 3, record 'A': stands twice"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(write, table, problem):
    with pytest.raises(InputError, match=problem):
        read_remainder(*write(table))


def test_proteins_of_a_partition_are_no_remainder(write):
    proteins = PROTEINS.replace("-1", "1")
    with pytest.raises(InputError, match="record 'A': is in partition 1; the remainder belongs"):
        read_remainder(*write(HEAD, proteins))


def test_the_shared_table_says_the_same_as_its_own_column(shared):
    """It was computed elsewhere, and holds what follows from the limits beside them."""
    table = shared / "data" / "remainder_homology.tsv"
    found = read_remainder(shared / "data" / "remainder.fasta", table)
    lines = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    said = {line[0]: line[3] for line in lines}
    for partition in (0, 1, 2):
        allowed = set(found.apart_from((partition,), 0.36, 0.01))
        expected = {n for n, p in enumerate(found.proteins) if str(partition) in said[p.accession]}
        assert allowed == expected and len(allowed) > 3000
