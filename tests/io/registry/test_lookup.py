"""Which model a name means, and what the available models say of themselves."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from peft_sp.errors import ModelError
from peft_sp.inference.loading import load
from peft_sp.io.registry import lookup
from peft_sp.io.registry.checksums import write_checksums
from peft_sp.io.registry.lookup import Model, bundled, fingerprint
from tests.support.graphs import network


def put_model(folder, **changes):
    """The bundled model in another folder, its settings changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in lookup.bundled()["fast"].iterdir():
        shutil.copy(file, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def mcc2(value, how="cross_validation"):
    figures = {"mean_mcc2": value, "proteins": 10, "classes": []}
    block = {"protocol": "deployed", "pooled": figures} if how == "cross_validation" else figures
    return {"metrics": {how: block}}


@pytest.fixture
def pack(site, monkeypatch, tmp_path_factory):
    """Installs a pack with the bundled model's files; a home that remembers no hub models."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))

    def install(name, distribution="", **changes):
        own = f"pack_of_{(distribution or name).replace('-', '_')}"
        put_model(site.package(own), **changes)
        points = f"[peft_sp.models]\n{name} = {own}\n"
        site.install(distribution or f"peft-sp-{name}", "1.0", points)
        return site.folder / own

    return install


def test_a_bundled_name_asks_no_installed_package(monkeypatch):
    monkeypatch.setattr(lookup.packs, "offers", lambda: pytest.fail("scanned"))
    assert lookup.find("fast").source == "bundled"
    assert lookup.locate("fast") == lookup.bundled()["fast"]


def test_a_directory_asks_no_installed_package(tmp_path, monkeypatch):
    monkeypatch.setattr(lookup.packs, "offers", lambda: pytest.fail("scanned"))
    place = put_model(tmp_path / "mine")
    assert lookup.find(place) == lookup.find(str(place))
    assert (lookup.find(place).source, lookup.locate(place)) == ("directory", place)


def test_a_pack_is_found_by_its_name(pack):
    place = pack("other", licence="GPL-3.0-or-later")
    found = lookup.find("other")
    assert (found.source, found.directory, found.package) == ("pack", place, "peft-sp-other")
    assert found.config.licence == "GPL-3.0-or-later"
    assert lookup.find("peft-sp-other:other").directory == place
    (prediction,) = load("other").predict([("a", "MKKTAIAIAVALAGFATVAQAAPKDNTWYTG")])
    assert prediction.type == "SP"


def test_of_two_packs_neither_wins(pack):
    places = {name: pack("same", name) for name in ("one", "two")}
    with pytest.raises(ModelError, match="is in 2 packages; choose one:same or two:same"):
        lookup.find("same")
    for name, place in places.items():
        assert lookup.locate(f"{name}:same") == place
    assert {"one:same", "two:same"} <= {m.name for m in lookup.installed()}


def test_the_bundled_model_wins_and_the_pack_can_still_be_named(pack):
    place = pack("fast", "imitation")
    assert lookup.find("fast").source == "bundled"
    assert lookup.locate("imitation:fast") == place
    assert {"fast", "imitation:fast"} <= {m.name for m in lookup.installed()}


def test_a_directory_wins_over_a_pack(pack, tmp_path, monkeypatch):
    pack("other")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / "other").mkdir()
    assert lookup.find("other").source == "pack", "a folder without a model is none"
    put_model(tmp_path / "work" / "other")
    assert lookup.find("other").source == "directory"


BROKEN = {
    "no settings": (lambda d: (d / "config.json").unlink(), "not a model's settings"),
    "spoilt settings": (lambda d: (d / "config.json").write_text("{"), "not a model's settings"),
    "a list": (lambda d: (d / "config.json").write_text("[]"), "not a model's settings"),
    "no weights": (lambda d: (d / "model.onnx").unlink(), "weights are missing"),
    "no network": (lambda d: (d / "model.onnx").write_bytes(b"no"), "no ONNX file, or cut off"),
    "other settings": (lambda d: (d / "config.json").write_bytes(b"\xff\xfe"), "not UTF-8 text"),
    "a pipe": (lambda d: put_pipe(d / "config.json"), "it is not a regular file"),
    "a directory": (lambda d: put_directory(d / "model.onnx"), "it is not a regular file"),
    "of other states": (lambda d: put_network(d, shapes={"ends": (3,)}), "not those of 37 states"),
    "no emissions": (lambda d: put_network(d, without="emissions"), "does not compute emissions"),
    "a link": (lambda d: put_link(d / "model.onnx"), "outside the model's directory"),
}


def put_pipe(file):
    file.unlink()
    os.mkfifo(file)


def put_directory(file):
    file.unlink()
    file.mkdir()


def put_link(file):
    file.unlink()
    file.symlink_to(lookup.bundled()["fast"] / file.name)


def put_network(directory, **changes):
    (directory / "model.onnx").write_bytes(network(**changes).SerializeToString())


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_pack_is_listed_and_disturbs_nothing(case, pack):
    spoil, problem = BROKEN[case]
    spoil(pack("broken"))
    pack("whole")
    listed = {m.name: m for m in lookup.installed()}
    assert problem in listed["broken"].problem
    assert not listed["whole"].problem and not listed["fast"].problem
    assert lookup.find("whole").config
    with pytest.raises(ModelError, match=problem) as caught:
        load("broken")
    for text in (str(caught.value), listed["broken"].problem):
        assert "\n" not in text and "broken" in text
    assert lookup.most_accurate().name in ("fast", "whole")


def test_what_cannot_be_looked_at_is_a_line(tmp_path):
    """As a user without permission, whom root can become for a moment."""
    place = put_model(tmp_path / "models" / "mine")
    tmp_path.chmod(0o755)
    closed = tmp_path / "models" / "closed"
    closed.mkdir(mode=0)
    for parent in tmp_path.parents[: tmp_path.parents.index(Path(tempfile.gettempdir()))]:
        parent.chmod(0o755)
    with unprivileged():
        with pytest.raises(ModelError, match=r"closed.*: cannot be read .Permission denied"):
            lookup.find(closed)
        listed = {Path(m.name).name: m.problem for m in lookup.within(tmp_path / "models")}
        assert listed.keys() == {"mine", "closed"} and "Permission denied" in listed["closed"]
    (place / "config.json").chmod(0)
    with unprivileged(), pytest.raises(ModelError, match=r"config\.json: .*Permission denied"):
        lookup.find(place)


@contextmanager
def unprivileged():
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 5000, "a\0b", "\ud800"])
def test_a_name_that_no_file_can_have_is_no_model(name):
    with pytest.raises(ModelError, match=r"is neither a directory nor one of|no such directory"):
        lookup.find(name)


def test_a_nested_ensemble_is_refused_when_it_is_found(tmp_path):
    """Its inner networks would be read without being in the manifest."""
    outer = put_model(tmp_path / "outer", members=["inner"])
    put_model(outer / "inner", members=["innermost"])
    put_model(outer / "inner" / "innermost")
    write_checksums(outer, ["inner"])
    with pytest.raises(ModelError, match="is a member of an ensemble and cannot be one itself"):
        lookup.find(outer)


def test_a_pack_of_a_later_format(pack):
    pack("later", format=99)
    with pytest.raises(ModelError, match="model format 99"):
        lookup.find("later")
    assert "model format 99" in {m.name: m for m in lookup.installed()}["later"].problem


def test_an_altered_file_is_refused_with_its_remedy(pack, tmp_path):
    for place, remedy in (
        (pack("other"), "--no-deps peft-sp-other (or the folder or the wheel that it came from"),
        (put_model(tmp_path / "mine"), "get the model again"),
    ):
        name = "other" if "pack_of" in str(place) else place
        write_checksums(place)
        assert lookup.find(name).directory == place
        content = (place / "model.onnx").read_bytes()
        (place / "model.onnx").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ModelError, match=r"model\.onnx: is damaged or was altered") as caught:
            load(name)
        assert remedy in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_name_gets_the_names_at_hand(pack, tmp_path, monkeypatch):
    pack("esm2-8m")
    with pytest.raises(ModelError, match="one of: fast, esm2-8m; did you mean esm2-8m"):
        lookup.find("esm-8m")
    with pytest.raises(ModelError, match=r"one of: fast, esm2-8m$"):
        lookup.find("zzz")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(ModelError, match="no trained model is here"):
        lookup.find("runs")
    with pytest.raises(ModelError, match=r"runs/none: no such directory; .* runs/none@main"):
        lookup.find("runs/none")


def test_only_hub_ids_are_updated(tmp_path):
    for name in ("fast", put_model(tmp_path / "mine")):
        with pytest.raises(ModelError, match="is not a hub id"):
            lookup.find(name, update=True)


def test_the_most_accurate_is_by_mean_mcc2(pack):
    assert lookup.most_accurate().name == "fast"
    pack("worse", **mcc2(0.5))
    assert lookup.most_accurate().name == "fast"
    pack("better", **mcc2(0.9))
    assert lookup.most_accurate().name == "better"
    pack("one-partition", **mcc2(0.99, "test"))
    pack("boastful", metrics="the best")
    (pack("without-weights", **mcc2(0.98)) / "model.onnx").unlink()
    (pack("of-another-format", format=7, **mcc2(0.97)) / "model.onnx").unlink()
    tensors = pack("needs-torch", **mcc2(0.96))
    (tensors / "model.onnx").rename(tensors / "head.safetensors")
    assert lookup.most_accurate().name == "better"
    assert lookup.most_accurate([lookup.find("worse"), lookup.find("one-partition")]).name == (
        "worse"
    )
    with pytest.raises(ModelError, match='metrics is "the best"; it must be a table'):
        lookup.find("boastful")
    pack("unmeasured", metrics={})
    with pytest.raises(ModelError, match="says how accurate"):
        lookup.most_accurate([lookup.find("unmeasured")])


def test_a_member_is_a_directory_of_the_ensemble_and_nothing_else(tmp_path, monkeypatch):
    """Neither a model's name nor a hub id, nor another ensemble, however it is called."""
    for module in ("hub", "packs"):
        for name in ("find", "offers"):
            if hasattr(getattr(lookup, module), name):
                monkeypatch.setattr(
                    getattr(lookup, module), name, lambda *a, **k: pytest.fail("looked up")
                )
    for name in ("fast", "m0@main", "esm2-8m"):
        directory = put_model(tmp_path / name.partition("@")[0], members=[name])
        with pytest.raises(ModelError, match=f"{name}/config.json: not a model's settings"):
            load(directory)
        put_model(directory / name)
        assert len(load(directory).backend.members) == 1
        put_model(directory / name, members=["more"])
        with pytest.raises(ModelError, match="cannot be one itself"):
            load(directory)
    circle = put_model(tmp_path / "circle", members=["itself"])
    (circle / "itself").symlink_to(circle, target_is_directory=True)
    with pytest.raises(ModelError, match="cannot be one itself"):
        load(circle)


FOREIGN = {
    "long-figure": '{"test": {"mean_mcc2": ' + "9" * 400 + "}}",
    "deep": '{"note": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "not-finite": '{"test": {"mean_mcc2": NaN}}',
    "text": '"the best"',
}


def test_foreign_settings_are_one_line_of_the_list(pack, tmp_path):
    for name, metrics in FOREIGN.items():
        folders = pack(name), put_model(tmp_path / "models" / name)
        for folder in folders:
            content = f'{{"format": 2, "grammar": 1, "metrics": {metrics}}}'
            (folder / "config.json").write_text(content)
    listed = {model.name: model.problem for model in lookup.installed()}
    inside = {model.name: model.problem for model in lookup.within(tmp_path / "models")}
    assert not listed.pop("fast") and listed.keys() == FOREIGN.keys() and len(inside) == 4
    for problem in (*listed.values(), *inside.values()):
        assert "config.json: " in problem and "\n" not in problem and len(problem) < 400


def test_models_in_a_folder(tmp_path):
    put_model(tmp_path / "b")
    put_model(tmp_path / "a" / "deeper")
    put_model(tmp_path / "c", format=9)
    b, c = lookup.within(tmp_path)
    assert (b.name, b.source, b.problem) == (str(tmp_path / "b"), "directory", "")
    assert "format 9" in c.problem
    assert isinstance(b, Model) and b.is_exported and b.size > 1e6


def test_a_fingerprint_is_of_all_that_predicts(tmp_path):
    source, copy = bundled()["fast"], tmp_path / "copy"
    shutil.copytree(source, copy)
    whole = fingerprint(source)
    assert fingerprint(copy) == whole
    (copy / "README.md").write_text("another card")
    assert fingerprint(copy) == whole
    network = (copy / "model.onnx").read_bytes()
    (copy / "model.onnx").write_bytes(network[:-1] + bytes([network[-1] ^ 1]))
    assert fingerprint(copy) != whole
    (copy / "model.onnx").rename(copy / "network.onnx")
    (copy / "network.onnx").write_bytes(network)
    assert fingerprint(copy) != whole
