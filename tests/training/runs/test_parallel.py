from functools import partial

import pytest

from peft_sp.errors import InputError, PeftSpError
from peft_sp.training.runs.parallel import Job, run_in_parallel, visible_device
from tests.support import parallel_jobs
from tests.support.processes import runs


@pytest.mark.integration
def test_jobs_run_on_their_threads_and_fail_with_their_errors(tmp_path):
    """One call after the other, in processes that fork from one and the same."""
    log = {}
    jobs = [Job(name, parallel_jobs.report_threads) for name in ("a", "b", "c")]
    run_in_parallel(jobs, 2, 1, lambda name: log.setdefault(name, []).append)
    assert {name: [report.done for report in own] for name, own in log.items()} == {
        name: [1] for name in "abc"
    }

    left = tmp_path / "number"
    jobs = [
        Job("stays", partial(parallel_jobs.stay, left)),
        Job("fails", partial(parallel_jobs.fail, "some.fasta")),
    ]
    with pytest.raises(InputError, match=r"some\.fasta, line 3: is not what it was") as caught:
        run_in_parallel(jobs, 2)
    assert caught.value.line == 3
    assert not left.exists() or not runs(int(left.read_text()))

    with pytest.raises(PeftSpError, match="fold: its process was killed by signal 9; the same"):
        run_in_parallel([Job("fold", parallel_jobs.vanish)], 2)


@pytest.mark.parametrize(
    ("named", "found"), [("0,1,GPU-7", ["0", "1", "GPU-7", "0"]), ("3", [None] * 4)]
)
def test_networks_take_the_gpus_in_turn(monkeypatch, named, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [visible_device(slot) for slot in range(4)] == found
