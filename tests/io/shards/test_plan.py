"""How inputs are cut."""

import gzip
import json
from dataclasses import asdict

import pytest

from peft_sp.errors import InputError, OptionError
from peft_sp.io.shards.plan import Plan, Predicting, make_plan, plan_of, read_plan

PREDICTING = Predicting("fast", "abc", "other", 0.5, ("parquet", "tsv"))


def fasta(path, count, letters=99):
    path.write_text("".join(f">p{n:05d}\n{'M' * letters}\n" for n in range(count)))
    return str(path)


def test_a_large_file_is_cut_and_small_ones_share_a_shard(tmp_path):
    large = fasta(tmp_path / "large.faa", 1000)
    small = [fasta(tmp_path / f"small{n}.faa", 40) for n in range(3)]
    plan = make_plan([large, *small], PREDICTING, proteins=250)
    assert [[(p.name, p.start, p.stop) for p in shard.parts] for shard in plan.shards] == [
        [(large, 0, 27000)],
        [(large, 27000, 54000)],
        [(large, 54000, 81000)],
        [(large, 81000, 108000), (small[0], 0, 4320)],
        [(small[1], 0, 4320), (small[2], 0, 4320)],
    ]
    assert [shard.proteins for shard in plan.shards] == [250, 250, 250, 290, 80]
    assert [part.name for part in plan.inputs] == [large, *small]
    assert plan.shards[3].name == "shard-000004"


def test_the_same_files_give_the_same_plan_and_its_file_reads_back(tmp_path):
    file = fasta(tmp_path / "a.faa", 100)
    plan = make_plan([file], PREDICTING, 30)
    assert plan.text() == make_plan([file], PREDICTING, 30).text()
    plan.write(tmp_path / "new" / "plan.json")
    again = read_plan(tmp_path / "new" / "plan.json")
    assert again == plan == plan_of(plan.text())
    assert again.checksum == plan.checksum
    other = make_plan([file], Predicting("fast", "abc", "eukarya"), 30)
    assert other.checksum != plan.checksum


def test_a_compressed_file_is_one_shard_and_a_large_one_is_named(tmp_path):
    text = "".join(f">p{n}\n{'MKACDEFGHI' * (n % 30 + 5)}\n" for n in range(4000))
    file = tmp_path / "a.faa.gz"
    file.write_bytes(gzip.compress(text.encode()))
    plan = make_plan([str(file)], PREDICTING, 100)
    assert len(plan.shards) == 1 and plan.uncut == (str(file),)
    assert make_plan([str(file)], PREDICTING).uncut == ()


def test_what_is_no_fasta_and_what_no_plan_can_have(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(InputError, match=r"a.pdf: this looks like PDF"):
        make_plan([str(tmp_path / "a.pdf")], PREDICTING)
    with pytest.raises(InputError, match="no such file"):
        make_plan([str(tmp_path / "none.faa")], PREDICTING)
    file = fasta(tmp_path / "a.faa", 10)
    with pytest.raises(OptionError, match="formats are parquet, tsv, gff3, not 'csv'"):
        make_plan([file], Predicting("fast", "abc", "other", None, ("csv",)))
    plan = make_plan([file], PREDICTING)
    with pytest.raises(OptionError, match="shards 1 to 1, not 2"):
        plan.shard(2)


def test_empty_files_are_left_out_and_named(tmp_path):
    (tmp_path / "none.faa").touch()
    (tmp_path / "none.faa.gz").write_bytes(gzip.compress(b"\n \n# none\n"))
    empty = [str(tmp_path / "none.faa"), str(tmp_path / "none.faa.gz")]
    file = fasta(tmp_path / "some.faa", 10)
    plan = make_plan([empty[0], file, empty[1]], PREDICTING)
    assert plan.empty == tuple(empty) and [part.name for part in plan.inputs] == [file]
    with pytest.raises(InputError, match=r"none.faa: the file has no records"):
        make_plan(empty, PREDICTING)


MADE_UP = [
    {"format": 99},
    {"shards": [[1, [5, 0, 1]]]},
    {"shards": []},
    {"inputs": [1]},
    {"predicting": {**asdict(PREDICTING), "model": 7}},
    {"predicting": {**asdict(PREDICTING), "threshold": "high"}},
    {"predicting": {**asdict(PREDICTING), "formats": ["exe"]}},
    {"predicting": {**asdict(PREDICTING), "formats": []}},
    {"predicting": {**asdict(PREDICTING), "other": 1}},
    {"predicting": [1]},
]


@pytest.mark.parametrize("change", MADE_UP, ids=str)
def test_a_plan_that_somebody_made_up_is_refused(tmp_path, change):
    plan: Plan = make_plan([fasta(tmp_path / "a.faa", 10)], PREDICTING)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({**json.loads(plan.text()), **change}))
    with pytest.raises(InputError, match=r"plan.json: no plan of 'peft-sp shards plan'"):
        read_plan(file)
