"""A shard is predicted whole, once, and says what it read and gave."""

import csv

import pytest

from peft_sp.errors import InputError, ModelError, OptionError, OutputError
from peft_sp.inference.shards import work
from peft_sp.inference.shards.work import finished, predict_shard, remove_unfinished
from peft_sp.io.shards.manifest import ERRORS, Manifest
from peft_sp.io.shards.plan import Predicting, make_plan


def test_a_record_that_cannot_be_predicted_is_named_and_stops_nothing(plan, whole):
    last = finished(plan, plan.shards[-1], whole)
    assert (last.results, last.errors) == (last.records - 1, 1)
    with (whole / "shard-000004" / ERRORS).open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row["id"] == "bad" and row["file"].endswith("b.faa")
    assert int(row["record"]) == last.records - 1
    assert row["problem"].startswith("'1' at residue 1 is no amino acid")


def test_the_manifest_counts_what_the_table_holds(plan, whole):
    for shard in plan.shards:
        manifest = finished(plan, shard, whole)
        with (whole / shard.name / "predictions.tsv").open() as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        assert len(rows) == manifest.results == sum(manifest.types.values())
        for name, count in manifest.types.items():
            assert sum(row["type"] == name for row in rows) == count
        assert set(manifest.files) == {
            *("errors.tsv", "predictions.gff3", "predictions.parquet", "predictions.tsv"),
        }


def test_a_shard_that_is_done_is_not_done_again(plan, results, predictor, monkeypatch):
    before = finished(plan, plan.shards[0], results)
    monkeypatch.setattr(work._Work, "run", None)
    assert predict_shard(plan, 1, results, predictor) == before


def test_of_two_copies_the_first_is_kept(plan, whole, tmp_path, predictor, monkeypatch):
    """The second finds the folder there when it is done."""
    real = work._Work.run

    def slow(self, progress):
        monkeypatch.setattr(work._Work, "run", real)
        first.append(predict_shard(plan, 2, tmp_path, predictor))
        return real(self, progress)

    first = []
    monkeypatch.setattr(work._Work, "run", slow)
    second = predict_shard(plan, 2, tmp_path, predictor)
    assert second == first[0]
    assert [path.name for path in tmp_path.iterdir()] == ["shard-000002"]


def test_a_failure_leaves_nothing(plan, tmp_path, predictor, inputs):
    (tmp_path / "c.faa").write_text(">a\nMKA\n")
    own = make_plan([str(tmp_path / "c.faa")], plan.predicting)
    (tmp_path / "c.faa").write_text(">a\nMKAA\n")
    with pytest.raises(InputError, match="plan anew"):
        predict_shard(own, 1, tmp_path / "out", predictor)
    assert list((tmp_path / "out").iterdir()) == []


def test_another_model_another_plan_and_a_folder_of_others_are_refused(
    plan, results, predictor, inputs
):
    other = make_plan(inputs, Predicting("fast", "0" * 16, "other"), 10)
    with pytest.raises(OutputError, match=r"shard-000001: is a shard of another plan"):
        predict_shard(other, 1, results, predictor)
    with pytest.raises(ModelError, match="is not the one that the plan was made with"):
        predict_shard(other, 1, results / "new", predictor)
    with pytest.raises(OptionError, match="shards 1 to 4, not 5"):
        predict_shard(plan, 5, results, predictor)
    (results / "shard-000003" / "manifest.json").unlink()
    with pytest.raises(OutputError, match="is no finished shard; remove it"):
        predict_shard(plan, 3, results, predictor)


def test_what_killed_workers_left_is_removed(results):
    (results / ".peft-sp-xyz").mkdir()
    (results / ".peft-sp-xyz" / "predictions.tsv").write_text("half")
    assert remove_unfinished(results) == 1
    assert len(list(results.iterdir())) == 4


def test_a_worker_that_was_second_ends_well_even_if_its_folder_was_cleared(
    plan, results, predictor, monkeypatch
):
    write, number = Manifest.write, plan.shards[0].number
    kept, target = results.with_name("kept"), results / plan.shards[0].name
    target.rename(kept)

    def first_was_merged(manifest, folder):
        kept.rename(target)
        assert remove_unfinished(results) == 1
        write(manifest, folder)

    monkeypatch.setattr(Manifest, "write", first_was_merged)
    assert predict_shard(plan, number, results, predictor).shard == number
    assert [path.name for path in results.iterdir() if path.name.startswith(".")] == []
