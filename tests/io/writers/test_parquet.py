"""The tidy table as Parquet."""

import pytest

import peft_sp
from peft_sp.io.writers import parquet, tables

arrow = pytest.importorskip("pyarrow.parquet")


def test_the_columns_and_values_are_those_of_the_table(tmp_path, ecoli, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 7)
    predictor = peft_sp.load("fast", threads=1)
    predictions = [*predictor.predict(list(peft_sp.read_fasta(ecoli))[:20])]
    with parquet.ParquetWriter(tmp_path / "a.parquet") as writer:
        for number, prediction in enumerate(predictions, 5):
            writer.write(number, prediction)
    file = arrow.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 3
    table = file.read()
    assert table.column_names == ["record", *tables.COLUMNS]
    assert table["record"].to_pylist() == list(range(5, 25))
    with (tmp_path / "a.tsv").open("w") as text:
        own = tables.TableWriter(text)
        for prediction in predictions:
            own.write(prediction)
    lines = (tmp_path / "a.tsv").read_text().splitlines()[1:]
    assert [row | {"record": 0} for row in table.to_pylist()] == [
        tables.parsed(line) | {"record": 0} for line in lines
    ]
