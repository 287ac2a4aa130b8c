"""A job is one worker's at a time, and only the last one's results count."""

import threading

import pytest

from peft_sp.io.atomic import locked
from peft_sp.service.job import Problem
from peft_sp.service.leases import ATTEMPTS, LEASE, LeaseLostError, Leases, reclaim
from tests.support.jobs import Clock, store_in, submit


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = store_in(tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def one(store):
    return Leases(store, "one")


@pytest.fixture
def two(store):
    return Leases(store, "two")


def write(lease, text="id\n"):
    (lease.directory / "results").mkdir(exist_ok=True)
    (lease.directory / "results" / "predictions.tsv").write_text(text)


def test_a_job_is_given_to_one_worker(store, one, two, clock):
    job = submit(store)
    lease = one.next()
    assert lease.job.id == job.id
    assert (store.get(job.id).state, store.get(job.id).started) == ("running", clock.now)
    assert two.next() is None


def test_many_workers_get_each_job_once(store):
    ids = {submit(store).id for _ in range(20)}
    got, problems = [], []

    def take(name):
        try:
            leases = Leases(store, name)
            while lease := leases.next():
                got.append(lease.job.id)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=take, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(got) == sorted(ids)


def test_progress_gives_rate_and_time_left(store, one):
    job = submit(store)
    one.keep(one.next(), done=50, total=200, rate=25.0)
    found = store.get(job.id)
    assert (found.done, found.total, found.rate, found.remaining) == (50, 200, 25.0, 6.0)


def test_results_are_those_of_the_attempt_that_finished(store, one, clock):
    job = submit(store)
    lease = one.next()
    lease.prepare()
    write(lease, "id\nOmpA\n")
    clock.now += 5
    one.finish(lease, 1, {"SP": 1}, 3)
    done = store.get(job.id)
    assert (done.state, done.finished, done.done, done.total) == ("done", clock.now, 1, 1)
    assert (dict(done.counts), done.unusable) == ({"SP": 1}, 3)
    assert (done.results / "predictions.tsv").read_text() == "id\nOmpA\n"
    assert not done.uploads[0].path.exists()
    assert store.used() == len("id\nOmpA\n")


def test_a_lease_that_was_lost_publishes_nothing(store, one, two, clock):
    job = submit(store)
    old = one.next()
    old.prepare()
    write(old, "of the first")
    clock.now += LEASE + 1
    new = two.next()
    assert new.job.id == job.id
    assert new.attempt == old.attempt + 1
    with pytest.raises(LeaseLostError):
        one.keep(old, 1)
    with pytest.raises(LeaseLostError):
        one.finish(old, 1, {"SP": 1}, 0)
    with pytest.raises(LeaseLostError):
        one.fail(old, Problem("late"))
    with pytest.raises(LeaseLostError):
        one.release(old)
    with pytest.raises(LeaseLostError):
        one.retry(old, Problem("late"))
    assert store.get(job.id).state == "running"
    new.prepare()
    write(new, "of the second")
    two.finish(new, 1, {"SP": 1}, 0)
    with pytest.raises(LeaseLostError):
        one.finish(old, 1, {"SP": 1}, 0)
    assert (store.get(job.id).results / "predictions.tsv").read_text() == "of the second"


def test_a_lease_that_is_kept_is_not_lost(store, one, two, clock):
    submit(store)
    lease = one.next()
    for _ in range(5):
        clock.now += LEASE - 1
        one.keep(lease)
        assert two.next() is None


def test_a_cancelled_job_ends_its_lease(store, one):
    job = submit(store)
    lease = one.next()
    store.remove(job.id)
    with pytest.raises(LeaseLostError):
        one.keep(lease)
    with pytest.raises(LeaseLostError):
        one.finish(lease, 1, {}, 0)
    assert store.get(job.id).state == "cancelled"
    assert one.next() is None


def test_what_an_attempt_left_is_continued_by_the_next(store, one, two):
    submit(store)
    first = one.next()
    first.prepare()
    write(first, "half")
    one.release(first)
    second = two.next()
    second.prepare()
    assert (second.directory / "results" / "predictions.tsv").read_text() == "half"
    assert not first.directory.exists()


def test_what_is_still_written_is_left_to_its_writer(store, one, two, clock):
    submit(store)
    first = one.next()
    first.prepare()
    write(first, "still at it")
    with locked(first.directory / "results", "busy"):
        clock.now += LEASE + 1
        second = two.next()
        second.prepare()
    assert list(second.directory.iterdir()) == []
    assert first.directory.exists()
    two.finish(second, 0, {}, 0)
    assert not first.directory.exists()


def test_jobs_of_a_worker_that_ended_wait_again_and_those_of_others_do_not(store, one, two):
    first, second = submit(store), submit(store)
    one.next(), two.next()
    reclaim(store, "one")
    assert (store.get(first.id).state, store.get(second.id).state) == ("queued", "running")
    reclaim(store)
    assert store.get(second.id).state == "queued"


def test_a_job_that_ends_every_process_fails_in_the_end(store, one):
    job = submit(store)
    for _ in range(ATTEMPTS):
        one.keep(one.next(), done=3)
        reclaim(store, "one")
    found = store.get(job.id)
    assert found.state == "failed"
    assert "more memory" in found.error.message
    assert one.next() is None


def test_a_job_that_comes_further_each_time_goes_on(store, one):
    job = submit(store)
    for done in range(1, 2 * ATTEMPTS):
        one.keep(one.next(), done=done)
        reclaim(store, "one")
    assert store.get(job.id).state == "queued"


def test_a_job_that_cannot_be_written_is_tried_again_later_and_fails_in_the_end(store, one, clock):
    job = submit(store)
    problem, waits = Problem("the server cannot write the results"), []
    while store.get(job.id).state == "queued":
        before = clock.now
        while (lease := one.next()) is None:
            clock.now += 1
        waits.append(clock.now - before)
        one.retry(lease, problem)
    assert waits == [0, 5, 10, 20, 40, 80, 160, 300]
    assert (store.get(job.id).state, store.get(job.id).error) == ("failed", problem)
    assert not (store.folder / job.id).exists()


def test_a_worker_is_seen(store, one, clock):
    assert store.worker_seen() is None
    one.seen()
    clock.now += 10
    assert store.worker_seen() == clock.now - 10
