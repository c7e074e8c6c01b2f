"""What a worker claims and what it leaves; the view proposes, the log decides."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import bson
import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.codec import bucket_of
from eventqueue.model.events import Cancelled, Claimed
from eventqueue.model.job import Cancel, Claim, Release, State
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import Ready, Signal
from eventqueue.worker.claims.claiming import LONG, Claiming
from eventqueue.worker.claims.ownership import owned
from eventqueue.worker.claims.prospects import TOLD_MAX
from eventqueue.worker.life.heartbeat import Beat
from eventqueue.worker.life.place import incarnation_here
from projections.reading.candidates import ViewFinder
from tests.builders import CANCELLED, SOON, append, enqueued
from tests.patience import PATIENCE_S
from tests.projections.stage import put
from tests.worker.stage import DeafLog, Stage


def test_a_worker_claims_exactly_as_many_jobs_as_it_has_free_slots(stage: Stage) -> None:
    gates = [stage.gate() for _ in range(5)]
    jobs = [stage.enqueue(gate.command) for gate in gates]
    worker = stage.worker(concurrency=3)

    worker.steps(until=lambda: sum(stage.job(job).state is State.PROCESSING for job in jobs) >= 3)
    worker.rests()

    assert [stage.job(job).state for job in jobs] == [State.PROCESSING] * 3 + [State.PENDING] * 2


def test_a_slot_that_is_free_again_is_filled_at_once(stage: Stage) -> None:
    first, second = stage.gate(), stage.gate()
    job, next_job = stage.enqueue(first.command), stage.enqueue(second.command)
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)

    first.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)

    assert stage.types(next_job) == ["enqueued", "claimed"]  # in the same round


def test_jobs_that_end_soon_after_each_other_are_settled_in_one_append(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = [stage.gate(), stage.gate()]
    jobs = [stage.enqueue(gate.command) for gate in gates]
    log = DeafLog(stage.log)
    worker = stage.worker(concurrency=2, log=log)
    worker.steps(until=lambda: all(stage.job(job).state is State.PROCESSING for job in jobs))
    monkeypatch.setattr("eventqueue.worker.engine.GATHER_S", PATIENCE_S)
    inbox, gather = worker.engine._inbox, worker.engine._inbox.gather
    monkeypatch.setattr(inbox, "gather", lambda runs, _: gather(runs, 0.02))  # so that the test has a turn

    gates[0].let_out()
    worker.steps(until=lambda: any(held.ended for held in worker.engine._held))
    gates[1].let_out()
    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))

    assert len(log.sent[-1]) == 2


def test_a_claim_names_who_made_it_and_which_attempt_it_is(stage: Stage) -> None:
    job = stage.enqueue("false", max_retries=1)
    worker = stage.worker()

    worker.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.DEAD)

    claims = [one.event for one in stage.history(job) if isinstance(one.event, Claimed)]
    assert [claim.attempt for claim in claims] == [1, 2]
    assert {(claim.worker, claim.host, claim.pid) for claim in claims} == {
        (worker.me.id, worker.me.host, worker.me.pid)
    }


def test_a_failed_job_that_is_due_is_retried_before_it_is_claimed(stage: Stage) -> None:
    job = stage.enqueue("false", max_retries=1)
    worker = stage.worker()

    worker.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.DEAD)

    assert stage.types(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "failed", "dead-lettered"]


def test_an_expired_job_is_cancelled_and_not_run(stage: Stage) -> None:
    mark = stage.folder / "ran"
    put(stage.connection.ground, "job-late", enqueued(command=f"touch {mark}", cwd="/", expires_at=SOON))
    stage.project()
    worker = stage.worker()

    worker.steps(until=lambda: stage.job("late").state is State.CANCELLED)
    worker.rests()

    assert stage.last("late") == Cancelled(why="expired")
    assert not mark.exists()


def test_a_claim_that_loses_is_dropped_and_its_job_never_run(stage: Stage) -> None:
    mark = stage.folder / "ran"
    lost, won = stage.enqueue(f"echo lost >> {mark}"), stage.enqueue(f"echo won >> {mark}")
    assert stage.append(stage.job(lost), Claim("somebody else", "host", 1))  # the view does not know yet
    worker = stage.worker(concurrency=2)

    worker.steps(until=lambda: stage.job(won).state is State.COMPLETED)
    worker.rests()

    assert stage.job(lost).worker == "somebody else"
    assert mark.read_text() == "won\n"


def test_a_job_cancelled_before_its_claim_arrived_is_never_run(stage: Stage) -> None:
    mark = stage.folder / "ran"
    job = stage.enqueue(f"touch {mark}")
    assert stage.append(stage.job(job), Cancel("changed my mind"))
    worker = stage.worker()

    worker.rests()

    assert stage.types(job) == ["enqueued", "cancelled"]
    assert not mark.exists()


def test_nothing_is_claimed_without_a_good_lease(stage: Stage) -> None:
    job = stage.enqueue()
    worker = stage.worker(beats=False)

    worker.rests()
    assert stage.job(job).state is State.PENDING

    worker.beat()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_nothing_is_claimed_in_the_margin_before_a_lease_ends(stage: Stage) -> None:
    job = stage.enqueue()
    worker = stage.worker(beats=False)

    worker.tenure.renewed(time.monotonic() - worker.tenure.length_s + worker.tenure.renewal_s)
    worker.rests()

    assert stage.job(job).state is State.PENDING


def test_a_view_that_stands_still_does_not_make_a_worker_claim_again_what_it_tried(stage: Stage) -> None:
    jobs = [stage.enqueue() for _ in range(3)]
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)

    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))
    sent = len(log.sent)
    for _ in range(3):
        worker.rests()

    assert len(log.sent) == sent
    assert [stage.shown(job).state for job in jobs] == [State.PENDING] * 3


def test_tries_are_remembered_until_the_views_show_what_came_of_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.claiming.SKEW_S", -3600.0)  # as if all were made an hour ago
    jobs = [stage.enqueue() for _ in range(3)]
    worker = stage.worker()
    tried = worker.engine._claiming._fetch._tried
    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))
    assert set(tried) == set(jobs)

    with monkeypatch.context() as patched:
        two_hours_ago = stage.connection.ground.clock.now() - timedelta(hours=2)
        patched.setattr(ViewFinder, "vouch", lambda _: two_hours_ago)
        worker.beat()
        worker.rests()
    assert set(tried) == set(jobs)

    stage.project()
    worker.beat()
    worker.rests()
    assert tried == {}


def test_a_job_that_is_held_is_not_claimed_once_its_try_is_forgotten(stage: Stage) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)

    worker.engine._claiming._fetch._tried.clear()  # as a minute does, in which the view stood still
    worker.engine._claiming._fetch.close()
    gate.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)

    assert stage.types(job) == ["enqueued", "claimed", "completed"]


def test_a_signal_that_names_jobs_wakes_only_those_whose_buckets_they_are_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.prospects.POLL_S", 3600.0)
    ground = stage.connection.ground
    me = incarnation_here("host:1", "1", (), 1)
    claiming = Claiming(me, stage.connection.finder, ground.log, ground.clock)
    claiming.heard_beat(Beat({me.id: (), "host:2": ()}))
    assert claiming.take(1) == []
    mine = owned(me.id, {me.id, "host:2"})
    job = next(name for name in map(str, range(1000)) if bucket_of(f"job-{name}") in mine)
    stage.enqueue(id=job)
    now = ground.clock.now()

    others = tuple((name, 1) for name in map(str, range(32)) if bucket_of(f"job-{name}") not in mine)
    claiming.heard_signal(Signal(stage.generation, (Ready("default", 0, now, others),)))
    assert claiming.take(1) == []
    claiming.heard_signal(Signal(stage.generation, (Ready("default", 0, now, ((job, 1), *others)),)))

    assert [one.id for one in claiming.take(1)] == [job]
    claiming.close()


@pytest.fixture
def idle(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Claiming]:
    """The claiming of a worker that has found nothing left to claim, and looks again only where a signal tells to."""
    monkeypatch.setattr("eventqueue.worker.claims.prospects.POLL_S", 3600.0)
    ground = stage.connection.ground
    me = incarnation_here("host:1", "1", (), 1)
    claiming = Claiming(me, stage.connection.finder, ground.log, ground.clock)
    claiming.heard_beat(Beat({me.id: ()}))
    assert claiming.take(1) == []
    yield claiming
    claiming.close()


def tell(stage: Stage, claiming: Claiming, *jobs: str, version: int = 1) -> None:
    named = tuple((job, version) for job in jobs)
    ready = Ready("default", 0, stage.connection.ground.clock.now(), named)
    claiming.heard_signal(Signal(stage.generation, (ready,)))


def taken(claiming: Claiming, free: int) -> list[str]:
    assert claiming.next_at() <= time.monotonic()
    return [job.id for job in claiming.take(free)]


def test_a_named_job_with_a_long_history_is_found_in_the_view_and_its_history_is_not_read(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.enqueue()
    tell(stage, idle, job, version=LONG + 1)

    with monkeypatch.context() as patched:
        patched.delattr(MongoLog, "read_many")
        assert taken(idle, 1) == [job]


def test_where_nothing_else_waits_a_named_job_is_read_without_a_look_at_the_others(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.enqueue()
    tell(stage, idle, job)

    with monkeypatch.context() as patched:
        patched.delattr(ViewFinder, "candidates")
        assert taken(idle, 1) == [job]
        assert idle.take(1) == []


def test_named_jobs_are_claimed_in_the_order_of_claims_and_those_without_room_next_time(
    stage: Stage, idle: Claiming
) -> None:
    low, first, second = (stage.enqueue(priority=priority) for priority in (-1, 5, 5))
    tell(stage, idle, low, second)
    tell(stage, idle, first)

    assert taken(idle, 2) == [first, second]
    assert taken(idle, 2) == [low]


def test_a_named_job_is_claimed_before_the_view_shows_it_and_once_though_it_is_named_twice(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.claim(stage.enqueue(), "somebody")  # so that the queue is known
    stage.project()
    job = stage.queue.enqueue(command="true").id
    tell(stage, idle, job)
    assert taken(idle, 1) == [job]

    stage.project()
    monkeypatch.delattr(MongoLog, "read_many")
    monkeypatch.delattr(ViewFinder, "candidates")
    tell(stage, idle, job)
    assert idle.take(1) == []


def test_a_job_that_is_named_at_a_later_version_is_claimed_again(stage: Stage, idle: Claiming) -> None:
    job = stage.enqueue()
    tell(stage, idle, job)
    assert taken(idle, 1) == [job]
    stage.append(stage.claim(job, "somebody"), Release(claim=2, reason="test"))

    tell(stage, idle, job, version=3)

    assert taken(idle, 1) == [job]


def test_a_named_job_whose_queue_nobody_has_seen_yet_is_claimed(stage: Stage, idle: Claiming) -> None:
    job = stage.queue.enqueue(command="true", queue="new").id
    ready = Ready("new", 0, stage.connection.ground.clock.now(), ((job, 1),))

    idle.heard_signal(Signal(stage.generation, (ready,)))

    assert taken(idle, 1) == [job]


def test_a_named_job_that_is_not_due_is_not_claimed(stage: Stage, idle: Claiming) -> None:
    job = stage.enqueue(run_at=stage.connection.ground.clock.now() + timedelta(hours=1))
    tell(stage, idle, job)

    assert taken(idle, 1) == []
    assert taken(idle, 1) == []


def test_named_jobs_that_could_not_be_read_are_looked_for_again(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.enqueue()
    tell(stage, idle, job)
    with monkeypatch.context() as patched:
        patched.setattr(MongoLog, "read_many", refuse)
        with pytest.raises(Unavailable):
            idle.take(1)

    assert taken(idle, 1) == [job]


def test_a_named_job_that_cannot_be_read_keeps_nobody_from_the_others(stage: Stage, idle: Claiming) -> None:
    spoilt, sound = stage.enqueue(), stage.enqueue()
    (one,) = append(f"job-{spoilt}", CANCELLED, head=stage.history(spoilt)[-1].head).events
    stage.connection.ground.database["events"].insert_one({**bson.decode(one.raw), "data": {}})

    tell(stage, idle, spoilt, sound)

    assert taken(idle, 2) == [sound]


def test_of_more_named_jobs_than_are_remembered_none_is_lost(stage: Stage, idle: Claiming) -> None:
    jobs = {stage.enqueue() for _ in range(5)}
    for number in range(0, 2 * TOLD_MAX, 20):
        tell(stage, idle, *(str(one) for one in range(number, number + 20)))
        assert len(idle._prospects._told) <= TOLD_MAX + 20
    tell(stage, idle, *jobs)

    assert set(taken(idle, 10)) == jobs


def test_a_named_job_whose_queue_was_paused_meanwhile_is_not_claimed(stage: Stage, idle: Claiming) -> None:
    job = stage.enqueue()
    tell(stage, idle, job)
    stage.queue.pause_queue("default")
    idle._serving.expire()  # as half a second does

    assert idle.take(1) == []
    stage.queue.resume_queue("default")
    idle.heard_signal(Signal(switched=("default",)))
    assert taken(idle, 1) == [job]


def test_behind_what_was_paused_just_now_the_rest_is_found_at_once(stage: Stage, idle: Claiming) -> None:
    [stage.enqueue(queue="held", priority=9) for _ in range(3)]
    job = stage.enqueue()
    stage.queue.pause_queue("held")  # nobody projects here, who would hold its jobs back
    idle.heard_signal(Signal(switched=("held",)))

    assert taken(idle, 1) == [job]


def test_who_saw_only_jobs_of_paused_queues_looks_again_for_what_is_behind_them(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.claiming.LOOK_S", 0.0)
    [stage.enqueue(queue="held", priority=9) for _ in range(2)]
    stage.queue.pause_queue("held")
    idle.heard_signal(Signal(switched=("held",)))
    looked: list[int] = []
    heads = stage.connection.finder.heads

    def noted(*args: Any) -> Any:
        looked.append(1)
        return heads(*args)

    monkeypatch.setattr(idle._finder, "heads", noted)

    for _ in range(3):
        idle.look()

    assert len(looked) == 3


def test_what_was_found_before_a_look_that_fails_is_found_again(
    stage: Stage, idle: Claiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.enqueue(queue="held", priority=5)
    job = stage.enqueue(priority=9)
    stage.queue.pause_queue("held")
    idle.heard_signal(Signal(switched=("held",)))
    take, tries = idle._fetch.take, []

    def failing(*args: Any) -> Any:
        tries.append(1)
        if len(tries) == 2:
            raise Unavailable("the database is away")
        return take(*args)

    monkeypatch.setattr(idle._fetch, "take", failing)
    with pytest.raises(Unavailable):
        idle.take(2)

    assert taken(idle, 1) == [job]


def refuse(*_: object) -> Any:
    raise Unavailable("the database is away")


def test_a_worker_takes_jobs_of_its_queues_only_in_their_order(stage: Stage) -> None:
    for number in range(2):
        for queue in ("slow", "other", "fast"):
            stage.enqueue(f"echo {queue} >> {stage.folder}/order", queue=queue, id=f"{queue}-{number}")
    worker = stage.worker(queues=("fast", "slow"))

    worker.steps(until=lambda: stage.job("slow-1").state is State.COMPLETED)
    worker.rests()

    assert (stage.folder / "order").read_text().split() == ["fast", "fast", "slow", "slow"]
    assert stage.job("other-0").state is State.PENDING


def test_urgent_jobs_run_first_and_equal_ones_in_the_order_they_fell_due(stage: Stage) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1)):
        stage.enqueue(f"echo {name} >> {stage.folder}/order", priority=priority, id=name)
    worker = stage.worker()

    worker.steps(until=lambda: stage.job("d").state is State.COMPLETED)

    assert (stage.folder / "order").read_text().split() == ["b", "c", "a", "d"]


def test_nothing_is_claimed_from_views_that_show_more_than_the_log_holds(stage: Stage) -> None:
    # A backup was restored under the workers: the view has events that the log has not.
    worker = stage.worker()
    worker.rests()
    job, lost = stage.enqueue(), stage.enqueue()
    stage.project()
    events = stage.connection.ground.database["events"]
    last = events.find_one(sort=[("ts", -1)])
    assert last is not None
    assert last["_id"]["stream"] == f"job-{lost}"
    events.delete_one({"_id": last["_id"]})

    worker.beat()
    worker.wake()
    for _ in range(3):
        worker.engine.step()
    assert stage.types(job) == ["enqueued"]

    events.insert_one(last)
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED and stage.job(lost).state is State.COMPLETED)
