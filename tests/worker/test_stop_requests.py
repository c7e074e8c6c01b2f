"""Workers that are asked to stop from elsewhere: by a signal at once, without it at their next heartbeat."""

import os
import signal
from datetime import timedelta

import pytest

from eventqueue.errors import AmbiguousId, InvalidInput, WorkerNotFound
from eventqueue.model.events import Released
from eventqueue.model.job import State
from eventqueue.ports.finder import Signal, StopAsked
from eventqueue.ports.views import Worker
from eventqueue.steering.stopping import named
from tests.builders import NOW
from tests.worker.crew import Crew, Start
from tests.worker.stage import Gate, Hand, Stage, wait_until


def live(worker_id: str, name: str) -> Worker:
    return Worker(id=worker_id, name=name, host="host", pid=1, queues=(), concurrency=1, started_at=NOW, renewed_at=NOW)


WORKERS = [live("web-1:aaa", "1"), live("web-1:bbb", "10"), live("web-2:abc", "2")]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        *((["web-1:a"], ["web-1:aaa"]), (["web-2"], ["web-2:abc"]), (["10"], ["web-1:bbb"])),
        (["1"], ["web-1:aaa"]),  # a whole name, although another begins with it
        (["2", "web-2:abc", "web-1:b"], ["web-2:abc", "web-1:bbb"]),
    ],
)
def test_a_worker_is_meant_by_an_unambiguous_beginning_of_its_id_or_name(given: list[str], ids: list[str]) -> None:
    assert [one.id for one in named(given, WORKERS)] == ids


@pytest.mark.parametrize("part", ["web-1:a", "web-2", "1:", "", "web-1:aaaa"])
def test_an_application_names_a_worker_by_its_whole_id_or_name(stage: Stage, part: str) -> None:
    stage.incarnation("web-2:abc")

    with pytest.raises(WorkerNotFound):
        stage.queue.stop_workers([part])

    (asked,) = stage.queue.stop_workers(["web-2:abc"])
    assert asked.stop_by


@pytest.mark.parametrize("given", ["3", "", "aaa"])
def test_a_worker_that_nobody_knows_is_refused(given: str) -> None:
    with pytest.raises(WorkerNotFound, match="queuectl worker list"):
        named([given], WORKERS)


@pytest.mark.parametrize("given", ["web", "web-1:"])
def test_a_beginning_that_fits_several_workers_is_refused_and_some_of_them_are_named(given: str) -> None:
    with pytest.raises(AmbiguousId, match=r"several workers, web-1:aaa .* and web-1:bbb"):
        named([given], WORKERS)


def test_the_same_name_on_two_machines_is_ambiguous() -> None:
    with pytest.raises(AmbiguousId):
        named(["1"], [*WORKERS, live("web-3:ccc", "1")])


def running(stage: Stage, gate: Gate, worker: Hand) -> str:
    job = stage.enqueue(gate.command)
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    return job


def test_a_worker_that_misses_the_signal_learns_of_the_request_at_its_next_heartbeat(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker(concurrency=2)
    job = running(stage, gate, worker)
    (asked,) = stage.queue.stop_workers([worker.me.id], grace=1000.0)
    assert asked.stop_by

    worker.beat()
    worker.engine.step()
    left = stage.enqueue()
    worker.wake()
    worker.engine.step()
    gate.let_out()

    assert worker.leaves()
    assert stage.job(job).state is State.COMPLETED
    assert stage.types(left) == ["enqueued"]


def test_at_its_signal_a_worker_obeys_at_once(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)

    worker.engine.tell(Signal(stopping=(StopAsked(worker.me.id, stage.connection.ground.clock.now()),)))

    assert worker.leaves()
    assert isinstance(stage.last(job), Released)


def test_a_signal_for_another_worker_stops_nobody_else(stage: Stage) -> None:
    worker = stage.worker()

    worker.engine.tell(Signal(stopping=(StopAsked("another", stage.connection.ground.clock.now()),)))

    assert worker.engine.step()
    assert not worker.engine.was_stopped


def test_without_a_grace_each_worker_has_the_one_it_was_started_with(stage: Stage) -> None:
    patient, hasty = stage.incarnation("patient", grace=3600.0), stage.incarnation("hasty", grace=1.5)

    by = {one.id: one.stop_by for one in stage.queue.stop_workers() if one.stop_by}

    assert by[patient] - by[hasty] == timedelta(seconds=3598.5)


def test_a_second_request_may_shorten_the_grace_and_never_prolongs_it(stage: Stage) -> None:
    worker = stage.incarnation("worker")
    (first,) = stage.queue.stop_workers([worker], grace=600)
    (longer,) = stage.queue.stop_workers([worker], grace=6000)
    (shorter,) = stage.queue.stop_workers([worker], grace=0)

    assert first.stop_by
    assert shorter.stop_by
    assert longer.stop_by == first.stop_by
    assert shorter.stop_by < first.stop_by


def test_a_grace_that_is_out_of_range_is_refused_and_nobody_is_asked(stage: Stage) -> None:
    stage.incarnation("worker")

    with pytest.raises(InvalidInput, match="grace"):
        stage.queue.stop_workers(grace=-1)

    assert [one.stop_by for one in stage.queue.workers()] == [None]


def test_the_buckets_of_a_worker_that_is_stopping_are_the_others_at_their_next_heartbeat(stage: Stage) -> None:
    leaving, heir = stage.worker("leaving"), stage.worker("heir")
    heir.engine.step()
    assert len(heir.engine._claiming._ownership.buckets("default")) < 64

    stage.queue.stop_workers([leaving.me.id])
    heir.beat()
    heir.engine.step()

    assert len(heir.engine._claiming._ownership.buckets("default")) == 64


def test_who_leaves_is_told_one_by_one_and_who_was_lost_as_such(stage: Stage) -> None:
    gone, lost = stage.incarnation("gone"), stage.incarnation("lost")
    asked = stage.queue.stop_workers(grace=0)
    leaving = stage.queue.leaving(asked)

    stage.connection.incarnations.retire(gone)
    first = next(leaving)
    stage.connection.incarnations.bury(lost, "somebody", seen_dead=True)
    second = next(leaving)

    assert [(one.worker.id, one.is_lost) for one in (first, second)] == [(gone, False), (lost, True)]
    assert list(leaving) == []


def test_who_does_not_leave_is_waited_for_no_longer_than_some_time_beyond_the_grace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.steering.stopping.LEAVE_S", 0.2)
    stage.incarnation("stuck")

    assert list(stage.queue.leaving(stage.queue.stop_workers(grace=0))) == []


# With a supervisor


def ids(crew: Crew) -> dict[str, str]:
    return {one["worker"]: one["incarnation"] for one in crew.said("started")}


def test_a_worker_that_was_asked_to_leave_is_not_replaced_and_with_the_last_one_all_ends(
    stage: Stage, start: Start
) -> None:
    gate = stage.gate()
    crew = start(count=2, grace=1000.0)
    crew.await_said("started", 2)
    wait_until(lambda: crew.projector() is not None)
    first, second = ids(crew)["1"], ids(crew)["2"]

    asked = stage.queue.stop_workers([first])
    assert [one.worker.id for one in stage.queue.leaving(asked)] == [first]
    job = stage.queue.enqueue(command=gate.command).id
    gate.pid()
    assert stage.job(job).worker == second
    assert len(crew.said("started")) == 2

    asked = stage.queue.stop_workers()
    assert [(one.id, one.stop_by is not None) for one in stage.queue.workers()] == [(second, True)]
    gate.let_out()

    assert [one.is_lost for one in stage.queue.leaving(asked)] == [False]
    assert crew.ends() == 0
    assert stage.job(job).state is State.COMPLETED
    assert len(crew.said("started")) == 2


def test_what_runs_past_the_grace_of_the_request_is_handed_back(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start(grace=1000.0)
    gate.pid()

    asked = stage.queue.stop_workers(["1"], grace=0.1)

    assert [one.is_lost for one in stage.queue.leaving(asked)] == [False]
    assert isinstance(stage.last(job), Released)
    assert crew.ends() == 0


def test_beside_a_worker_that_left_another_that_crashes_is_still_replaced(stage: Stage, start: Start) -> None:
    crew = start(count=2)
    crew.await_said("started", 2)
    list(stage.queue.leaving(stage.queue.stop_workers(["1"])))

    os.kill(crew.workers()["2"], signal.SIGKILL)

    assert [one["worker"] for one in crew.await_said("started", 3)][2] == "2"
    stage.ended(stage.queue.enqueue(command="true").id)
