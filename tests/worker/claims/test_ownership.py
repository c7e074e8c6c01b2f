"""Buckets are spread over the live workers without a word; they yield only to evidence that a job waits."""

from collections.abc import Iterator, Mapping
from itertools import count
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.model.codec import BUCKETS, bucket_of
from eventqueue.model.events import stream_of
from eventqueue.model.job import Job, State
from eventqueue.worker.claims.ownership import SEEN_TWICE_S, SEEN_TWICE_URGENT_S, TURNS, Ownership, owned
from tests.builders import job_that_is
from tests.worker.stage import Hand, Stage

EVERY = frozenset(range(BUCKETS))
TOGETHER: Mapping[str, tuple[str, ...]] = MappingProxyType({"me": (), "other": ()})
unhurried = settings(suppress_health_check=[HealthCheck.too_slow])  # these machines are shared
workers = st.sets(st.text(min_size=1, max_size=20), min_size=1, max_size=12)


@unhurried
@given(workers)
def test_every_bucket_has_exactly_one_owner(live: set[str]) -> None:
    shares = [owned(worker, live) for worker in live]

    assert sum(map(len, shares)) == BUCKETS
    assert frozenset().union(*shares) == frozenset(range(BUCKETS))


@unhurried
@given(workers, st.text(min_size=1, max_size=20))
def test_who_comes_or_goes_moves_no_bucket_between_others(live: set[str], one: str) -> None:
    without = live - {one}

    for worker in without:
        assert owned(worker, without) == owned(worker, live | {one}) | (
            owned(one, live | {one}) & owned(worker, without)
        )


def test_the_buckets_are_spread_fairly() -> None:
    live = {f"host:{number:012x}" for number in range(8)}

    shares = [len(owned(worker, live)) for worker in live]

    assert min(shares) >= 2
    assert max(shares) <= 20


@unhurried
@given(workers)
def test_who_is_not_among_the_live_counts_itself_as_one_of_them(live: set[str]) -> None:
    assert owned("newcomer", live) == owned("newcomer", live | {"newcomer"})


# Queue by queue


def serving(worker: str, live: Mapping[str, tuple[str, ...]]) -> Ownership:
    ownership = Ownership(worker)
    ownership.heartbeat(live)
    return ownership


def test_a_queue_is_shared_by_those_who_serve_it_and_by_nobody_else() -> None:
    live = {"x": ("x",), "both": ("x", "y"), "all": ()}
    shares = {worker: serving(worker, live) for worker in live}

    assert shares["x"].buckets("x") | shares["both"].buckets("x") | shares["all"].buckets("x") == EVERY
    assert shares["both"].buckets("y") | shares["all"].buckets("y") == EVERY
    assert shares["both"].buckets("y") == owned("both", {"both", "all"})
    assert shares["all"].buckets("other") == EVERY


@unhurried
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.sets(st.sampled_from("xyz")).map(tuple), min_size=1))
def test_every_bucket_of_every_queue_has_exactly_one_owner_among_those_who_serve_it(
    live: dict[str, tuple[str, ...]],
) -> None:
    for queue in "xyz":
        owners = [serving(worker, live) for worker, queues in live.items() if not queues or queue in queues]

        assert sum(len(one.buckets(queue)) for one in owners) == (BUCKETS if owners else 0)


def test_a_heartbeat_tells_whether_it_moved_any_bucket(mine: Ownership) -> None:
    assert not mine.heartbeat(dict(TOGETHER))
    assert mine.heartbeat({"me": (), "other": ("mail",)})
    assert mine.buckets("default") == EVERY


def test_a_bucket_is_adopted_in_its_own_queue_alone(mine: Ownership, foreign: Job) -> None:
    mine.adopt([foreign])

    assert bucket_of(foreign.stream) in mine.buckets(foreign.queue)
    assert bucket_of(foreign.stream) not in mine.buckets("another")


# Evidence


def jobs_in(buckets: frozenset[int]) -> Iterator[Job]:
    """Yield ready jobs that lie in these buckets."""
    plain = job_that_is("pending")
    assert plain
    for number in count():
        job = replace(plain, id=f"job-{number}")
        if bucket_of(job.stream) in buckets:
            yield job


@pytest.fixture
def mine() -> Ownership:
    ownership = Ownership("me")
    ownership.heartbeat(TOGETHER)
    return ownership


@pytest.fixture
def foreign(mine: Ownership) -> Job:
    """A job that lies in the other worker's buckets."""
    return next(jobs_in(frozenset(range(BUCKETS)) - mine.buckets("default")))


@pytest.fixture
def own(mine: Ownership) -> Job:
    """A job that lies in one's own buckets."""
    return next(jobs_in(mine.buckets("default")))


def test_a_job_of_another_is_overdue_only_when_seen_twice_long_enough_apart(
    mine: Ownership, foreign: Job, own: Job
) -> None:
    assert mine.overdue([foreign], own, 100.0) == []
    assert mine.overdue([foreign], own, 100.0 + SEEN_TWICE_S - 0.01) == []
    assert mine.overdue([foreign], own, 100.0 + SEEN_TWICE_S * (1 + TURNS)) == [foreign]


def succession(workers: set[str], bucket: int) -> list[str]:
    """Return who owns a bucket, then who would without that one, and so on."""
    if not workers:
        return []
    owner = next(one for one in workers if bucket in owned(one, workers))
    return [owner, *succession(workers - {owner}, bucket)]


def first_overdue(worker: str, workers: set[str], job: Job) -> int:
    """Return after how many milliseconds it is a worker's turn to take over a job, while it has jobs of its own."""
    ownership = Ownership(worker)
    ownership.heartbeat(dict.fromkeys(workers, ()))
    own = next(jobs_in(ownership.buckets("default")))
    ownership.overdue([job], own, 0.0)
    return next(ms for ms in count() if ownership.overdue([job], own, ms / 1000))


def test_other_workers_take_over_one_after_the_other_first_who_would_own_it_next(foreign: Job) -> None:
    workers = {"me", "other", "third", "fourth", "fifth"}
    others = succession(workers, bucket_of(foreign.stream))[1:]

    turns = [first_overdue(worker, workers, foreign) for worker in others]

    assert turns == sorted(set(turns))
    assert turns[0] >= SEEN_TWICE_S * 1000


@pytest.mark.parametrize("has_own", [False, True])
def test_what_outranks_ones_own_or_stands_alone_waits_less(
    mine: Ownership, foreign: Job, own: Job, has_own: bool
) -> None:
    urgent = replace(foreign, priority=100) if has_own else foreign
    head = own if has_own else None

    assert mine.overdue([urgent], head, 100.0) == []
    assert mine.overdue([urgent], head, 100.0 + SEEN_TWICE_URGENT_S) == [urgent]


def test_a_job_that_moved_on_starts_anew(mine: Ownership, foreign: Job, own: Job) -> None:
    mine.overdue([foreign], own, 100.0)

    assert mine.overdue([replace(foreign, version=3)], own, 110.0) == []


def test_a_job_that_was_gone_in_between_starts_anew(mine: Ownership, foreign: Job, own: Job) -> None:
    mine.overdue([foreign], own, 100.0)
    mine.overdue([], own, 105.0)

    assert mine.overdue([foreign], own, 110.0) == []


def test_ones_own_jobs_are_never_overdue(mine: Ownership, own: Job) -> None:
    mine.overdue([own], None, 100.0)

    assert mine.overdue([own], None, 200.0) == []


def test_an_adopted_bucket_is_ones_own_until_the_next_heartbeat(mine: Ownership, foreign: Job) -> None:
    mine.adopt([foreign])
    assert bucket_of(foreign.stream) in mine.buckets("default")

    assert mine.heartbeat(TOGETHER)
    assert bucket_of(foreign.stream) not in mine.buckets("default")


# With the log


def foreign_ids(worker: Hand, queue: str = "default") -> Iterator[str]:
    """Yield ids of jobs that belong to another worker of the queue."""
    own = worker.engine._claiming._ownership.buckets(queue)
    assert len(own) < BUCKETS, "no other worker serves this queue"
    return (one for number in count() if bucket_of(stream_of("job", one := f"foreign-{number}")) not in own)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence that counts at once when it is seen again."""
    monkeypatch.setattr("eventqueue.worker.claims.claiming.LOOK_S", 0.01)
    monkeypatch.setattr("eventqueue.worker.claims.ownership.SEEN_TWICE_S", 0.02)
    monkeypatch.setattr("eventqueue.worker.claims.ownership.SEEN_TWICE_URGENT_S", 0.02)


def two_workers(stage: Stage, queues: tuple[str, ...] = ()) -> Hand:
    """Return a worker beside another one that lives and does nothing."""
    stage.worker("stuck", queues=queues)
    worker = stage.worker("busy", queues=queues)
    worker.engine.step()
    return worker


@pytest.mark.usefixtures("hurried")
def test_a_job_whose_owner_has_no_room_is_taken_over(stage: Stage) -> None:
    worker = two_workers(stage)
    job = stage.enqueue(id=next(foreign_ids(worker)))

    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


@pytest.mark.usefixtures("hurried")
def test_jobs_are_taken_over_in_every_queue_that_is_served(stage: Stage) -> None:
    worker = two_workers(stage, queues=("a", "b", "c"))
    ids = foreign_ids(worker, "a")  # of which each queue has the same, as the same workers serve it
    jobs = [stage.enqueue(id=next(ids), queue=queue) for queue in ("a", "b")]

    worker.wake("a")
    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))


@pytest.mark.usefixtures("hurried")
def test_a_job_that_the_log_shows_as_taken_is_left_to_its_owner(stage: Stage) -> None:
    worker = two_workers(stage)
    job = stage.enqueue(id=next(foreign_ids(worker)))
    stage.claim(job, "its owner")  # the view does not know yet

    worker.wake()
    for _ in range(20):
        worker.engine.step()

    assert bucket_of(stage.job(job).stream) not in worker.engine._claiming._ownership.buckets("default")


@pytest.mark.usefixtures("hurried")
def test_an_urgent_job_whose_owner_has_no_room_passes_a_backlog_that_leaves_no_slot_idle(stage: Stage) -> None:
    worker = two_workers(stage)
    buckets = worker.engine._claiming._ownership.buckets("default")
    own = [one for one in (f"own-{number}" for number in range(200)) if bucket_of(stream_of("job", one)) in buckets]
    stage.queue.enqueue_many([{"id": one, "command": "sleep 0.01"} for one in own])
    urgent = stage.enqueue(id=next(foreign_ids(worker)), priority=100)

    worker.wake()
    worker.steps(until=lambda: stage.job(urgent).state is State.COMPLETED)

    # Which of them are left depends on the buckets: those of one bucket are claimed together.
    assert any(stage.job(one).state is State.PENDING for one in own)


@pytest.mark.usefixtures("hurried")
def test_a_worker_without_room_takes_over_nothing(stage: Stage) -> None:
    worker = two_workers(stage)
    gate = stage.gate()
    buckets = worker.engine._claiming._ownership.buckets("default")
    own = next(one for one in (f"own-{number}" for number in count()) if bucket_of(stream_of("job", one)) in buckets)
    stage.enqueue(gate.command, id=own)
    worker.wake()
    worker.steps(until=lambda: stage.job(own).state is State.PROCESSING)
    job = stage.enqueue(id=next(foreign_ids(worker)))

    worker.wake()
    for _ in range(10):
        worker.engine.step()

    assert bucket_of(stage.job(job).stream) not in worker.engine._claiming._ownership.buckets("default")


def test_no_job_waits_for_a_worker_that_does_not_serve_its_queue(stage: Stage) -> None:
    stage.worker("other", queues=("x",))
    worker = stage.worker("mine", concurrency=50, queues=("x", "y"))
    jobs = [stage.queue.enqueue(command="true", queue="y", id=f"all-{number}").id for number in range(23)]
    stage.project()

    worker.wake("y")
    worker.engine.step()  # without looking for evidence

    assert {stage.job(job).worker for job in jobs} == {worker.me.id}


def test_workers_that_see_each_other_do_not_claim_the_same_jobs(stage: Stage) -> None:
    one, two = stage.worker("one", concurrency=50), stage.worker("two", concurrency=50)
    for worker in (one, two):
        worker.beat()
        worker.engine.step()
    jobs = [stage.queue.enqueue(command="true", id=f"spread-{number}").id for number in range(23)]
    stage.project()

    for worker in (one, two):
        worker.wake()
        worker.engine.step()

    claims = {job: stage.job(job).worker for job in jobs}
    assert {one.me.id, two.me.id} == set(claims.values())
    for job, owner in claims.items():
        worker = one if owner == one.me.id else two
        assert bucket_of(stream_of("job", job)) in worker.engine._claiming._ownership.buckets("default")
