"""What docs/genomes.md and the section of scans in docs/pictures.md show is what commands give."""

from __future__ import annotations

import doctest
import re
import subprocess

import pytest

from tests.support.commands import peft_sp
from tests.support.genomes import PROTEIN, spliced
from tests.support.paths import ROOT

pytestmark = pytest.mark.integration
PAGE = (ROOT / "docs" / "genomes.md").read_text(encoding="utf-8")
PICTURES = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
SCANS = PICTURES[PICTURES.index("## What breaks") : PICTURES.index("## From Python")]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def without_version(text):
    return re.sub(r"PEFT-SP([-:])[\w.]+", r"PEFT-SP\1", text)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def test_the_page_of_genomes(place):
    spliced(place)
    records = (f">{name}\n{PROTEIN}\n" for name in ("cds1", "cds2"))
    (place / "proteins.faa").write_text("".join(records))
    commands, both = blocks(PAGE, "sh")
    for number, line in enumerate(commands.splitlines()):
        arguments = line.split("#")[0].split()[1:]
        assert peft_sp(*arguments[:-1], "results" if not number else f"results-{number}")[0] == 0
    (shown,) = blocks(PAGE, "text")
    written = (place / "results" / "genome.gff3").read_text()
    assert without_version(written) == without_version(shown)
    places = [
        [line.split("\t")[:5] for line in (place / name / "genome.gff3").read_text().splitlines()]
        for name in ("results-1", "results-2")
    ]
    assert places[0] == places[1] and len(places[0]) == 7
    subprocess.run(["bash", "-euc", both], check=True)
    assert (place / "annotated.gff3").read_text().count("##gff-version") == 1


def test_what_it_shows_of_python(place):
    test = doctest.DocTestParser().get_doctest(
        "".join(blocks(PAGE, "python")), {}, "genomes.md", "genomes.md", 0
    )
    found = doctest.DocTestRunner().run(test)
    assert found.attempted == 4 and not found.failed


def test_the_section_of_scans(place):
    pytest.importorskip("matplotlib")
    (command,), (shown,) = blocks(SCANS, "sh"), blocks(SCANS, "text")
    code, output, errors = peft_sp(*command.split()[1:])
    assert (code, output, errors) == (0, shown, "")
    header = (place / "results" / "scan.tsv").read_text().partition("\n")[0].split("\t")
    named = re.findall(r"^\| ([a-z_, ]+) \|", SCANS, re.MULTILINE)[1:]
    assert ", ".join(named).split(", ") == header
