"""Training and evaluation as commands."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace

import pytest

from peft_sp.cli.commands import app
from peft_sp.errors import OutputError, RecipeError
from peft_sp.io.labelled import UNPARTITIONED, write_labelled
from tests.support.commands import peft_sp, rows
from tests.support.recipes import small

pytestmark = pytest.mark.integration


def test_from_labels_to_predictions(tmp_path, labelled_file, labelled, ecoli):
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        f'name = "small"\ndata = "{labelled_file}"\n[student]\nwidth = 16\nhidden = 8\n'
        "[partitions]\ntrain = [1, 2]\ntest = 0\n[optimisation]\nepochs = 3\n"
    )
    model = tmp_path / "model"
    changes = ["--set", "optimisation.epochs=2", "--set", "student.convolutions=1"]
    code, output, errors = peft_sp("train", recipe, "-o", model, *changes)
    assert code == 0, errors
    assert "test partition" in output and "mean MCC2" in output
    config = json.loads((model / "config.json").read_text())
    assert config["made"]["recipe"]["optimisation"]["epochs"] == 2
    assert "| NEGATIVE | LIPO |" in (model / "README.md").read_text()

    figures = tmp_path / "figures.json"
    arguments = ("evaluate", model, labelled_file, "--partition", "0", "--json", figures)
    code, output, errors = peft_sp(*arguments)
    assert code == 0, errors
    assert "regions of what is predicted" in output and errors == ""
    code, _, errors = peft_sp("evaluate", model, labelled_file, "--partition", "1")
    assert code == 0 and errors.count("\n") == 1
    assert "learned from 114 of these 114 proteins: these figures say" in errors
    found, expected = json.loads(figures.read_text()), config["metrics"]["test"]
    assert found["mean_mcc2"] == pytest.approx(expected["mean_mcc2"], abs=1e-3)

    code, _, errors = peft_sp("predict", ecoli, "-m", model, "-o", tmp_path / "out")
    assert code == 0, errors
    assert len(rows(tmp_path / "out" / "predictions.tsv")) == 300


def test_the_printed_command_repeats_the_run(tmp_path, labelled_file):
    """From the card alone, in the directory of the data: the same recipe, and the same network."""
    data = tmp_path / "my data.fasta"
    data.write_bytes(labelled_file.read_bytes())
    changes = [
        *("--set", f"data={data}", "--set", "partitions.train=[1]", "--set", "partitions.test=0"),
        *("--set", "student.width=16", "--set", "student.hidden=8", "--set", "seed=3"),
        *("--set", "optimisation.epochs=1", "--set", "optimisation.batch_size=16"),
    ]
    code, _, errors = peft_sp("train", "small", "-o", tmp_path / "model", *changes)
    assert code == 0, errors
    assert "training: step " in errors and "epoch 1.00 of 1" in errors
    card = (tmp_path / "model" / "README.md").read_text()
    assert "(learning_curves.svg)" in card and (tmp_path / "model/learning_curves.svg").exists()
    printed = card.split("To train it again")[1].split("```sh\n")[1].split("\n```")[0]
    program, *words = shlex.split(printed.replace("\\\n", " "))
    # Not in what accelerate finds around, but in the recipe's precision.
    around = {"ACCELERATE_MIXED_PRECISION": "fp16"}
    code, _, errors = peft_sp(*words, cwd=tmp_path, environment=around)
    assert (program, code) == ("peft-sp", 0), errors
    first, again = (
        json.loads((tmp_path / name / "config.json").read_text())
        for name in ("model", "small-again")
    )
    made, remade = first["made"], again["made"]
    for key in ("recipe", "partitions", "data_sha256", "command", "commit", "device"):
        assert made[key] == remade[key], key
    assert first["metrics"] == again["metrics"]
    assert made["command"] == printed and made["world_size"] == 1 and made["duration"] > 0
    history = json.loads((tmp_path / "model" / "history.json").read_text())
    assert history["training"]["step"][-1] == len(history["training"]["step"])
    assert history["training"]["loss"][-1] < history["training"]["loss"][0]


@pytest.mark.parametrize(
    ("command", "changes", "problem"),
    [
        ("train", ["backbone=nosuch"], "backbone 'nosuch' is no directory"),
        ("crossval", ["data=nosuch.fasta"], "no such file"),
        ("crossval", ["tuning.layers=7", "backbone={tiny}"], "tuning.layers is 7"),
    ],
)
def test_a_failed_start_leaves_nothing_behind(
    tmp_path, labelled_file, tiny_backbone, command, changes, problem
):
    given = [f"data={labelled_file}", *(change.format(tiny=tiny_backbone) for change in changes)]
    sets = [word for change in given for word in ("--set", change)]
    code, _, errors = peft_sp(command, "lora-8M", "-o", tmp_path / "model", *sets)
    assert code == 2 and problem in errors, errors
    assert not list(tmp_path.iterdir())


def test_data_without_partitions_train_and_are_split_alike_in_evaluation(tmp_path, labelled):
    """The split is said when training, in the card, and made again to evaluate by."""
    data = tmp_path / "labelled.fasta"
    write_labelled(data, [replace(p, partition=UNPARTITIONED) for p in labelled])
    model, figures = tmp_path / "model", tmp_path / "figures.json"
    settings = ["partitions.train=[1, 2]", "partitions.test=0", "optimisation.epochs=0.1"]
    sets = [part for setting in (f"data={data}", *settings) for part in ("--set", setting)]
    code, _, errors = peft_sp("train", "small", "-o", model, *sets)
    said = "has no partitions, so that 3 were made by homology"
    assert code == 0 and errors.count(f"{data} {said}") == 1
    assert f"`labelled.fasta` {said}" in (model / "README.md").read_text()
    tested = json.loads((model / "config.json").read_text())["metrics"]["test"]
    arguments = ("evaluate", model, data, "--force", "--json", figures)
    code, _, errors = peft_sp(*arguments, "--partition", "0")
    assert code == 0 and said in errors and "learned" not in errors
    assert json.loads(figures.read_text())["proteins"] == tested["proteins"]
    code, _, errors = peft_sp(*arguments)
    assert code == 0 and "learned from" in errors and "of these 341 proteins" in errors
    other = tmp_path / "other.fasta"
    other.write_text(data.read_text() + "\n")
    code, _, errors = peft_sp("evaluate", model, other, "--partition", "0")
    assert code == 2 and "other.fasta: has no partitions to choose from; leave out" in errors
    code, _, errors = peft_sp("evaluate", model, data, "--json", figures)
    assert code == 2 and "figures.json: is there already; choose another with --json" in errors


def test_all_mistakes_of_the_data_are_one_line_of_every_command(tmp_path, labelled_file):
    data = tmp_path / "labelled.fasta"
    lines = labelled_file.read_text().splitlines()
    lines[0] += "7"
    lines[4] = lines[4][1:]
    data.write_text("\n".join(lines))
    set_data = ("--set", f"data={data}")
    for command in (
        ("train", "small", *set_data, "-o", tmp_path / "m"),
        ("crossval", "small", *set_data, "-o", tmp_path / "m"),
        ("tune", "small", "--trials", "1", *set_data, "-o", tmp_path / "m"),
        ("evaluate", "fast", data),
        ("export", "fast", "-o", tmp_path / "m", "--check", data),
        ("subset", data, "-n", "2"),
        ("partition", data, "--check"),
    ):
        code, output, errors = peft_sp(*command)
        assert (code, output, errors.count("\n")) == (2, "", 1), command
        assert f"{data}: 2 mistakes: line 1, record " in errors and "; line 5, record " in errors


def test_mistakes_are_one_line(tmp_path, labelled_file):
    recipe = tmp_path / "bad.toml"
    recipe.write_text('name = "bad"\ndata = "x"\nspeed = 1\n[student]\nwidht = 3\n')
    cases = [
        (
            ("train", recipe, "-o", tmp_path / "m"),
            "unknown option student.widht; did you mean width?; unknown option speed",
        ),
        (("train", tmp_path / "none.toml", "-o", tmp_path / "m"), "no such recipe"),
        (("evaluate", "fast", tmp_path / "none.fasta"), "no such file"),
        (
            ("evaluate", "fast", labelled_file, "--partition", "7"),
            "the file has 0, 1, 2",
        ),
        (("evaluate", "fast", labelled_file, "--backbone", "x"), "has no backbone"),
        (("evaluate", "fast", labelled_file, "--json", "/proc/none/x"), "cannot be written"),
    ]
    for arguments, problem in cases:
        code, _, errors = peft_sp(*arguments)
        assert code == 2, arguments
        assert errors.count("\n") == 1 and problem in errors, errors
    assert list(tmp_path.iterdir()) == [recipe]


def test_a_student_is_distilled(tmp_path, labelled_file, ecoli):
    teacher = small(tmp_path, labelled_file, "teacher")
    code, _, errors = peft_sp("train", teacher, "-o", tmp_path / "teacher")
    assert code == 0, errors
    student = small(tmp_path, labelled_file, "student")
    arguments = [
        "distill",
        student,
        "-o",
        tmp_path / "student",
        "--activation-cache",
        tmp_path / "c",
    ]
    code, _, errors = peft_sp(*arguments)
    assert code == 2 and "has no teachers; name them by --teacher" in errors
    arguments += ["--teacher", tmp_path / "teacher", "--unlabelled", ecoli]
    arguments += ["--set", "distillation.augmented_copies=1", "--set", "distillation.temperature=2"]
    arguments += ["--set", "optimisation.chimera_probability=0.5"]
    code, output, errors = peft_sp(*arguments)
    assert code == 0, errors
    assert "teachers' answers: window " in errors and "model written to" in output
    made = json.loads((tmp_path / "student" / "config.json").read_text())["made"]["distillation"]
    assert [teacher["name"] for teacher in made["teachers"]] == ["teacher"]
    assert [entry["file"] for entry in made["unlabelled"]] == [ecoli.name]
    kept = list((tmp_path / "c").glob("targets-*-float32-2"))
    assert len(kept) == 3, "labelled windows, copies and unlabelled ones, each on their own"


@pytest.mark.parametrize("command", ["train", "crossval", "tune"])
def test_a_directory_of_others_is_left_alone(command, tmp_path, labelled_file):
    """Where a recipe stands, too: what a run writes has the names of what people write."""
    recipe, card = small(tmp_path, labelled_file, "best"), tmp_path / "README.md"
    card.write_text("of others")
    more = ["--trials", "1"] if command == "tune" else []
    code, output, errors = peft_sp(command, recipe, *more, "-o", tmp_path)
    assert (code, output) == (2, "") and "and no run to continue" in errors.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", recipe.name}
    assert card.read_text() == "of others"


STARTS = {
    "train": ["small", "--set", "data=nosuch.fasta"],
    "distill": ["fast", "--set", "data=nosuch.fasta", "--teacher", "fast"],
    "crossval": ["small", "--set", "data=nosuch.fasta"],
    "tune": ["small", "--set", "data=nosuch.fasta", "--trials", "1"],
    "pretrain": ["pretrain-8M", "--set", 'windows.unlabelled=["nosuch.faa"]'],
    "export": ["nosuch"],
}


@pytest.mark.parametrize("command", STARTS)
def test_what_cannot_be_written_is_said_before_anything_is_read(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("of others")
    for output, problem in (
        ("file/model", "file: is a file, not a directory; choose another with -o"),
        (os.fsdecode(b"caf\xe9"), "is not UTF-8, as names have to be here"),
    ):
        with pytest.raises(OutputError, match=problem):
            app([command, *STARTS[command], "-o", output], standalone_mode=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("command", "more", "own", "foreign"),
    [
        ("train", [], "checkpoints", "README.md"),
        ("crossval", [], "test-1", "metrics.json"),
        ("crossval", [], "test-1", "report.md"),
        ("crossval", ["fast"], "small", "comparison.md"),
        ("tune", ["--trials", "1"], "study.db", "trials.tsv"),
        ("tune", ["--trials", "1"], "study.db", "best.json"),
        ("pretrain", [], "checkpoint.safetensors", "README.md"),
    ],
)
def test_a_file_of_others_beside_a_run_is_not_replaced(command, more, own, foreign, tmp_path):
    (tmp_path / own).mkdir()
    (tmp_path / foreign).write_text("of others")
    recipe, *changes = STARTS[command][:3]
    with pytest.raises(OutputError, match=f"{foreign}: was not written by this command"):
        app([command, recipe, *more, *changes, "-o", str(tmp_path)], standalone_mode=False)
    assert (tmp_path / foreign).read_text() == "of others"


@pytest.mark.parametrize("command", ["train", "distill"])
def test_names_that_are_no_utf8_do_not_get_into_a_recipe(command, tmp_path, monkeypatch):
    """They could stand in none of the files that a run writes."""
    name, change = os.fsdecode(b"caf\xe9"), ["--set", "data=nosuch.fasta"]
    given = {
        "train": ["small", "--set", f"data={name}"],
        "distill": ["fast", *change, "--teacher", name],
    }
    with pytest.raises(RecipeError, match=r"(: data|distillation: teachers) is not UTF-8"):
        app([command, *given[command], "-o", str(tmp_path / "m")], standalone_mode=False)
