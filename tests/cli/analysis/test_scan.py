"""The command that changes every residue."""

import pytest

from tests.support.commands import peft_sp, rows

pytestmark = pytest.mark.integration


def test_a_table_and_heat_maps(good, tmp_path):
    out = tmp_path / "out"
    code, output, errors = peft_sp("scan", good, "-o", out, "--plots", "svg")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "a: SP, cleavage after 21; of 912 changes 0 break it, 2 give another type, 5 move the cut",
        "b: no signal peptide; 0 of 456 changes make one",
        f"written to {out}/scan.tsv",
        f"written to {out}/plots",
    ]
    table = rows(out / "scan.tsv")
    assert len(table) == 912 + 456 + 2
    assert {path.name for path in (out / "plots").iterdir()} == {"a.svg", "b.svg"}
    (row,) = [row for row in table[:913] if (row["position"], row["to"]) == ("20", "C")]
    assert (row["residue"], row["type"], row["type_changed"], row["site_change"]) == (
        *("Q", "LIPO", "yes", "-2"),
    )


def test_the_table_alone_and_usage(good, tmp_path):
    code, output, errors = peft_sp("scan", good, "-o", "-")
    assert (code, errors, output.count("\n")) == (0, "", 1371)
    code, _, errors = peft_sp("scan", good, "-o", "-", "--plots", "svg")
    assert code == 2 and "--plots needs a directory" in errors
    (tmp_path / "scan.tsv").write_text("mine")
    code, _, errors = peft_sp("scan", good, "-o", tmp_path)
    assert code == 2 and "was not written by this program" in errors
    code, _, errors = peft_sp("scan", tmp_path / "none.faa")
    assert code == 2 and errors.endswith("none.faa: no such file\n")
    help_text = " ".join(peft_sp("scan", "--help")[1].split())
    assert "peft-sp scan protein.faa --plots svg -o results" in help_text
