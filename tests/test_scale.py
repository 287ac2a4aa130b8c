"""Pages on scale: their tables are those of scripts/scale.py, whose simulation obeys rules."""

from __future__ import annotations

import pytest

from tests.support.paths import ROOT
from tests.support.scripts import script

HOW, COSTS = ((ROOT / "docs" / name).read_text() for name in ("scale.md", "scale-costs.md"))
BOTH = HOW + COSTS
FILES = ROOT / "integrations" / "shards"


@pytest.fixture(scope="module")
def scale():
    return script("scale")


@pytest.fixture(scope="module")
def simulation(scale):
    return script("simulation")


@pytest.fixture
def calm(simulation):
    """Nothing goes wrong."""
    return simulation.Assumed(cores=2, spread=0, slow=0, killed=0, node_days=1e9)


def test_the_pages_are_current(scale):
    """The long tables by one row each."""
    assert set(scale.SECTIONS) == {found[2] for found in scale.MARKED.finditer(BOTH)}
    quick = set(scale.SECTIONS) - {"times of fast", "times of esm2-8m", "sizes"}
    assert scale.written(BOTH, quick) == BOTH, "run python scripts/scale.py"
    for table in (scale.time_table("fast", ["UniProtKB"]), scale.sweep_table([1_000_000])):
        assert table.splitlines()[-1] in BOTH, "run python scripts/scale.py"
    assert scale.time_table("esm2-8m", []).splitlines()[0] in BOTH


def test_without_trouble_a_run_takes_its_work_alone(simulation, calm):
    work = simulation.Work("one", protein=0.5, start=2.0)
    found = simulation.Cluster(work, 2, assumed=calm).run(1000, 100)
    # Ten shards of 52 seconds on four cores: three rounds.
    assert found == simulation.Outcome(10, pytest.approx(156), pytest.approx(520), 0, 0)


def test_a_failed_shard_is_done_again(simulation):
    work = simulation.Work("one", protein=1.0, start=0.0)
    bad = simulation.Assumed(cores=1, spread=0, slow=0, killed=0.5, node_days=1e9)
    found = simulation.Cluster(work, 1, assumed=bad).run(10_000, 10)
    # As many attempts fail as succeed, half done on the average.
    assert found.lost == pytest.approx(1000, rel=0.15)
    assert found.core_seconds == pytest.approx(10_000 + 5 * found.lost, rel=0.05)
    assert found.seconds == pytest.approx(found.core_seconds)


def test_a_node_that_fails_is_out_for_its_repair(simulation):
    work = simulation.Work("one", protein=1.0, start=0.0)
    bad = simulation.Assumed(cores=1, spread=0, slow=0, killed=0, node_days=1 / 864, repair=50.0)
    found = simulation.Cluster(work, 1, assumed=bad).run(10_000, 10)  # a tenth of the attempts
    assert found.lost == pytest.approx(10_000 / 100, rel=0.3)
    assert found.seconds == pytest.approx(found.core_seconds + 50 * found.lost)


def test_second_copies_shorten_the_wait_for_stragglers(simulation):
    work = simulation.Work("one", protein=1.0, start=0.0)
    slow = simulation.Assumed(cores=10, spread=0, slow=0.05, slowness=8, killed=0, node_days=1e9)
    plain = simulation.Cluster(work, 2, assumed=slow).run(20_000, 100)
    twice = simulation.Cluster(work, 2, copies=True, assumed=slow).run(20_000, 100)
    assert plain.seconds >= 1_700 and 1_000 < twice.seconds < 1_500
    assert twice.copies > 0 == plain.copies
    assert twice.core_seconds < plain.core_seconds  # a straggler ends with its copy


def test_a_shard_lasts_between_one_minute_and_half_an_hour(simulation):
    fast, slow = (simulation.Work("one", protein, 1.0) for protein in (0.0006, 0.03))
    assert simulation.shard_of(fast, 10**9, 64) == 1_000_000
    assert simulation.shard_of(fast, 10**9, 64_000) == 100_000
    assert simulation.shard_of(slow, 10**9, 64) == 50_000
    assert simulation.shard_of(slow, 10**8, 64_000) == 2_000


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_what_the_page_shows_of_a_file_is_what_it_has(name):
    language = {"slurm.sh": "bash", "hyperqueue.sh": "bash", "kubernetes.yaml": "yaml"}
    language |= {"main.nf": "groovy", "Snakefile": "snakemake"}
    shown = [block.split("```")[0] for block in BOTH.split(f"```{language[name]}\n")[1:]]
    text = (FILES / name).read_text()
    assert any(block in text for block in shown if len(block.splitlines()) > 3)
