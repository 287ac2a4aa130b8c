import pytest

from peft_sp.errors import InputError
from peft_sp.io.labelled.uniprot import flat, table
from peft_sp.io.labelled.uniprot.entry import Feature
from tests.support.uniprot import as_table, as_text

COLUMNS = "Entry\tSequence\tSignal peptide\tLipidation\tTransmembrane\tPropeptide"


def read(text):
    return list(table.read(iter(text.splitlines(keepends=True)), "table"))


def test_a_table_says_what_the_text_says(labelled):
    from_text = list(flat.read(as_text(labelled).splitlines(), "text"))
    found = read(as_table(labelled))
    assert [e.accession for e in found] == [e.accession for e in from_text]
    for one, other in zip(found, from_text, strict=True):
        assert (one.sequence, one.group, one.reviewed) == (other.sequence, other.group, True)
        assert one.existence == other.existence == 1
        kinds = {(f.kind, f.start, f.end, f.note) for f in one.features}
        assert kinds == {(f.kind, f.start, f.end, f.note) for f in other.features}


def test_several_features_in_a_cell_and_cells_that_a_spreadsheet_quoted():
    cell = 'TRANSMEM 1..21; /note=""Helical; Name=1""; /evidence=""ECO:0000255""; TRANSMEM 30..?'
    row = f'P1\tMK\tSIGNAL 1..2; /evidence="ECO:0000269|PubMed:1"\t\t"{cell}"\t'
    (entry,) = read(f"{COLUMNS}\n{row}\n")
    assert entry.of("TRANSMEM") == [
        Feature("TRANSMEM", 1, 21, note="Helical", evidence=("ECO:0000255",)),
        Feature("TRANSMEM", 30, None, False),
    ]
    assert entry.of("SIGNAL") == [Feature("SIGNAL", 1, 2, evidence=("ECO:0000269",))]
    assert entry.reviewed is None and entry.group is None


def test_names_of_fields_are_names_of_columns():
    head = "accession\tsequence\tft_signal\tft_lipid\tft_transmem\tft_propep\torganism_id\tfragment"
    (entry,) = read(f"{head}\nP1\tMK\tSIGNAL 1..2\t\t\t\t9606\tfragment\n")
    assert (entry.group, entry.fragment) == ("EUKARYA", True)


def test_columns_that_lack_are_named():
    with pytest.raises(InputError, match="lacks the columns Lipidation, Propeptide; add them"):
        read("Entry\tSequence\tSignal peptide\tTransmembrane\n")
    with pytest.raises(InputError, match="5 columns, but the first line names 6") as caught:
        read(f"{COLUMNS}\nP1\tMK\t\t\t\n")
    assert (caught.value.line, caught.value.record) == (2, "P1")


def of(columns, *cells):
    (entry,) = read(f"{COLUMNS}{columns}\nP1\tMK\t" + "\t".join(cells) + "\n")
    return entry


@pytest.mark.parametrize(
    "cell",
    ['  SIGNAL 1..2; /evidence="ECO:0000269" ', 'signal 1..2; /evidence="eco:0000269";'],
)
def test_blanks_and_small_letters_do_not_hide_a_feature(cell):
    entry = of("", cell, "", "", "")
    assert entry.features == (Feature("SIGNAL", 1, 2, evidence=("ECO:0000269",)),)
    assert entry.unreadable == ""


UNREADABLE = (
    "21",
    "yes",
    "NA",
    "SIGNAL",
    "SIGNAL 1..",
    "SIGNAL 1 .. 21",
    "SIGNAL 1 21 {ECO:0000269|PubMed:1}.",
    "SIGNAL 1..21, /evidence=x",
    "SIGNAL 1–21",
    "SIGNAL 21..1",
    "SIGNAL 0..20",
    "SIGNAL 1..21; SIGNAL twenty",
    "SIGNAL 1..21; SIGNALX 1..3",
    "SIGNALX 1..21",
)


@pytest.mark.parametrize("cell", UNREADABLE)
@pytest.mark.parametrize("column", [0, 1, 2, 3, 4])
def test_a_cell_that_cannot_be_read_is_said_and_not_taken_for_an_empty_one(cell, column):
    names = ("Signal peptide", "Lipidation", "Transmembrane", "Propeptide", "Transit peptide")
    kinds = ("SIGNAL", "LIPID", "TRANSMEM", "PROPEP", "TRANSIT")
    cells = [""] * 5
    cells[column] = cell.replace("SIGNAL", kinds[column])
    entry = of("\tTransit peptide", *cells)
    assert entry.unreadable == f"a cell {names[column]} that cannot be read"


def test_the_length_and_a_lineage_that_is_not_there():
    assert of("\tLength", "", "", "", "", "1,346").length == 1346
    entry = of("", "", "", "", "")
    assert (entry.length, entry.lineage_in) == (None, "the table has no column Taxonomic lineage")
    assert of("\tTaxonomic lineage", "", "", "", "", "").lineage_in == ""


@pytest.mark.parametrize("accession", ["", "P 1|x"])
def test_an_accession_that_fits_into_no_header_is_refused(accession):
    with pytest.raises(InputError, match="accession") as caught:
        read(f"{COLUMNS}\nP1\tMK\t\t\t\t\n{accession}\tMK\t\t\t\t\n")
    assert caught.value.line == 3
