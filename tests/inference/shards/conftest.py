"""A plan of four shards, and results of them."""

import shutil

import pytest

import peft_sp
from peft_sp.io.shards.plan import Predicting, make_plan

FORMATS = ("parquet", "tsv", "gff3")


@pytest.fixture(scope="session")
def predictor():
    return peft_sp.load("fast", threads=1)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory, ecoli):
    """Forty proteins of a genome and, in a second file, two of which one cannot be predicted."""
    folder = tmp_path_factory.mktemp("inputs")
    records = ecoli.read_text().split(">")[1:41]
    (folder / "a.faa").write_text("".join(f">{record}" for record in records))
    (folder / "b.faa").write_text(">good\nMKKTAIAIAVALAGFATVAQA\n>bad one\n123\n>last\nMKV*L\n")
    return [str(folder / "a.faa"), str(folder / "b.faa")]


@pytest.fixture(scope="session")
def plan(inputs, predictor):
    predicting = Predicting("fast", predictor.fingerprint, "other", None, FORMATS)
    plan = make_plan(inputs, predicting, 10)
    assert len(plan.shards) == 4
    return plan


@pytest.fixture(scope="session")
def whole(tmp_path_factory, plan, predictor):
    """All shards, done once; not to be written to."""
    from peft_sp.inference.shards.work import predict_shard

    directory = tmp_path_factory.mktemp("results")
    for shard in plan.shards:
        predict_shard(plan, shard.number, directory, predictor)
    return directory


@pytest.fixture
def results(whole, tmp_path):
    """The same, to be damaged."""
    return shutil.copytree(whole, tmp_path / "results")
