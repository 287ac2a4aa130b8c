from peft_sp.io.writers import tables
from peft_sp.service.api.schemas import JobRequest, Row


def test_a_row_has_the_columns_of_the_table():
    assert tuple(Row.model_fields) == tables.COLUMNS
    described = Row.model_json_schema()["properties"]
    assert "NO_SP" in described["type"]["enum"]
    assert described["cleavage_site"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]


def test_the_example_is_fasta_that_can_be_sent():
    (example,) = JobRequest.model_json_schema()["properties"]["fasta"]["examples"]
    assert JobRequest(fasta=example).fasta.startswith(">sp|P0AEX9|MALE_ECOLI")
