"""What a run recorded is taken on as it is, or refused as a whole."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from peft_sp.errors import OutputError
from peft_sp.inference.recorded import Recorded
from peft_sp.inference.run import RunOptions, predict_run
from peft_sp.io.results.journal import Journal
from peft_sp.io.results.protection import UNFINISHED
from tests.support.paths import ROOT

ECOLI = ROOT / "examples" / "ecoli_300.faa"
OPTIONS = RunOptions(
    chunk=64, batch_size=16, journal_interval=0, journal_share=1e9, summary=True, threads=1
)
KEYS = ["time", "directory", "source", "counts", "windows", "read", "page"]
ODD = (None, -1, 10**30, 1.5, True, "x", [], {}, [None], {"x": "x"})


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The directory of a run that stopped in its third chunk."""
    folder = tmp_path_factory.mktemp("stopped") / "out"

    def stop(done, *_):
        if done > 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_run(ECOLI, folder, OPTIONS, stop)
    return folder


def journal_of(folder: Path) -> Journal:
    found = Journal.read(folder / UNFINISHED / "journal")
    assert found is not None
    return found


def taken(journal: Journal) -> Recorded:
    return Recorded.of(journal, OPTIONS.cached_windows, OPTIONS.summary)


def paths(value, before=()):
    """The way to everything in plain data; of a list, to its first entries."""
    yield before
    inner = value.items() if isinstance(value, dict) else ()
    inner = list(enumerate(value))[:2] if isinstance(value, list) else list(inner)[:12]
    for key, one in inner:
        yield from paths(one, (*before, key))


def changed(state, path, new):
    made = {"state": deepcopy(state)}
    at = made
    for key in ("state", *path)[:-1]:
        at = at[key]
    at[("state", *path)[-1]] = new
    return made["state"]


def test_what_was_recorded_is_read_back(stopped):
    journal = journal_of(stopped)
    found = taken(journal)
    assert found.counts.types.total() == found.cache.settled == journal.done == 128
    assert found.read == tuple(journal.state["read"]) and found.renamed is None
    assert json.loads(json.dumps(found.cache.state())) == journal.state["windows"]
    assert found.page == journal.state["page"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_missing_is_no_state(key, stopped):
    journal = journal_of(stopped)
    state = {name: value for name, value in journal.state.items() if name != key}
    with pytest.raises(ValueError, match="not recorded by a run"):
        taken(replace(journal, state=state))


def test_made_up_values_are_refused_or_harmless_and_never_another_error(stopped):
    journal = journal_of(stopped)
    refused = 0
    ways = list(paths(journal.state))
    for path in ways:
        for new in ODD:
            state = changed(journal.state, path, new)
            try:
                found = taken(replace(journal, state=state))
            except ValueError:
                refused += 1
            else:
                # What passes is of the kind that a run records.
                assert found.counts.types.total() == found.cache.settled == journal.done, path
    assert len(ways) > 50 and refused > 0.8 * len(ways) * len(ODD)


@pytest.mark.parametrize("whole", [False, True])
def test_a_forged_journal_is_one_line_with_a_remedy(stopped, whole, tmp_path):
    place = tmp_path / "out" / UNFINISHED
    place.mkdir(parents=True)
    for path in (stopped / UNFINISHED).iterdir():
        if path.is_file():
            (place / path.name).write_bytes(path.read_bytes())
    journal = journal_of(tmp_path / "out")
    replace(journal, state={"time": "now"}, whole=whole).write(place / "journal")
    with pytest.raises(OutputError, match=r"journal: damaged; remove .*unfinished and start anew"):
        predict_run(ECOLI, tmp_path / "out", replace(OPTIONS, resume=True))
    # Where runs go on by themselves, it is discarded.
    told = []
    again = replace(OPTIONS, resume="if possible")
    predict_run(ECOLI, tmp_path / "out", again, notice=told.append)
    assert len(told) == 1 and "damaged" in told[0] and "starts anew" in told[0]
