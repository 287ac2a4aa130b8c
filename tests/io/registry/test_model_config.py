"""The settings file of a model, whoever wrote it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from peft_sp.errors import ModelError
from peft_sp.io.registry.accuracy import Figures
from peft_sp.io.registry.lookup import bundled
from peft_sp.io.registry.model_config import (
    Backbone,
    Calibration,
    Exported,
    Made,
    Metrics,
    ModelConfig,
    Parameters,
    UsedPartitions,
)
from peft_sp.io.registry.strict_json import LARGEST_FILE
from tests.support.paths import ROOT

OWN = [
    bundled()["fast"],
    ROOT / "packs" / "esm2-8m" / "src" / "peft_sp_esm2_8m",
    *sorted(file.parent for file in (ROOT / "docs" / "results").rglob("models/**/config.json")),
]


def put(directory, content, *, version=2):
    """A settings file with some content: a dictionary beside the versions, or the text itself."""
    if isinstance(content, dict):
        content = json.dumps({"format": version, "grammar": 1, **content})
    text = content if isinstance(content, bytes) else content.encode()
    (directory / "config.json").write_bytes(text)
    return directory


@pytest.mark.parametrize("directory", OWN, ids=lambda d: str(d.relative_to(ROOT)))
def test_a_file_of_this_repository_says_the_same_when_it_is_written_again(directory, tmp_path):
    config = ModelConfig.read(directory)
    config.write(tmp_path)
    assert ModelConfig.read(tmp_path) == config
    before = json.loads((directory / "config.json").read_text())
    after = json.loads((tmp_path / "config.json").read_text())
    assert after.pop("format") == 2 and before.pop("format") in (1, 2)
    # Names of options differ between formats; see test_migrations.
    for content in (before, after):
        del content["made"]["recipe"]
        content.setdefault("metrics", {})
        content["made"].setdefault("commit", None)  # unknown in files of earlier versions
    assert after == before and not config.extra


def test_recipes_in_files_of_format_1_have_the_present_names_of_options(tmp_path):
    old = {"optimisation": {"clip": 0.5}, "variants": [{"optimisation.rare": 9}]}
    new = {
        "optimisation": {"max_grad_norm": 0.5},
        "variants": [{"optimisation.rare_class_size": 9}],
    }
    for version, expected in ((1, new), (2, old)):
        config = ModelConfig.read(put(tmp_path, {"made": {"recipe": old}}, version=version))
        assert config.made.recipe == expected


def test_an_empty_file_says_nothing(tmp_path):
    config = ModelConfig.read(put(tmp_path, {}))
    assert config == ModelConfig()
    assert (config.temperature, config.accuracy, config.members) == (1.0, None, ())


def test_every_field_is_read_as_it_was_written(tmp_path):
    config = ModelConfig(
        name="small",
        description="Two networks.\nOne line more.",
        licence="MIT",
        metrics=Metrics(test=Figures(10, mean_mcc2=0.5, mean_mcc2_interval=(None, 0.75))),
        parameters=Parameters(3, 10**17),
        calibration=Calibration(1.5, fitted_on="validation partition 2"),
        made=Made({"seed": 1}, UsedPartitions((0, 1), test=2), data="a.fasta", torch="2.13.0"),
        members=("member-1", "member-2"),
        backbone=Backbone("esm2_t6_8M", "0" * 64),
        settings={"backbone": "esm2_t6_8M", "tuning": {"method": "lora"}},
        batch_size=16,
        exported=Exported(2, "float16", 0.01, {"proteins": 3}, 17),
        origin="somewhere",
        citation=("one", "two"),
        extra={"note": {"by": "a colleague", "ratings": [1, 2.5, None]}},
    )
    config.write(tmp_path)
    assert ModelConfig.read(tmp_path) == config


def test_keys_of_other_tools_are_kept_in_every_table(tmp_path):
    notes = {"notes": {"by": "another tool", "list": [1, None]}}
    content = {**notes, "made": {"data": "a.fasta", **notes}, "metrics": {"test": notes}}
    config = ModelConfig.read(put(tmp_path, content))
    assert config.extra == config.made.extra == config.metrics.test.extra == notes
    replace(config, name="renamed").write(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["notes"] == written["made"]["notes"] == notes["notes"]
    assert written["metrics"]["test"]["notes"] == notes["notes"] and written["name"] == "renamed"


def test_one_citation_or_several(tmp_path):
    assert ModelConfig.read(put(tmp_path, {"citation": "me"})).citation == ("me",)
    assert ModelConfig.read(put(tmp_path, {"citation": ["me", "you"]})).citation == ("me", "you")


VERSIONS = [
    ({"format": 3, "grammar": 1}, "model format 3 with grammar 1; this version reads formats 1 to"),
    ({"format": 99, "grammar": 1, "metrics": "new"}, "model format 99"),
    ({"format": 0, "grammar": 1}, "model format 0"),
    ({"format": -1, "grammar": 1}, "model format -1"),
    ({"format": 2, "grammar": 2}, "with grammar 2"),
    ({"format": "2", "grammar": 1}, "not a model's settings (format must be an integer)"),
    ({"format": True, "grammar": 1}, "format must be an integer"),
    ({"grammar": 1}, "not a model's settings (format is missing)"),
    ({"format": 2}, "grammar is missing"),
    ({"model_type": "esm"}, "not a model's settings (format is missing)"),
]


@pytest.mark.parametrize(("content", "problem"), VERSIONS)
def test_another_version_is_refused(content, problem, tmp_path):
    with pytest.raises(ModelError) as caught:
        ModelConfig.read(put(tmp_path, json.dumps(content)))
    assert problem in str(caught.value)


BIG = "9" * 400
FOREIGN = {
    "nothing": (b"", "not a model's settings (not JSON: Expecting value"),
    "half a file": (b'{"format": 2,', "not a model's settings (not JSON: "),
    "not UTF-8": (b'{"format": 2, "name": "\xff"}', "not a model's settings (not UTF-8 text)"),
    "a list": (b"[1]", "not a model's settings (not a table)"),
    "a number": (b"3", "not a model's settings (not a table)"),
    "deep lists": (b"[" * 100_000, "nested more than 32 levels deep"),
    "deep tables": (b'{"a":' * 100_000, "nested more than 32 levels deep"),
    "nested a little too deep": (
        {"note": json.loads("[" * 40 + "]" * 40)},
        "nested more than 32 levels deep",
    ),
    "a huge file": (b" " * (LARGEST_FILE + 1), "larger than 1,048,576 bytes"),
    "the same key twice": (
        b'{"format": 2, "grammar": 1, "name": "a", "name": "b"}',
        'the key "name" stands twice',
    ),
    "lone surrogates": ({"name": "\ud800"}, 'name is "\\ud800"; it must be Unicode text'),
    "a key that is no text": ({"\ud800": 1}, 'the key "\\ud800" is not Unicode text'),
}
for _token in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
    FOREIGN[f"temperature {_token}"] = (
        f'{{"format": 2, "grammar": 1, "calibration": {{"temperature": {_token}}}}}',
        f"calibration.temperature is {_token}; it must be a finite number",
    )
    FOREIGN[f"a note of {_token}"] = (
        f'{{"format": 2, "grammar": 1, "note": [0, {_token}]}}',
        f"note[1] is {_token}; it must be a finite number",
    )
FOREIGN["an integer of 400 digits"] = (
    f'{{"format": 2, "grammar": 1, "metrics": {{"test": {{"mean_mcc2": {BIG}}}}}}}',
    f"metrics.test.mean_mcc2 is {BIG[:20]}... (400 characters); it must be an integer of at most",
)
FOREIGN["an integer of 10,000 digits"] = (
    f'{{"format": {"9" * 10_000}, "grammar": 1}}',
    "format is 99999999999999999999... (10000 characters)",
)


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_content_is_refused_in_one_line_that_names_the_file(case, tmp_path):
    content, problem = FOREIGN[case]
    with pytest.raises(ModelError) as caught:
        ModelConfig.read(put(tmp_path, content))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'config.json'}: ") and problem in message
    assert "\n" not in message and len(message) < len(str(tmp_path)) + 250


CHECKSUM = "a SHA-256 checksum of 64 hexadecimal digits"
INSIDE = "the name of a directory inside the model's own"
VALUES = [
    ({"name": 3}, "name is 3; it must be text without control characters"),
    ({"name": "a\u202eb"}, 'name is "a\\u202eb"; it must be text without control'),
    ({"name": "a\u001b[31mred"}, 'name is "a\\u001b[31mred"; it must be text without control'),
    ({"description": ["a"]}, 'description is ["a"]; it must be text'),
    ({"licence": {}}, "licence is {}; it must be text"),
    ({"citation": [3]}, "citation[0] is 3; it must be text"),
    ({"citation": {}}, "citation[0] is {}; it must be text"),
    ({"settings": []}, "settings is []; it must be a table"),
    (
        {"residues": "ABC"},
        'residues is "ABC"; it must be "ACDEFGHIKLMNPQRSTVWYXBZUO" in this version',
    ),
    ({"window": 60}, "window is 60; it must be 70 in this version"),
    ({"window": 70.0}, "window is 70.0; it must be 70"),
    ({"backbone": "esm2"}, 'backbone is "esm2"; it must be a table'),
    ({"backbone": {"name": "esm2"}}, "backbone.sha256 is missing"),
    (
        {"backbone": {"name": "esm2", "sha256": None}},
        f"backbone.sha256 is null; it must be {CHECKSUM}",
    ),
    (
        {"backbone": {"name": "esm2", "sha256": "ab"}},
        f'backbone.sha256 is "ab"; it must be {CHECKSUM}',
    ),
    ({"parameters": {"trained": 1}}, "parameters.all is missing"),
    (
        {"parameters": {"trained": -1, "all": 2}},
        "parameters.trained is -1; it must be an integer from",
    ),
    (
        {"parameters": {"trained": 1.5, "all": 2}},
        "parameters.trained is 1.5; it must be an integer",
    ),
    ({"calibration": 2}, "calibration is 2; it must be a table"),
    ({"calibration": {}}, "calibration.temperature is missing"),
    ({"batch_size": 0}, "batch_size is 0; it must be a positive integer"),
    ({"batch_size": -8}, "batch_size is -8; it must be a positive integer"),
    ({"batch_size": 1.0}, "batch_size is 1.0; it must be a positive integer"),
    ({"batch_size": True}, "batch_size is true; it must be a positive integer"),
    ({"made": [1]}, "made is [1]; it must be a table"),
    ({"made": {"recipe": "lora"}}, 'made.recipe is "lora"; it must be a table'),
    ({"made": {"partitions": [0]}}, "made.partitions is [0]; it must be a table"),
    ({"made": {"partitions": {"train": 0}}}, "made.partitions.train is 0; it must be a list"),
    ({"made": {"partitions": {"train": ["0"]}}}, 'made.partitions.train[0] is "0"; it must be an'),
    ({"made": {"data_sha256": "x"}}, f'made.data_sha256 is "x"; it must be {CHECKSUM}'),
    (
        {"made": {"distillation": {"teachers": [3]}}},
        "made.distillation.teachers[0] is 3; it must be",
    ),
    ({"metrics": "the best"}, 'metrics is "the best"; it must be a table'),
    ({"metrics": {"test": [1]}}, "metrics.test is [1]; it must be a table"),
    ({"metrics": {"cross_validation": "good"}}, 'metrics.cross_validation is "good"; it must be'),
    ({"metrics": {"cross_validation": {"pooled": 3}}}, "metrics.cross_validation.pooled is 3"),
    (
        {"metrics": {"test": {"mean_mcc2": "0.9"}}},
        'metrics.test.mean_mcc2 is "0.9"; it must be a nu',
    ),
    (
        {"metrics": {"test": {"mean_mcc2": True}}},
        "metrics.test.mean_mcc2 is true; it must be a number",
    ),
    (
        {"metrics": {"test": {"mean_mcc2": 7}}},
        "metrics.test.mean_mcc2 is 7; it must be a number from",
    ),
    (
        {"metrics": {"test": {"mean_mcc2_interval": [1]}}},
        "mean_mcc2_interval is [1]; it must be a lis",
    ),
    ({"metrics": {"test": {"classes": {}}}}, "metrics.test.classes is {}; it must be a list"),
    ({"metrics": {"test": {"classes": [{}]}}}, "metrics.test.classes[0].organism is missing"),
    (
        {"metrics": {"test": {"classes": [{"organism": "ARCHAEA", "type": "SP", "mcc2": []}]}}},
        "metrics.test.classes[0].mcc2 is []; it must be a number from -1 to 1",
    ),
    ({"exported": {"precision": "int8"}}, "exported.networks is missing"),
    ({"members": "member-1"}, 'members is "member-1"; it must be a list'),
    ({"members": [3]}, "members[0] is 3; it must be text"),
    ({"members": ["a", "a"]}, 'members is ["a", "a"]; it must be a list of different directories'),
]
VALUES += [
    ({"members": ["a", wrong]}, f"members[1] is {json.dumps(wrong)}; it must be {INSIDE}")
    for wrong in ("", ".", "..", "../other", "/tmp", "a/b", "a\\b", ".hidden", "C:\\x")
]
VALUES += [
    (
        {"calibration": {"temperature": wrong}},
        f"temperature is {json.dumps(wrong)}; it must be a number",
    )
    for wrong in (0, -1, "2", None, True, [], 1e-9, 1e9)
]


@pytest.mark.parametrize(("content", "problem"), VALUES)
@pytest.mark.parametrize("version", [1, 2])
def test_a_wrong_value_is_refused_with_its_key_and_what_it_must_be(
    content, problem, version, tmp_path
):
    with pytest.raises(ModelError) as caught:
        ModelConfig.read(put(tmp_path, content, version=version))
    message = str(caught.value)
    assert problem in message and message.startswith(str(tmp_path)) and "\n" not in message


def test_long_values_and_keys_are_shortened(tmp_path):
    for content in ({"batch_size": "x" * 10_000}, {"x" * 10_000: {"y": "\ud800"}}):
        with pytest.raises(ModelError) as caught:
            ModelConfig.read(put(tmp_path, content))
        assert len(str(caught.value)) < len(str(tmp_path)) + 250


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    before = put(tmp_path, {"name": "before"}) and (tmp_path / "config.json").read_bytes()
    for wrong, problem in (
        (ModelConfig(members=("../other",)), INSIDE),
        (ModelConfig(calibration=Calibration(float("nan"))), "cannot be written"),
        (ModelConfig(settings={"rank": object()}), "cannot be written"),
        (ModelConfig(extra={"window": 3}), "window is 3"),
        (ModelConfig(extra={"format": 9}), "model format 9"),
    ):
        with pytest.raises(ModelError, match=problem):
            wrong.write(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_directory_without_settings(tmp_path):
    with pytest.raises(ModelError, match="not a model's settings \\(No such file"):
        ModelConfig.read(tmp_path)


def test_accuracy_is_that_of_the_most_trustworthy_proteins(tmp_path):
    config = ModelConfig.read(bundled()["fast"])
    raw = json.loads((bundled()["fast"] / "config.json").read_text())
    pooled = raw["metrics"]["cross_validation"]["pooled"]
    accuracy = config.accuracy
    assert accuracy.figures.mean_mcc2 == pooled["mean_mcc2"]
    assert accuracy.figures.mean_mcc2_interval == tuple(pooled["mean_mcc2_interval"])
    assert accuracy.figures.eukaryotic_mcc2 == pooled["classes"][0]["mcc2"]
    assert accuracy.measured == "cross-validation (deployed)" and accuracy.is_cross_validated
    for name, own in (("test", 2), ("validation", None)):
        content = {"metrics": {name: {"mean_mcc2": 0.9}}, "made": {"partitions": {name: own}}}
        accuracy = ModelConfig.read(put(tmp_path, content)).accuracy
        assert accuracy.measured == f"{name} partition" + (" 2" if own else "")
        assert (accuracy.is_cross_validated, accuracy.figures.mean_mcc2) == (False, 0.9)
    both = {"validation": {"mean_mcc2": 0.9}, "test": {"mean_mcc2": 0.8}}
    assert ModelConfig.read(put(tmp_path, {"metrics": both})).accuracy.figures.mean_mcc2 == 0.8


@pytest.mark.parametrize("metrics", [None, {}, {"cross_validation": {}}, {"test": None}])
def test_settings_that_say_nothing_of_accuracy(metrics, tmp_path):
    assert ModelConfig.read(put(tmp_path, {"metrics": metrics})).accuracy is None


KEYS = st.sampled_from(
    [
        *("format", "grammar", "name", "metrics", "test", "pooled", "cross_validation", "classes"),
        *("made", "recipe", "partitions", "train", "distillation", "teachers", "members"),
        *("calibration", "temperature", "backbone", "sha256", "batch_size", "settings", "extra"),
        *("optimisation", "variants", "exported", "citation", "parameters", "mean_mcc2"),
    ]
)
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    st.sampled_from(["a", "../a", "\ud800", 10**400, 1, 0.5]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([1, 2]))
@example({"made": {"recipe": {"variants": [3, {"a": 1}], "optimisation": 3}}}, 1)
def test_any_json_is_settings_or_a_model_error(document, version):
    if isinstance(document, dict):
        document = {"format": version, "grammar": 1, **document}
    _read_or_refuse(json.dumps(document).encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_settings_or_a_model_error(content):
    _read_or_refuse(content)


def _read_or_refuse(content):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "config.json").write_bytes(content)
        try:
            config = ModelConfig.read(directory)
        except ModelError as error:
            assert str(error).startswith(str(directory)) and "\n" not in str(error)
            return
        config.write(directory)
        assert ModelConfig.read(directory) == config
