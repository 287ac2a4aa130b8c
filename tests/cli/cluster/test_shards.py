"""The commands for shards, from a plan to one table."""

import pytest

from tests.support.commands import peft_sp

pytestmark = pytest.mark.integration


def test_from_a_plan_to_one_table(ecoli, tmp_path):
    plan, out = tmp_path / "plan.json", tmp_path / "out"
    more = ("--proteins", "100", "--organism", "other", "--formats", "parquet,tsv")
    code, output, errors = peft_sp("shards", "plan", ecoli, "-o", plan, *more)
    assert (code, errors) == (0, "") and output.startswith("3 shards of about ")
    assert peft_sp("shards", "plan", ecoli, "-o", plan, *more)[0] == 0, "the same plan again"
    code, _, errors = peft_sp("shards", "plan", ecoli, "-o", plan)
    assert code == 2 and "is there already" in errors
    code, output, _ = peft_sp("shards", "run", plan, "--shard", "2", "-o", out)
    assert code == 0 and output.startswith("shard-000002: ")
    code, output, _ = peft_sp("shards", "status", plan, "-o", out)
    assert code == 0 and "1 of 3 shards done" in output and "missing: 1,3" in output
    code, _, errors = peft_sp("shards", "merge", plan, "-o", out, "--to", tmp_path / "a.tsv")
    assert code == 2 and "2 of 3 shards are not done (1, 3)" in errors
    code, _, errors = peft_sp("shards", "verify", plan, "-o", out)
    assert code == 2 and "shard-000001: is missing" in errors
    assert peft_sp("shards", "run", plan, "-o", out)[0] == 0
    code, output, _ = peft_sp("shards", "verify", plan, "-o", out, "--inputs")
    assert code == 0 and "300 records, 300 results, 0 errors" in output
    assert "Every record has one result or one error" in output
    code, output, _ = peft_sp("shards", "merge", plan, "-o", out, "--to", tmp_path / "a.tsv")
    assert (code, output) == (0, f"300 results: {tmp_path / 'a.tsv'}\n")
    assert peft_sp("predict", ecoli, "-o", tmp_path / "one")[0] == 0
    one = (tmp_path / "one" / "predictions.tsv").read_bytes()
    assert (tmp_path / "a.tsv").read_bytes() == one


def test_usage(ecoli, tmp_path):
    plan = tmp_path / "plan.json"
    peft_sp("shards", "plan", ecoli, "-o", plan)
    code, _, errors = peft_sp("shards", "run", plan, "-o", tmp_path, "--workers", "2")
    assert code == 2 and "give --cluster, too" in errors
    code, _, errors = peft_sp(
        *("shards", "run", plan, "-o", tmp_path, "--cluster", "local", "--shard", "1"),
    )
    assert code == 2 and "leave out --shard" in errors
    code, _, errors = peft_sp("shards", "run", ecoli, "-o", tmp_path)
    assert code == 2 and "no plan of 'peft-sp shards plan'" in errors
    assert peft_sp("shards", "run", plan, "-o", ecoli)[::2] == (
        2,
        f"peft-sp: {ecoli}/shard-000001: cannot be read (Not a directory)\n",
    )
    code, _, errors = peft_sp("shards", "plan", ecoli, "-o", tmp_path)
    assert (code, errors) == (
        2,
        f"peft-sp: {tmp_path}: is there already; remove it, or name another\n",
    )
    code, _, errors = peft_sp("shards", "plan", ecoli, "-o", plan / "deep" / "plan.json")
    assert code == 2 and "cannot be written (Not a directory)" in errors
    for command in ("plan", "run", "status", "verify", "merge"):
        assert f"peft-sp shards {command}" in peft_sp("shards", command, "--help")[1]
