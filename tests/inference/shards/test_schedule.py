"""Large shards first, failed ones three times, slow ones twice at the end."""

import pytest

from peft_sp.inference.hardware.cluster import TRIES
from peft_sp.inference.shards.schedule import SLOW, Schedule


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_large_shards_are_first_and_others_in_order(clock):
    schedule = Schedule({1: 5, 2: 10, 3: 5, 4: 10}, clock)
    assert [schedule.take(worker) for worker in range(5)] == [2, 4, 1, 3, None]
    assert [schedule.succeed(worker) for worker in range(4)] == [2, 4, 1, 3]
    assert schedule.finished and schedule.done == {1, 2, 3, 4} and not schedule.given_up


def test_a_shard_that_failed_waits_behind_the_others_and_is_given_up_after_three_tries(clock):
    schedule = Schedule({1: 9, 2: 9}, clock)
    assert schedule.take(0) == 1
    assert schedule.fail(0, "no room") == "shard 1, try 1 of 3: no room"
    assert schedule.take(0) == 2
    assert schedule.succeed(0) == 2
    for tried in range(2, TRIES + 1):
        assert not schedule.finished
        assert schedule.take(0) == 1
        assert schedule.fail(0, f"no room {tried}") == f"shard 1, try {tried} of 3: no room {tried}"
    assert schedule.finished and schedule.given_up == {1: "no room 3"}


def test_what_another_try_cannot_mend_is_given_up_at_once(clock):
    schedule = Schedule({1: 9}, clock)
    schedule.take(0)
    assert schedule.fail(0, "is no FASTA", again=False) == "shard 1: is no FASTA"
    assert schedule.finished and schedule.given_up == {1: "is no FASTA"}


def with_one_slow(clock):
    """Worker 0 does shard 1 in ten seconds, worker 1 is at shard 2."""
    schedule = Schedule({1: 10, 2: 10}, clock)
    assert (schedule.take(0), schedule.take(1)) == (1, 2)
    clock.now = 10
    assert schedule.succeed(0) == 1
    return schedule


def test_a_slow_shard_gets_one_copy_and_the_first_counts(clock):
    schedule = with_one_slow(clock)
    clock.now = 10 * SLOW
    assert schedule.take(0) is None, "it is not late yet"
    clock.now += 1
    assert schedule.take(0) == 2
    assert schedule.take(2) is None, "a third copy"
    assert schedule.succeed(0) == 2 and schedule.finished
    assert schedule.succeed(1) is None


def test_a_copy_that_fails_leaves_the_other_at_work(clock):
    schedule = with_one_slow(clock)
    clock.now = 100
    assert schedule.take(0) == 2
    assert schedule.fail(1, "killed") == "shard 2, try 1 of 3: killed"
    assert not schedule.finished and schedule.take(1) is None
    assert schedule.succeed(0) == 2
    assert schedule.done == {1, 2} and schedule.finished


def test_the_failure_of_a_copy_that_was_too_late_is_nothing(clock):
    schedule = with_one_slow(clock)
    clock.now = 100
    assert schedule.take(0) == 2
    assert schedule.succeed(0) == 2
    assert schedule.fail(1, "killed") is None and schedule.done == {1, 2}


def test_of_two_late_shards_the_later_one_is_first_by_its_size(clock):
    schedule = Schedule({1: 10, 2: 40, 3: 10}, clock)
    assert [schedule.take(worker) for worker in range(3)] == [2, 1, 3]
    clock.now = 10
    schedule.succeed(2)
    clock.now = 90
    assert schedule.take(2) == 1, "nine times its time; the large one a little over twice"
    assert schedule.take(3) == 2


def test_nothing_is_late_where_nothing_is_known(clock):
    schedule = Schedule({1: 10}, clock)
    schedule.take(0)
    clock.now = 1e6
    assert schedule.take(1) is None
