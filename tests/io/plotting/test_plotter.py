from dataclasses import replace

import pytest

from peft_sp.biology.prediction import Protein
from peft_sp.errors import MissingExtraError, OutputError
from peft_sp.io.plotting import plotter as module
from peft_sp.io.plotting.residue_table import residue_table

STARTS = {
    "png": b"\x89PNG\r\n",
    "svg": b"<svg ",
    "pdf": b"%PDF-",
    "eps": b"%!PS-Adobe",
    "txt": b"#",
}


@pytest.mark.parametrize("kind", module.KINDS)
def test_each_kind_of_file(predictions, kind, tmp_path):
    if kind in ("png", "pdf", "eps"):
        pytest.importorskip("matplotlib")
    for number, prediction in enumerate(predictions):
        path = tmp_path / f"{number}.{kind}"
        module.draw(prediction, path)
        content = path.read_bytes()
        assert content.startswith(STARTS[kind]) and len(content) < 120_000
        module.draw(prediction, path)
        assert path.read_bytes() == content
    if kind == "txt":
        assert content == residue_table(prediction, prediction.marginals)


def test_names_of_files_never_collide(signal, tmp_path):
    ids = ["a|b", "a/b", "A.b", "a_b_2", "../../x", "con", "\u4fe1", "\u53f7", "y" * 900, "y" * 901]
    with module.Plotter(tmp_path, "svg") as plotter:
        names = [plotter.add(replace(signal, protein=Protein(one, "MKT"))) for one in ids]
    assert names[:6] == [
        "a_b.svg",
        "a_b_2.svg",
        "A_b_3.svg",
        "a_b_2_2.svg",
        "______x.svg",
        "con_.svg",
    ]
    assert len({name.lower() for name in names}) == len(ids)
    assert max(map(len, names)) < 130
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_several_processes_draw_the_same(predictions, tmp_path):
    pytest.importorskip("matplotlib")
    made = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        with module.Plotter(folder, "png", processes) as plotter:
            for number in range(70):  # more than one process draws alone
                plotter.add(predictions[number % len(predictions)])
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(made[0]) == 70 and made[0] == made[1]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_that_cannot_be_written(signal, tmp_path, processes):
    pytest.importorskip("matplotlib")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        module.Plotter(tmp_path / "none", "png", processes) as plotter,
    ):
        for _ in range(200):
            plotter.add(signal)


def test_what_cannot_be_drawn(signal, tmp_path):
    with pytest.raises(ValueError, match="one of png, svg"):
        module.draw(signal, tmp_path / "a.jpg")
    with (
        module.Plotter(tmp_path, "svg") as plotter,
        pytest.raises(ValueError, match="marginals=True"),
    ):
        plotter.add(replace(signal, marginals=None))
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_only_some_kinds_can_be_drawn(signal, tmp_path, without_matplotlib):
    for kind in ("png", "pdf", "eps"):
        with pytest.raises(MissingExtraError, match=r"pip install 'peft-sp\[plot\]'"):
            module.require(kind)
    for kind in ("svg", "txt"):
        module.draw(signal, tmp_path / f"a.{kind}")
    assert len(list(tmp_path.iterdir())) == 2
