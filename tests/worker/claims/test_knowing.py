"""Tasks that a worker does not know: it claims none of their jobs, says so once, and they keep it from nothing else."""

import logging

import msgspec
import pytest

from eventqueue.model.events import stream_of
from eventqueue.model.job import Job, State
from eventqueue.ports.finder import Ready, Signal
from eventqueue.worker.claims import claiming, ownership
from eventqueue.worker.claims.claiming import Claiming
from eventqueue.worker.claims.fetch import Shares
from eventqueue.worker.claims.knowing import TOLD_MAX, Knowing
from eventqueue.worker.life.heartbeat import Beat
from tests.worker.stage import Stage


def unknown(stage: Stage, count: int, task: str = "shop.ship") -> list[str]:
    found = stage.queue.enqueue_many({"task": task, "args": [n], "priority": 5} for n in range(count))
    stage.project()
    return [one.id for one in found]  # type: ignore[union-attr]


def test_jobs_of_unknown_tasks_in_front_starve_none_of_those_behind_and_none_is_claimed(stage: Stage) -> None:
    before = unknown(stage, 300)
    known = [stage.enqueue() for _ in range(3)]
    worker = stage.worker(concurrency=2)
    worker.wake()

    worker.steps(lambda: all(stage.job(job).state is State.COMPLETED for job in known))

    heads = stage.log.find_next((stream_of("job", job), 1) for job in before)
    assert heads == set()  # none of them has gone on


def test_many_of_unknown_tasks_are_read_past_in_growing_portions_and_no_known_one_is_left_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.claiming.PASS_S", 60.0)  # however slow the machine is
    unknown(stage, 500)
    known = [stage.enqueue() for _ in range(5)]
    connection = stage.connection
    claiming = Claiming(stage.worker(beats=False).me, connection.finder, stage.log, connection.ground.clock)
    limits: list[int] = []
    take = claiming._fetch.take

    def counted(limit: int, shares: Shares) -> list[Job]:
        limits.append(limit)
        return take(limit, shares)

    claiming._fetch.take = counted  # type: ignore[method-assign]

    assert [job.id for job in claiming.take(2)] == known[:2]
    assert len(limits) < 12
    assert [job.id for job in claiming.take(9)] == known[2:]


def test_a_worker_that_knows_a_task_claims_its_jobs(stage: Stage) -> None:
    (job,) = unknown(stage, 1)
    connection = stage.connection
    me = msgspec.structs.replace(stage.worker().me, tasks=("shop.ship",))

    found = Claiming(me, connection.finder, stage.log, connection.ground.clock).take(1)

    assert [one.id for one in found] == [job]


def test_a_job_that_is_told_by_name_is_left_where_its_task_is_unknown(stage: Stage) -> None:
    worker = stage.worker()
    worker.rests()
    (job,) = unknown(stage, 1)

    worker.engine.tell(
        Signal(
            generation=stage.generation,
            ready=(Ready("default", 5, stage.connection.ground.clock.now(), jobs=((job, 1),)),),
        )
    )
    worker.rests()

    assert stage.types(job) == ["enqueued"]


def test_each_unknown_task_is_told_of_once_and_of_a_million_some(
    caplog: pytest.LogCaptureFixture, stage: Stage
) -> None:
    (one,) = unknown(stage, 1, "shop.ship")
    job = stage.shown(one)
    knowing = Knowing("w", ())

    with caplog.at_level(logging.WARNING):
        assert knowing.but_unknown([job, job]) == []
    assert caplog.messages == [
        "worker w: task shop.ship is not known here: its jobs are left to workers that import it"
    ]

    for number in range(TOLD_MAX + 10):
        knowing.but_unknown([msgspec.structs.replace(job, run=msgspec.structs.replace(job.run, task=f"t{number}"))])
    assert len(caplog.messages) == TOLD_MAX


def test_a_known_job_that_waits_behind_many_unknown_ones_of_anothers_is_adopted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((claiming, "LOOK_S"), (ownership, "SEEN_TWICE_S"), (ownership, "SEEN_TWICE_URGENT_S")):
        monkeypatch.setattr(module, name, 0.0)
    unknown(stage, 2 * claiming.LOOK_AT)
    jobs = {stage.enqueue() for _ in range(20)}  # of ten, one time in a thousand, all are of one worker
    busy, idle = stage.worker("busy", beats=False).me, stage.worker("idle", beats=False).me
    connection = stage.connection
    looking = Claiming(idle, connection.finder, stage.log, connection.ground.clock)
    looking.heard_beat(Beat({busy.id: (), idle.id: ()}))
    own = {job.id for job in looking.take(100)}
    assert own < jobs

    for _ in range(3):  # each time deeper
        looking.look()

    assert {job.id for job in looking.take(100)} == jobs - own
