import gzip
import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest

from peft_sp.errors import InputError
from peft_sp.io.labelled import records
from peft_sp.io.labelled.records import (
    LISTED,
    UNPARTITIONED,
    as_text,
    of_partitions,
    partition,
    read_labelled,
    repeats,
    subset,
    without_cysteine,
    write_labelled,
)


def test_sample(labelled):
    assert len(labelled) == 341
    tor_a = next(p for p in labelled if p.accession == "P33225")
    assert (tor_a.organism, tor_a.type, tor_a.cleavage_site) == ("NEGATIVE", "TAT", 39)
    assert tor_a.organism_type == ("NEGATIVE", "TAT")


def test_written_is_read_again(labelled, labelled_file, tmp_path):
    path = tmp_path / "copy.fasta"
    write_labelled(path, labelled)
    assert path.read_text() == labelled_file.read_text()


GOOD = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTG"
LABELS = "S" * 21 + "O" * 10
WRONG = [
    ("P1|EUKARYA|SP|0\nMK\nSO\n", "starts with '>'", 1),
    (">P1|EUKARYA\nMK\nSO\n", "four fields", 1),
    (f">P1|FUNGI|SP|0\n{GOOD}\n{LABELS}\n", "organism 'FUNGI' is none of EUKARYA", 1),
    (f">P1|EUKARYA|SEC|0\n{GOOD}\n{LABELS}\n", "type 'SEC' is none of NO_SP", 1),
    (f">P1|EUKARYA|SP|3\n{GOOD}\n{LABELS}\n", "partition '3' is none of 0, 1, 2", 1),
    (">P1|EUKARYA|SP|0\nMKT\nSO\n", "3 residues but 2 labels", 2),
    (">P1|EUKARYA|SP|0\nM1\nSO\n", "no amino acids: 1", 2),
    (">P1|EUKARYA|SP|0\nMK\nLS\n", "type SP has not: L", 3),
    (">P1|EUKARYA|SP|0\nMK\nOO\n", "no residue is labelled so", 3),
    (">P1|EUKARYA|SP|0\nMK\n", "three lines .* but this has 2", 1),
    (">P1|EUKARYA|SP|0\nMK\nTA\nSSOO\n", "three lines .* but this has 4", 1),
    ("\n\n>P1|EUKARYA|NO_SP|0\n" + "M" * 71 + "\n" + "I" * 71 + "\n", "71 residues", 4),
    (">P1|EUKARYA|SP|0\n\nMK\n\n\nLS\n", "type SP has not: L", 6),
    (">P1|EUKARYA|SP|0\nMKTAYVVVVV\nSSOOOOOOOO\n", "no path of type SP", 3),
    (">P1|EUKARYA|NO_SP|0\nMKTAY\nIIOOO\n", "no path of type NO_SP", 3),
    (
        f">P1|EUKARYA|LIPO|0\n{GOOD}\n{LABELS.replace('S', 'L')}\n",
        "eukaryotes have no LIPO, only NO_SP, SP",
        1,
    ),
    (f">P1|EUKARYA|PILIN\n{GOOD}\n{LABELS.replace('S', 'P')}\n", "eukaryotes have no PILIN", 1),
    (f">|NEGATIVE|SP|0\n{GOOD}\n{LABELS}\n", "no accession", 1),
    ("", "no records", None),
]


@pytest.mark.parametrize(("text", "problem", "line"), WRONG)
def test_errors_say_where(tmp_path, text, problem, line):
    path = tmp_path / "labels.fasta"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        read_labelled(path)
    assert caught.value.line == line
    assert caught.value.path == str(path)


def test_all_mistakes_of_a_file_are_one_error_with_their_lines(tmp_path):
    """A record with two mistakes, a right one between, a record that is cut short at the end."""
    path = tmp_path / "labels.fasta"
    path.write_text(
        f">P1|FUNGI|SP|7\n{GOOD}\n{LABELS}\n"
        f">P2|EUKARYA|SP|1\n{GOOD}\n{LABELS}\n"
        f"\n>P3|EUKARYA|SP|0\n{GOOD}\n{LABELS[1:]}\n"
        ">P4|EUKARYA|SP|0\nMK\n"
    )
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    assert str(caught.value) == (
        f"{path}: 4 mistakes: "
        "line 1, record 'P1': organism 'FUNGI' is none of EUKARYA, POSITIVE, NEGATIVE, ARCHAEA; "
        "line 1, record 'P1': partition '7' is none of 0, 1, 2 (or -1 for none); "
        "line 9, record 'P3': 31 residues but 30 labels; "
        "line 11, record 'P4': a record has three lines (header, sequence, labels), but this has 2"
    )


def test_of_many_mistakes_the_first_are_named_and_the_others_counted(tmp_path):
    path = tmp_path / "labels.fasta"
    path.write_text("".join(f">P{n}|FUNGI|SP|0\n{GOOD}\n{LABELS}\n" for n in range(1200)))
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: 1,200 mistakes: line 1, record 'P0': organism 'FUNGI'")
    assert message.count("FUNGI") == LISTED and "line 28, record 'P9'" in message
    assert message.endswith("; and 1,190 more") and "\n" not in message


def test_a_file_without_any_labelled_protein_is_not_a_list_of_mistakes(tmp_path):
    path = tmp_path / "proteome.faa"
    path.write_text("".join(f">protein {n}\nMKKTAIAIAVALAGFATVAQA\n" for n in range(30)))
    with pytest.raises(InputError, match="no labelled protein, nor is any other record: the head"):
        read_labelled(path)
    with pytest.raises(InputError, match="give a file of labelled proteins") as error:
        read_labelled(path)
    assert error.value.line == 1 and len(str(error.value)) < 500


def test_a_partition_may_be_left_out(tmp_path):
    path = tmp_path / "labels.fasta"
    path.write_text(f">P1|EUKARYA|SP\n{GOOD}\n{LABELS}\n>P2|EUKARYA|SP|-1\n{GOOD}\n{LABELS}\n")
    proteins = read_labelled(path)
    assert [p.partition for p in proteins] == [UNPARTITIONED] * 2
    assert as_text(proteins[1]) == f">P2|EUKARYA|SP\n{GOOD}\n{LABELS}\n"


def test_small_letters_are_residues(tmp_path):
    path = tmp_path / "labels.fasta"
    path.write_text(f">P1|EUKARYA|SP\n{GOOD.lower()}\n{LABELS}\n")
    assert read_labelled(path)[0].sequence == GOOD


def test_lipoproteins_that_are_cut_before_another_residue_are_found(tmp_path):
    cut = GOOD[:21] + "C" + GOOD[22:]
    labels = LABELS.replace("S", "L")
    path = tmp_path / "labels.fasta"
    path.write_text(
        f">P1|NEGATIVE|LIPO\n{cut}\n{labels}\n>P2|NEGATIVE|LIPO\n{GOOD}\n{labels}\n"
        f">P3|NEGATIVE|SP\n{GOOD}\n{LABELS}\n"
    )
    assert without_cysteine(read_labelled(path)) == ["P2"]


def test_partitions_that_a_user_chose_have_proteins(labelled):
    assert of_partitions(labelled, [0], "a.fasta") == partition(labelled, [0])
    assert of_partitions(labelled, None, "a.fasta") == labelled
    with pytest.raises(InputError, match="chosen partitions; the file has 0, 1, 2"):
        of_partitions(labelled, [-1], "a.fasta")
    without = [replace(p, partition=UNPARTITIONED) for p in labelled[:3]]
    with pytest.raises(InputError, match=r"a\.fasta: has no partitions to choose from; leave out"):
        of_partitions(without, [0], "a.fasta")


def test_no_window_is_learned_from_and_tested_on(labelled):
    tested = partition(labelled, [0])
    avoid = {tested[0].sequence, partition(labelled, [1])[0].sequence}
    learned = partition(labelled, [1, 2], avoid)
    assert not avoid & {p.sequence for p in learned}
    assert len(learned) < len(partition(labelled, [1, 2]))


@pytest.mark.integration
def test_the_whole_training_set(shared):
    proteins = read_labelled(shared / "data" / "train_set.fasta")
    assert Counter(p.partition for p in proteins) == {1: 7392, 2: 7002, 0: 5896}
    found = repeats(proteins)
    assert found.groups == 596
    assert len(found.labels_differ) == 54
    assert len(found.types_differ) == 2
    assert found.partitions_differ == (("P0AD46", "P0AD44", "P0AD45"),)
    for test in (0, 1, 2):
        avoid = {p.sequence for p in partition(proteins, [test])}
        learned = partition(proteins, {0, 1, 2} - {test}, avoid)
        assert not avoid & {p.sequence for p in learned}


def test_a_subset_takes_at_most_so_many_of_each_class(labelled):
    def classes(proteins):
        return Counter((p.organism, p.type, p.partition) for p in proteins)

    distinct = {p.sequence: p for p in labelled}
    drawn = subset(labelled, 3, seed=1)
    expected = {k: min(3, n) for k, n in classes(distinct.values()).items()}
    assert classes(drawn) == expected
    assert subset(labelled, 3, seed=1) == drawn != subset(labelled, 3, seed=2)
    places = [labelled.index(p) for p in drawn]
    assert places == sorted(places)
    # What else there is does not matter to a class.
    eukaryotes = [p for p in labelled if p.organism == "EUKARYA"]
    assert subset(eukaryotes, 3, seed=1) == [p for p in drawn if p.organism == "EUKARYA"]


def test_a_subset_holds_a_repeated_window_once(labelled):
    again = [*labelled[:20], *labelled[:20]]
    assert subset(again, 50, seed=1) == labelled[:20]


BOMBS = {
    "a line": (">P1|EUKARYA|SP|0\n" + "M" * 2000, "line 2, record 'P1': more than 1,000 letters"),
    "many lines": (
        ">P1|EUKARYA|SP|0\n" + "M\n" * 900,
        "line 493, record 'P1': more than 1,000 letters",
    ),
    "a header": (">" + "a" * 2000, "line 1: more than 1,000 letters"),
    "blank lines": ("\n" * 200, "line 101: more than 100 blank lines"),
    "blank lines inside": (
        ">P1|EUKARYA|SP|0" + "\n" * 200,
        "line 102, record 'P1': more than 100 blank lines",
    ),
    "records": (f">P1|EUKARYA|SP|0\n{GOOD}\n{LABELS}\n" * 9, "line 16: more than 5 proteins"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_more_than_any_file_of_proteins_holds_is_one_line(kind, tmp_path, monkeypatch):
    content, problem = BOMBS[kind]
    for name, most in (("LONGEST", 1000), ("IDLE", 100), ("MOST", 5)):
        monkeypatch.setattr(records, name, most)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(content.encode()))
    with pytest.raises(InputError) as caught:
        read_labelled(tmp_path / "bomb.gz")
    assert f"bomb.gz, {problem}" in str(caught.value)


def test_a_small_compressed_file_of_much_takes_little_memory(tmp_path):
    """No more of 300 MB is read than the limit."""
    with gzip.open(tmp_path / "bomb.gz", "wb", compresslevel=1) as file:
        file.write(b">P1|EUKARYA|SP|0\n")
        for _ in range(300):
            file.write(b"M" * 1_000_000)
    tracemalloc.start()
    with pytest.raises(InputError, match="record 'P1': more than 10,000,000 letters"):
        read_labelled(tmp_path / "bomb.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
