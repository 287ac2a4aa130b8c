from peft_sp.io.writers import tables
from peft_sp.service.results.comparison import disagreements


def row(name, kind, site="", **probabilities):
    cells = dict.fromkeys(tables.COLUMNS, "")
    cells |= {"id": name, "type": kind, "cleavage_site": site, "length": "70", **probabilities}
    return "\t".join(cells.values())


def table(path, *rows):
    path.write_text("\n".join(["\t".join(tables.COLUMNS), *rows]) + "\n")
    return path


def test_other_types_and_other_sites_are_disagreements(tmp_path):
    first = table(
        tmp_path / "1",
        row("a", "SP", "21"),
        row("b", "SP", "21"),
        row("c", "SP", "9"),
        row("d", "NO_SP"),
    )
    second = table(
        tmp_path / "2",
        row("a", "SP", "21", p_sp="0.900000"),
        row("b", "SP", "23", p_sp="0.800000"),
        row("c", "NO_SP", p_no_sp="0.700000"),
        row("d", "NO_SP", p_no_sp="0.600000"),
    )
    assert list(disagreements(first, second)) == [
        {"index": 1, "type": "SP", "site": 23, "probability": 0.8},
        {"index": 2, "type": "NO_SP", "site": None, "probability": 0.7},
    ]
