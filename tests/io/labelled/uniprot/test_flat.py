import io

import pytest
from Bio import SwissProt

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot import flat
from peft_sp.io.labelled.uniprot.entry import Feature
from tests.support.paths import DATA
from tests.support.uniprot import as_text

EXCERPT, OLD = DATA / "uniprot" / "excerpt.txt", DATA / "uniprot" / "excerpt_2009.txt"


def read(path):
    with path.open() as file:
        return {entry.accession: entry for entry in flat.read(file, str(path))}


def test_real_entries():
    found = read(EXCERPT)
    lipoprotein = found["P0CK95"]
    assert (lipoprotein.group, lipoprotein.reviewed, lipoprotein.existence) == ("NEGATIVE", True, 3)
    assert len(lipoprotein.sequence) == 1520 and lipoprotein.sequence.startswith("MNKKFKYKKSLLA")
    assert lipoprotein.features == (
        Feature("SIGNAL", 1, 23, evidence=("ECO:0000255",)),
        Feature("LIPID", 24, 24, note="N-palmitoyl cysteine", evidence=("ECO:0000255",)),
        Feature("LIPID", 24, 24, note="S-diacylglycerol cysteine", evidence=("ECO:0000255",)),
    )
    rat = found["P16235"]
    assert rat.group == "EUKARYA"
    assert rat.of("SIGNAL") == [Feature("SIGNAL", 1, 26, evidence=("ECO:0000269",))]
    assert [(f.start, f.end) for f in rat.of("TRANSMEM")][:2] == [(363, 390), (400, 422)]
    assert rat.of("TOPO_DOM")[0].note == "Extracellular"


def test_real_entries_of_2009():
    """Two columns of positions, and words in place of evidence codes."""
    found = read(OLD)
    assert found["P00750"].of("SIGNAL") == [Feature("SIGNAL", 1, 22, evidence=("ECO:0000269",))]
    potential = Feature("SIGNAL", 1, 17, note="Potential.", evidence=("ECO:0000305",))
    assert found["P28799"].of("SIGNAL") == [potential]
    transit = Feature("TRANSIT", 1, None, False, "Mitochondrion (Potential).", ("ECO:0000305",))
    assert found["Q8NE62"].of("TRANSIT") == [transit]
    snake = found["P00981"]
    assert snake.of("SIGNAL") == [Feature("SIGNAL", 1, None, False, "", ("ECO:0000269",))]
    assert snake.of("NON_TER") and not snake.fragment


def note_of(feature):
    return feature.qualifiers.get("note", "")


def test_biopython_reads_the_same(labelled):
    text = as_text(labelled)
    expected = [
        (
            record.accessions[0],
            record.sequence,
            [
                (
                    f.type,
                    int(f.location.start) + 1,
                    int(f.location.end),
                    f.qualifiers.get("note", ""),
                )
                for f in record.features
            ],
        )
        for record in SwissProt.parse(io.StringIO(text))
    ]
    found = [
        (e.accession, e.sequence, [(f.kind, f.start, f.end, f.note) for f in e.features])
        for e in flat.read(text.splitlines(), "text")
    ]
    assert found == expected and len(found) == len(labelled)


def test_features_of_other_isoforms_are_left_out():
    text = as_text([]) + "ID   X Reviewed; 2 AA.\nAC   P1;\nFT   SIGNAL          P1-2:1..20\n//\n"
    (entry,) = flat.read(text.splitlines(), "text")
    assert entry.features == ()


@pytest.mark.parametrize(
    ("line", "unreadable"),
    [
        ("FT   SIGNAL          1..", "a feature SIGNAL that cannot be read"),
        ("FT   SIGNAL          yes", "a feature SIGNAL that cannot be read"),
        ("FT   SIGNALX         1..21", "an unknown feature SIGNALX that cannot be read"),
        ("FT   LIPID        20     2x       S-diacylglycerol cysteine.", "a feature LIPID that"),
        ("FT   STRAND          8..20", ""),
        ("FT   SIGNAL          P1-2:1..20", ""),
    ],
)
def test_features_that_cannot_be_read_are_said(line, unreadable):
    text = f"ID   X Reviewed; 2 AA.\nAC   P1;\n{line}\n//\n"
    (entry,) = flat.read(text.splitlines(), "text")
    assert entry.features == () and entry.unreadable.startswith(unreadable)
    assert bool(entry.unreadable) is bool(unreadable)


def test_the_length_is_that_of_the_sequence_or_of_the_first_line():
    head = "ID   X_Y Reviewed; 562 AA.\nAC   P1;\n"
    for more, length in (("SQ   SEQUENCE   346 AA;  9 MW;\n     MKT\n", 346), ("", 562)):
        (entry,) = flat.read(f"{head}{more}//\n".splitlines(), "text")
        assert entry.length == length


@pytest.mark.parametrize(
    ("text", "problem", "line", "record"),
    [
        ("ID   X\nAC   P1;\n", "ends within this entry; if the file is cut off", 1, "P1"),
        ("ID   X_Y\n", "ends within this entry", 1, "X_Y"),
        ("ID   X\n//\n", "without a line AC", 1, "X"),
        ("ID   X\nAC   ;\n//\n", "no accession", 1, None),
        ("ID   X\nAC   P1;\nID   Y\n", "before '//' ends this one; if", 3, "P1"),
        ("AC   P1;\n", "begins with a line ID", 1, None),
    ],
)
def test_mistakes(text, problem, line, record):
    with pytest.raises(InputError, match=problem) as caught:
        list(flat.read(text.splitlines(), "text"))
    assert (caught.value.line, caught.value.record) == (line, record)
