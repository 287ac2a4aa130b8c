"""Every code block of the documentation runs, on small data under the names that it uses."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

from peft_sp.io.registry.lookup import bundled
from tests.support.commands import peft_sp, rows
from tests.support.genomes import PROTEIN, spliced
from tests.support.manual import Runner, blocks, lines
from tests.support.paths import DATA, ROOT
from tests.support.service import working
from tests.support.uniprot import as_gff, as_table

pytestmark = pytest.mark.integration

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "results").glob("*/*.md")),
    *sorted((ROOT / "docs" / "results").glob("*/models/*.md")),  # not the cards of each model
    *sorted((ROOT / "packs").glob("**/*.md")),
]
PAGES = [page for page in PAGES if blocks(page)]

# What is not run: how its lines begin, and why. It is read instead (`check_by_reading`).
NOT_RUN = {
    r"python3 -m venv|\. \.venv/bin/activate|pip install": "that the extras exist is tested",
    r"make ": "minutes to hours; that the targets exist is tested, and CI runs demo, lint and test",
    r"docker ": "needs Docker; tests/test_container.py reads the Dockerfile",
    r"python benchmarks/|python scripts/": "minutes to hours, on real proteomes",
    r"python -m http.server|peft-sp serve": "does not end; tests/cli/test_serve.py starts it",
    r"hf auth login|peft-sp push|peft-sp pull": "needs an account; test_sharing.py has a hub",
    r"peft-sp shards run .*--cluster": "tests/inference/shards/test_driver.py has a cluster",
    r"torchrun|accelerate launch": "tests/training/fitting/test_processes.py forks the processes",
    r"peft-sp crossval .*--(parallel|cluster)": "tests/cli/training/test_crossval.py runs it",
    r"peft-sp .*--device cuda|pip uninstall": "needs a GPU",
    r"peft-sp predict .*--model OWNER/": "needs the hub; tests/io/registry/test_hub.py has one",
    r"peft-sp import |.*published-150M": "needs gigabytes; test_imports.py has small ones",
    r"peft-sp evaluate docs/results/": "minutes, on the real backbone and all data",
    r"peft-sp train .*-again": "a card's, beside the models that it names",
    r"python packs/build|cp -r packs|peft-sp models my-model": "test_packs.py builds a pack",
    r"peft-sp pretrain|.*esm2-8M-windows": "tests/cli/training/test_pretrain.py runs it",
}
# Commands that take long, and are run on the first page that has them.
ONCE = ("peft-sp crossval lora-8M", "peft-sp distill fast", "peft-sp tune lora-8M")
# Pages of which nothing is run, and why.
PAGES_NOT_RUN = {
    "docs/results/one-fold/README.md": "hours, on the real backbone and all data",
    "docs/extending.md": "a package of its own; tests/io/registry/test_plugins.py installs it",
    "docs/pipelines.md": "workflow managers; tests/test_integrations.py reads what they run",
    "packs/template/README.md": "a template, whose names are to be replaced",
}
# Text that no command printed: how it begins, and why.
NOT_PRINTED = {
    ">P10152|EUKARYA|SP|1": "the format of a file",
    " name      source": "lists what is installed; tests/cli/test_models.py compares it",
    "$ peft-sp push": "needs an account",
    "publishing 4 files": "of a network that trained for minutes",
    "4,242 proteins, model fast": "of a proteome of which a sample is in the repository",
    "tournament_wt_115": "of a run of SignalP 6 that is too large for the repository",
    "left out: 7": "of 300 proteins that are not in the repository",
    " organism  type": "of a network that trained for minutes",
}
PYTHON_NOT_RUN = {
    "from peft import PeftModel": "fetches a backbone; tests/network/test_checkpoint.py has one",
}
LANGUAGES_NOT_RUN = {
    "r": "R is not installed where the tests run",
    "nginx": "nginx is not installed where the tests run",
    "dockerfile": "needs Docker",
    "bash": "files of integrations/shards; tests/test_integrations.py runs what they run",
    "snakemake": "a file of integrations/shards",
    "groovy": "files of integrations",
}


# What makes training from Python small.
REPLACED = {
    '"backbone": "esm2-8M"': '"backbone": "esm2_t6_8M"',
    '"optimisation.epochs": 5': '"optimisation.epochs": 0.1',
}
PRELUDES = {
    "pictures.md": (
        "import peft_sp\nfrom pathlib import Path\nfrom matplotlib.figure import Figure\n"
        "predictor, another = peft_sp.load('fast', threads=1), Figure().subplots()"
    ),
}
"""What a reader has who comes to a page from the one before."""


def not_run(line: str) -> bool:
    return any(re.match(beginning, line) for beginning in NOT_RUN)


@pytest.fixture(scope="module")
def world(tmp_path_factory, labelled, labelled_file, tiny_backbone) -> Path:
    """What the pages' commands find: each page works in a copy."""
    world = tmp_path_factory.mktemp("world")
    (world / "examples").symlink_to(ROOT / "examples")
    spliced(world)
    ecoli = (ROOT / "examples" / "ecoli_300.faa").read_text().split("\n>")
    few = "\n>".join(ecoli[:30]) + "\n"
    for name in ("ecoli.faa", "yeast.faa", "metagenome.faa"):
        (world / name).write_text(few)
    (world / "proteins.faa").write_text(
        "".join(f">{name}\n{PROTEIN}\n" for name in ("cds1", "cds2"))
    )
    (world / "proteins.fasta.gz").write_bytes(gzip.compress(few.encode()))
    features, fasta = as_gff(p for p in labelled if p.organism == "NEGATIVE")
    (world / "uniprot.tsv").write_text(as_table(labelled))
    (world / "proteins.gff").write_text(features)
    (world / "proteins.fasta").write_text(fasta)
    shutil.copy(labelled_file, world / "train_set.fasta")
    for name in ("esm2_t6_8M", "packs/esm2_t6_8M_windows"):
        shutil.copytree(tiny_backbone, world / name)
    # Found before packs, of which none need be installed here.
    shutil.copytree(ROOT / "packs" / "esm2-8m" / "src" / "peft_sp_esm2_8m", world / "esm2-8m")
    shutil.copytree(bundled()["fast"], world / "my-exported-model")
    shutil.copytree(DATA / "signalp6" / "eukarya_il2", world / "signalp6-results")
    shutil.copy(DATA / "signalp6" / "eukarya_il2" / "Target-X.fasta", world / "their-input.faa")
    return world


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a server with a worker answers."""
    with working(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture
def runner(world, tmp_path, monkeypatch):
    folder = tmp_path / "page"
    shutil.copytree(world, folder, symlinks=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Runner(folder, "esm2_t6_8M", not_run, dict(REPLACED))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_runs(page, runner, request, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))  # docs/client.py
    if page.name == "http.md":
        runner.replaced["http://127.0.0.1:8000"] = request.getfixturevalue("address")
    alone = page.relative_to(ROOT).as_posix() in PAGES_NOT_RUN
    if alone:
        runner.not_run = lambda line: True
    elif page != PAGES[0]:
        runner.not_run = lambda line: not_run(line) or line.startswith(ONCE)
    exec(PRELUDES.get(page.name, ""), runner.names)
    for block in blocks(page):
        only_shown = block.text.startswith((*NOT_PRINTED, *PYTHON_NOT_RUN))
        if only_shown or block.language in LANGUAGES_NOT_RUN or (alone and block.language != "sh"):
            continue
        try:
            runner.run(block)
        except Exception as error:
            error.add_note(f"in the block at {block.place}")
            raise


def test_what_is_not_run_is_there():
    """No reason outlives its block."""
    found = [block for page in PAGES for block in blocks(page)]
    shell = [line for block in found if block.language == "sh" for line in lines(block.text)]
    for beginning in NOT_RUN:
        assert any(re.match(beginning, line) for line in shell), beginning
    first = [line for block in blocks(PAGES[0]) for line in lines(block.text)]
    assert all(any(line.startswith(one) for line in first) for one in ONCE)
    for beginning in (*NOT_PRINTED, *PYTHON_NOT_RUN):
        assert any(block.text.startswith(beginning) for block in found), beginning
    for page in PAGES_NOT_RUN:
        assert ROOT / page in PAGES, page
    assert {block.language for block in found} >= set(LANGUAGES_NOT_RUN)


def test_the_tutorial_shows_what_the_model_finds(shared, tmp_path):
    """In a proteome, and beside SignalP 6, whose inputs are not in the repository."""
    page = ROOT / "docs" / "tutorial.md"
    texts = [block.text.strip() for block in blocks(page)]
    shutil.copyfile(shared / "data/proteomes/ecoli_proteins.faa", tmp_path / "ecoli.faa")
    arguments = ("--organism", "other", "--summary", "-o", "results")
    code, output, errors = peft_sp("predict", "ecoli.faa", *arguments, cwd=tmp_path)
    assert code == 0, errors
    assert output.strip() in texts
    theirs = shared / "formats" / "signalp6_other_petase"
    table = (theirs / "prediction_results.txt").read_text().splitlines()
    cells = [line.split("\t") for line in table if not line.startswith("#")]
    called = {own[0].split()[0]: own[1].replace("OTHER", "NO_SP") for own in cells}
    own = peft_sp("predict", next(theirs.glob("*.fasta")), "-o", tmp_path / "ours")
    assert own[0] == 0, own
    found = {row["id"]: row["type"] for row in rows(tmp_path / "ours" / "predictions.tsv")}
    differing = [name for name, kind in found.items() if kind != called[name]]
    (shown,) = (text for text in texts if text.startswith("tournament_wt_115"))
    *lines_shown, last = shown.splitlines()
    assert sorted(differing) == sorted(line.split("\t")[0] for line in lines_shown)
    assert last == f"{len(found) - len(differing)} of {len(found)} have the same type"
