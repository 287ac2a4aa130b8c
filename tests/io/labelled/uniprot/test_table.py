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
    assert caught.value.line == 2
