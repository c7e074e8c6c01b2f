"""Crowds of quick jobs over several workers: in peace, under kills throughout, and while the workers are restarted."""

import os
import random
import signal
from collections import Counter
from contextlib import suppress

import pytest

from eventqueue.model.events import Failed, FailReason, Released, type_of
from eventqueue.model.job import State
from tests.faults.account import COMPLETED, Attempt, account, assert_agreed, enqueue, enqueueing, writing
from tests.worker.crew import Crew, Start, children, command_line, is_running
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

JOBS = int(os.environ.get("EVENTQUEUE_TEST_JOBS", "2000"))
KILL_EVERY = 40  # jobs


def alive(crew: Crew) -> list[int]:
    """Return the pids of the workers that run now."""
    return [pid for pid in crew.workers().values() if is_running(pid)]


def launcher_of(worker: int) -> int | None:
    """Return the pid of a worker's launcher, if it has one just now."""
    return next((pid for pid in children(worker) if "-I" in command_line(pid)), None)


def victim(crew: Crew, kills: int, chance: random.Random) -> int:
    """Return whom to kill next: mostly a worker, now and then a launcher or the projector."""
    worker = chance.choice(alive(crew))
    match kills % 8:
        case 3 | 5:
            return launcher_of(worker) or worker
        case 7:
            return crew.projector() or worker
        case _:
            return worker


def test_four_workers_settle_a_crowd_of_jobs_each_once(stage: Stage, start: Start) -> None:
    jobs = enqueue(stage, 1000, writing(stage))

    crew = start(count=4, concurrency=4, until_empty=True)

    assert crew.ends() == 0
    found = assert_agreed(stage, jobs)
    assert set(found.ends) == {Attempt(job, 1, 2) for job in jobs}
    assert len(found.workers) == 4
    assert list(stage.log.scan("late")) == []


def test_every_job_of_a_crowd_ends_although_workers_launchers_and_projectors_are_killed_throughout(
    stage: Stage, start: Start
) -> None:
    chance = random.Random(3)
    jobs = enqueue(stage, JOBS, writing(stage))
    # Not until empty: who is killed while he leaves, as this may be slower than they are, has not left in order.
    crew = start(count=8, concurrency=4)
    crew.await_said("started", 8)

    for kills, goal in enumerate(range(KILL_EVERY, JOBS - 500, KILL_EVERY)):
        wait_until(lambda goal=goal: crew.count(COMPLETED) >= goal and len(alive(crew)) > 1)  # type: ignore[misc]
        with suppress(ProcessLookupError):  # it has ended since: with its worker, perhaps, which was killed before
            os.kill(victim(crew, kills, chance), signal.SIGKILL)
    stage.ended(*jobs)

    crew.tell()
    assert crew.ends() == 0
    found = assert_agreed(stage, jobs)
    lost = [end for end in found.ends.values() if isinstance(end, Failed)]
    print(f"{len(found.ends)} claims, {len(lost)} of them lost")
    assert FailReason.WORKER_LOST in {end.reason for end in lost}
    assert {end.exit_code for end in lost} == {None}  # no command failed by itself
    # Nobody was asked to stop: handed back is only what was given to a launcher that was killed before it had heard
    # anything, so it never ran. All else is one claim an attempt.
    handed_back = {one: end.reason for one, end in found.ends.items() if isinstance(end, Released)}
    assert set(handed_back.values()) <= {"its worker has nothing that could run it"}
    assert found.lines.keys().isdisjoint(handed_back)
    assert set(Counter((one.job, one.number) for one in found.ends if one not in handed_back).values()) == {1}


def test_a_rolling_restart_of_four_workers_under_load_loses_doubles_and_fails_nothing(
    stage: Stage, start: Start
) -> None:
    failing = enqueue(stage, 20, "exit 3", max_retries=1, priority=-1)
    old = [start(concurrency=4) for _ in range(4)]
    new: list[Crew] = []
    with enqueueing(stage) as jobs:
        for crew in old:
            wait_until(lambda crew=crew: crew.count(COMPLETED) >= 10)  # type: ignore[misc]
            new.append(start(concurrency=4))
            wait_until(lambda: new[-1].count(COMPLETED) >= 10)
            crew.tell()
            assert crew.ends() == 0
    stage.ended(*jobs, *failing)

    found = account(stage)
    assert len(found.workers) == 8
    assert found.lines == Counter(found.completed) == Counter(Attempt(job, 1, 2) for job in jobs)
    others = Counter(end and type_of(end) for one, end in found.ends.items() if one not in found.completed)
    assert others == {"failed": 2 * len(failing)}
    assert {stage.job(job).state for job in failing} == {State.DEAD}
