import shutil
from dataclasses import replace

import pytest

from peft_sp.errors import InputError, ModelError, OutputError, RecipeError
from peft_sp.io.labelled import (
    UNPARTITIONED,
    data_hash,
    partition,
    read_labelled,
    write_labelled,
)
from peft_sp.io.labelled.partitions import LIMIT, compare
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.network.backbone import load_encoder, weights_hash
from peft_sp.training import inputs as reading
from peft_sp.training.dataset import tabulate
from peft_sp.training.inputs import read_inputs
from peft_sp.training.options import Partitions
from peft_sp.training.recipe import Recipe
from peft_sp.training.runs.crossval import crossvalidate
from peft_sp.training.runs.run import check_made, run

SMALL = {"width": 16, "hidden": 8, "convolutions": 1}


def recipe_of(labelled_file, **values):
    settings = {"student": SMALL, "optimisation": {"epochs": 1, "batch_size": 32}, **values}
    return Recipe(name="tiny", data=str(labelled_file), **settings)


@pytest.fixture
def inputs(labelled_file):
    return read_inputs(recipe_of(labelled_file))


def test_the_data_are_read_and_hashed(inputs, labelled, labelled_file):
    assert list(inputs.proteins) == labelled
    assert inputs.hashes == {"data_sha256": data_hash(labelled_file), "backbone_sha256": None}
    assert inputs.unlabelled_windows == () and inputs.teachers == ()


@pytest.fixture
def with_remainder(tmp_path, labelled, labelled_file):
    """The labelled proteins without four, and these as a remainder: its options."""
    away = labelled[:4]
    rest = [p for p in labelled if p not in away]
    write_labelled(tmp_path / "data.fasta", rest)
    write_labelled(tmp_path / "r.fasta", [replace(p, partition=UNPARTITIONED) for p in away])
    head = ["accession", *(f"{kind}_{n}" for kind in ("identity", "evalue") for n in (0, 1, 2))]
    near = [(0.9, 0.1, 0.1), (0.1, 0.36, 0.1), (0.1, 0.1, 0.1), (0.5, 0.5, 0.5)]
    lines = [head, *([p.accession, *own, "", "1", ""] for p, own in zip(away, near, strict=True))]
    text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
    (tmp_path / "h.tsv").write_text(text)
    files = {"data": str(tmp_path / "r.fasta"), "homology": str(tmp_path / "h.tsv")}
    return tmp_path / "data.fasta", files, [p.accession for p in away]


def test_of_the_remainder_what_is_unlike_the_held_out_partitions_is_trained_on(with_remainder):
    data, files, names = with_remainder
    inputs = read_inputs(recipe_of(data, remainder=files))
    alone = read_inputs(recipe_of(data))

    def added(**partitions):
        chosen = Partitions(**partitions)
        split, before = inputs.split(chosen), alone.split(chosen)
        assert split.test == before.test and split.validation == before.validation
        assert split.train[: len(before.train)] == before.train
        more = [p.accession for p in split.train[len(before.train) :]]
        assert split.remainder_count == len(more)
        assert len(split.train_table) == len(split.train)
        assert len(split.residues) == sum(map(len, (split.train, split.validation, split.test)))
        return more

    assert added(train=(1, 2), test=0) == names[1:3]
    assert added(train=(0, 2), test=1) == [names[0], names[2]]
    assert added(train=(2,), validation=1, test=0) == [names[2]]
    assert added(train=(0, 1, 2)) == names
    # In a search all but the partitions that it uses are left alone.
    searched = inputs.within((1, 2)).split(Partitions(train=(1,), validation=2))
    assert [p.accession for p in searched.train if p.partition < 0] == names[1:3]
    strict = read_inputs(recipe_of(data, remainder={**files, "max_identity": 0.05}))
    assert strict.split(Partitions(train=(1, 2), test=0)).remainder_count == 0


def test_the_remainder_is_part_of_what_a_model_was_made_of(with_remainder, tmp_path):
    data, files, _ = with_remainder
    recipe = recipe_of(data, remainder=files, partitions={"train": (1, 2), "test": 0})
    inputs = read_inputs(recipe)
    run(recipe, tmp_path / "m", inputs)
    made = ModelConfig.read(tmp_path / "m").made
    assert made.remainder.apart_from == (0,) and made.remainder.proteins == 2
    assert made.remainder.sha256 == inputs.hashes["remainder_sha256"] == data_hash(files["data"])
    assert made.recipe["remainder"] == {"max_identity": 0.36, "max_evalue": 0.01}
    card = (tmp_path / "m" / "README.md").read_text()
    assert (
        " and 2 proteins of `r.fasta`, which are in none of them and unlike all of partition 0"
        in card
    )
    check_made(tmp_path / "m", recipe, inputs.split(recipe.partitions))
    other = recipe_of(data, partitions={"train": (1, 2), "test": 0})
    with pytest.raises(OutputError, match="another recipe"):
        check_made(tmp_path / "m", other, read_inputs(other).split(other.partitions))
    # A student tested on partition 1 must not learn from it: it knows of proteins similar to 1's.
    taught = {"teachers": (str(tmp_path / "m"),)}
    student = recipe_of(data, distillation=taught)
    with pytest.raises(RecipeError, match="of the remainder that are similar"):
        read_inputs(student).split(Partitions(train=(2,), test=1))
    assert read_inputs(student).split(Partitions(train=(1, 2), test=0)).teachers


def test_data_that_are_not_there_are_named_with_the_option_that_gives_them(tmp_path):
    with pytest.raises(InputError, match=r"none\.fasta: no such file; give .* --set data=FILE"):
        read_inputs(recipe_of(tmp_path / "none.fasta"))


def test_a_backbone_is_read_once_and_shared(labelled_file, tiny_backbone):
    tuned = {"student": None, "backbone": tiny_backbone, "tuning": {"method": "lora"}}
    inputs = read_inputs(recipe_of(labelled_file, **tuned))
    expected = weights_hash(load_encoder(tiny_backbone))
    assert inputs.backbone_sha256 == expected
    first, second = (inputs.backbones.take(*inputs.backbone)[0] for _ in range(2))
    assert first is not second
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one is other
    # What is trained whole is not shared, and has the same hash.
    full = read_inputs(recipe_of(labelled_file, **tuned | {"tuning": {"method": "full"}}))
    assert full.backbones is None and full.backbone_sha256 == expected


def test_a_split_holds_each_window_once(inputs, labelled):
    twin = partition(labelled, [0])[0]
    doubled = (*inputs.proteins, replace(twin, partition=1), replace(twin, partition=2))
    split = replace(inputs, proteins=doubled).split(Partitions(train=(1,), validation=2, test=0))
    assert {p.partition for p in split.train} == {1}
    assert {p.partition for p in split.validation} == {2}
    assert split.test == partition(labelled, [0])
    train, validation, test = (
        {p.sequence for p in part} for part in (split.train, split.validation, split.test)
    )
    assert twin.sequence in test
    assert not train & validation and not train & test and not validation & test
    expected = tabulate(split.train)
    assert split.train_table.classes == expected.classes
    assert (split.train_table.allowed == expected.allowed).all()


def test_a_partition_that_is_named_must_have_proteins(inputs, labelled):
    lacking = replace(inputs, proteins=tuple(partition(labelled, [1, 2])))
    with pytest.raises(InputError, match="no test proteins"):
        lacking.split(Partitions(train=(1, 2), test=0))
    with pytest.raises(InputError, match="no validation proteins"):
        lacking.split(Partitions(train=(1, 2), validation=0))
    with pytest.raises(InputError, match="no training proteins"):
        lacking.split(Partitions(train=(0,)))


def test_inputs_within_some_partitions(inputs, labelled):
    twin = replace(partition(labelled, [0])[0], partition=1)
    within = replace(inputs, proteins=(*inputs.proteins, twin)).within((1, 2))
    assert {p.partition for p in within.proteins} == {1, 2}
    assert twin.sequence not in {p.sequence for p in within.proteins}
    assert within.data_sha256 == inputs.data_sha256
    with pytest.raises(InputError, match="no proteins to be used in partition 0"):
        within.within((0, 1))


@pytest.mark.parametrize("number", [UNPARTITIONED, 1])
def test_data_with_one_partition_or_none_are_split_by_homology(labelled, tmp_path, number):
    path = tmp_path / "labelled.fasta"
    write_labelled(path, [replace(p, partition=number) for p in labelled])
    inputs = read_inputs(recipe_of(path))
    assert "3 were made by homology" in inputs.made_partitions
    assert {p.partition for p in inputs.proteins} >= {0, 1, 2}
    comparison = compare(inputs.proteins, method="kmers")
    assert comparison.across(inputs.proteins).greatest < LIMIT
    # With nothing held out all are trained on, whatever partitions were made.
    for train in ((0, 1, 2), (1,)):
        split = inputs.split(Partitions(train=train))
        assert split.holds_nothing_out and split.train == list(inputs.proteins)
    split = inputs.split(Partitions(train=(1, 2), test=0))
    assert not split.holds_nothing_out and split.test
    assert {p.partition for p in split.train} == {1, 2}
    assert inputs.within((1, 2)).made_partitions


def test_partitions_of_a_file_stay(inputs):
    assert inputs.made_partitions == ""


def test_labels_without_a_path_are_named(inputs):
    wrong = replace(inputs.proteins[0], accession="P1", type="SP", sequence="MKTAYVVVVV")
    wrong = replace(wrong, labels="SSOOOOOOOO")
    with pytest.raises(InputError, match="record 'P1': no path of type SP"):
        _ = replace(inputs, proteins=(wrong,)).table


def test_unlabelled_windows_are_distinct_and_in_no_partition_of_the_split(
    labelled, labelled_file, folds, tmp_path
):
    new, known = "MKLACDEFGHIKLMNPQRST", partition(labelled, [0])[0].sequence
    files = [tmp_path / "one.faa", tmp_path / "two.faa"]
    files[0].write_text(f">a\n{new}\n>b\n{known}\n")
    files[1].write_text(f">c\n{new}\n")
    teacher = tmp_path / "teacher"
    shutil.copytree(folds[0], teacher)
    student = recipe_of(
        labelled_file,
        distillation={
            "teachers": [str(teacher)],
            "unlabelled": list(map(str, files)),
        },
    )
    inputs = read_inputs(student)
    assert inputs.unlabelled_windows == (new, known)
    assert [file.sha256 for file in inputs.unlabelled] == list(map(data_hash, files))
    assert inputs.split(Partitions(train=(1, 2), test=0)).unlabelled_windows == [new]
    with pytest.raises(RecipeError, match=r"tiny: .*trained on partition 1"):
        inputs.split(Partitions(train=(0, 2), test=1))
    shutil.rmtree(teacher)
    with pytest.raises(ModelError):
        read_inputs(student)


@pytest.mark.integration
def test_a_cross_validation_reads_and_hashes_everything_once(
    labelled_file, ecoli, folds, tmp_path, monkeypatch, without_matplotlib
):
    """Three folds of an ensemble with teachers: six networks, one reading."""
    few = tmp_path / "few.faa"
    few.write_text(">".join(ecoli.read_text().split(">")[:13]))
    counts: dict[str, int] = {}

    def count(name, key=str):
        function = getattr(reading, name)

        def counted(argument):
            of = f"{name} {key(argument)}"
            counts[of] = counts.get(of, 0) + 1
            return function(argument)

        monkeypatch.setattr(reading, name, counted)

    for name in ("read_labelled", "data_hash"):
        count(name)
    count("tabulate", len)
    count("open_input", len)
    count("read_teachers", len)
    distillation = {"teachers": folds, "unlabelled": [str(few)]}
    student = recipe_of(labelled_file, members=2, distillation=distillation)
    crossvalidate(student, tmp_path / "cv")
    proteins = len(read_labelled(labelled_file))
    assert counts == {
        f"read_labelled {labelled_file}": 1,
        f"data_hash {labelled_file}": 1,
        f"data_hash {few}": 1,
        "read_teachers 3": 1,
        f"tabulate {proteins}": 1,
        "open_input 1": 1,
    }


def test_an_empty_file_is_refused(labelled_file, tmp_path):
    write_labelled(tmp_path / "none.fasta", [])
    with pytest.raises(InputError, match="no records"):
        read_inputs(recipe_of(tmp_path / "none.fasta"))
