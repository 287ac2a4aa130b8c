"""What is missing, damaged or wrong is found; what is whole is one table."""

import shutil

import pytest

import peft_sp
from peft_sp.errors import OutputError
from peft_sp.inference.run import RunOptions
from peft_sp.inference.shards import proof
from peft_sp.io.shards.plan import Predicting, make_plan


def test_the_merged_table_is_that_of_one_run(plan, whole, inputs, tmp_path):
    options = RunOptions(skip_invalid=True, threads=1)
    run = peft_sp.predict_run(inputs, tmp_path / "local", options)
    for name in ("predictions.tsv", "predictions.gff3"):
        assert proof.merge(plan, whole, tmp_path / name) == run.count == 42
        assert (tmp_path / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_a_table_is_made_of_parquet_alone_too(plan, whole, inputs, predictor, tmp_path):
    from peft_sp.inference.shards.work import predict_shard

    own = make_plan(inputs, Predicting("fast", predictor.fingerprint, "other"), 30)
    for shard in own.shards:
        predict_shard(own, shard.number, tmp_path, predictor)
    proof.merge(own, tmp_path, tmp_path / "a.tsv")
    proof.merge(plan, whole, tmp_path / "b.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    assert proof.merge(own, tmp_path, tmp_path / "a.parquet") == 42
    with pytest.raises(OutputError, match="the shards have parquet"):
        proof.merge(own, tmp_path, tmp_path / "a.gff3")


def test_whole_results_verify_and_are_counted(plan, whole):
    assert proof.verify(plan, whole, inputs=True) == []
    found = proof.status(plan, whole)
    assert (found.counts["records"], found.counts["results"], found.counts["errors"]) == (43, 42, 1)
    assert found.types.total() == 42 and not found.missing and not found.problems


def cut_table(folder):
    lines = (folder / "predictions.tsv").read_text().splitlines(keepends=True)
    (folder / "predictions.tsv").write_text("".join(lines[:-1]))


def replaced_by_another(folder):
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("shard-000001"), folder)


DAMAGES = {
    "a table is cut": (cut_table, "predictions.tsv is not what the worker wrote"),
    "errors are gone": (lambda f: (f / "errors.tsv").unlink(), "errors.tsv is missing"),
    "a file was added": (lambda f: (f / "x").write_text(""), "x is not of this shard"),
    "a shard is missing": (shutil.rmtree, "is missing"),
    "a shard stands twice": (replaced_by_another, "is a shard of another plan"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found(plan, results, damage, message, tmp_path):
    damage(results / "shard-000002")
    (problem, *_) = problems = proof.verify(plan, results)
    assert any(message in one for one in problems) and "shard-000002" in problem
    with pytest.raises(OutputError, match=r"shard-000002|shards are not done"):
        proof.merge(plan, results, tmp_path / "a.tsv")
    assert not (tmp_path / "a.tsv").exists()


def test_a_record_without_a_result_is_found_even_if_checksums_fit(plan, results):
    """As a fault of ours would leave it."""
    from dataclasses import replace

    from peft_sp.io.shards.manifest import checksums, read_manifest

    folder = results / "shard-000004"
    manifest = read_manifest(folder)
    lines = (folder / "errors.tsv").read_text().splitlines(keepends=True)
    (folder / "errors.tsv").write_text(lines[0])
    replace(manifest, files=checksums(folder)).write(folder)
    assert any("not every record has one result" in one for one in proof.verify(plan, results))


def test_input_that_changed_since_is_found_on_demand(plan, whole, inputs):
    from pathlib import Path

    file = Path(inputs[1])
    text = file.read_text()
    try:
        file.write_text(text.replace("MKKT", "MKKA"))
        assert proof.verify(plan, whole) == []
        (problem,) = proof.verify(plan, whole, inputs=True)
        assert "b.faa is not what was predicted" in problem
    finally:
        file.write_text(text)


def test_gff3_holds_no_two_proteins_of_one_name(tmp_path, predictor):
    sp = "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN"
    for name in ("a", "b"):
        (tmp_path / f"{name}.faa").write_text(f">same\n{sp}\n" * (20 if name == "a" else 1))
    from peft_sp.inference.shards.work import predict_shard

    predicting = Predicting("fast", predictor.fingerprint, "other", None, ("gff3",))
    own = make_plan([str(tmp_path / "b.faa"), str(tmp_path / "a.faa")], predicting, 10)
    for shard in own.shards:
        predict_shard(own, shard.number, tmp_path / "out", predictor)
    with pytest.raises(OutputError, match="two proteins are called 'same'"):
        proof.merge(own, tmp_path / "out", tmp_path / "a.gff3")


def test_a_plan_with_a_gap_is_no_proof(plan, whole):
    from dataclasses import replace

    first, second, *rest = plan.shards
    part = replace(second.parts[0], start=second.parts[0].start + 5)
    torn = replace(plan, shards=(first, replace(second, parts=(part,)), *rest))
    assert any("gap or an overlap" in one for one in proof.verify(torn, whole))
