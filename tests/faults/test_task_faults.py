"""Python tasks while what runs them is killed and stopped: their fork servers, their children, and their workers."""

import os
import random
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eventqueue.model.events import Failed, FailReason, type_of
from eventqueue.model.job import State
from eventqueue.worker.python.plan import PythonPlan
from tests.faults.account import assert_agreed
from tests.faults.tasks import ONCE, TWICE, call, child_of, gated, server_of
from tests.worker.crew import Crew, Start, is_running
from tests.worker.python.stage import APP, ROOT
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

JOBS = int(os.environ.get("EVENTQUEUE_TEST_JOBS", "2000"))
KILL_EVERY = JOBS // 40
LINE_BYTES = 41  # that an attempt writes
LEASE_S = 5  # the shortest there is
PYTHON = PythonPlan(imports=(APP,), import_path=(ROOT,), processes=2, max_tasks=500)


def alive(crew: Crew) -> list[int]:
    return [pid for pid in crew.workers().values() if is_running(pid)]


def strike(pid: int, signum: int) -> None:
    """Signal one that may have died by itself."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return


def disturb(crew: Crew, kills: int, chance: random.Random, stopped: list[int]) -> None:
    """Kill or stop one of those that run tasks; what was stopped before goes on."""
    while stopped:
        strike(stopped.pop(), signal.SIGCONT)
    if not (there := alive(crew)):
        return
    worker = chance.choice(there)
    server, child = server_of(worker), child_of(worker, chance)
    match kills % 8:
        case 0 | 3:
            strike(child or worker, signal.SIGKILL)
        case 1 | 6:
            strike(server or worker, signal.SIGKILL)
        case 2:
            strike(worker, signal.SIGKILL)
        case 4 | 5 | 7:
            stopped.append((child, server, worker)[kills % 3] or worker)
            strike(stopped[0], signal.SIGSTOP)


def test_every_one_of_a_crowd_of_tasks_ends_once_although_what_runs_them_is_killed_and_stopped_throughout(
    stage: Stage, start: Start
) -> None:
    chance, stopped = random.Random(5), list[int]()
    lines = stage.folder / "lines"
    lines.touch()
    jobs = call(stage, JOBS, "writes", lines)
    # Not until empty: who is killed while he leaves, as this may be slower than they are, has not left in order.
    crew = start(count=3, concurrency=50, python=PYTHON)
    crew.await_said("started", 3)

    def is_next(goal: int) -> bool:
        # By what they have written: what a worker that is killed had settled, it need not have told of.
        return lines.stat().st_size >= LINE_BYTES * goal and len(alive(crew)) > 1

    for kills, goal in enumerate(range(KILL_EVERY, JOBS - 2 * KILL_EVERY, KILL_EVERY)):
        wait_until(partial(is_next, goal))
        disturb(crew, kills, chance, stopped)
    for pid in stopped:
        strike(pid, signal.SIGCONT)
    stage.ended(*jobs)

    crew.tell()
    assert crew.ends() == 0
    found = assert_agreed(stage, jobs)
    failed = [end for end in found.ends.values() if isinstance(end, Failed)]
    print(f"{len(found.ends)} claims, {Counter(type_of(end) for end in found.ends.values() if end)}")
    assert {end.reason for end in failed} <= {FailReason.WORKER_LOST, FailReason.CRASHED}
    assert FailReason.CRASHED in {end.reason for end in failed}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("victim", ["child", "fork server", "worker"])
def test_whoever_is_killed_or_stopped_while_a_task_runs_it_ends_once(
    stage: Stage, start: Start, victim: str, signum: signal.Signals
) -> None:
    stage.queue.configure("lease", LEASE_S)
    gate = stage.gate()
    crew = start(python=PYTHON)
    crew.await_said("started")
    job = gated(stage, gate)
    child = gate.pid()
    worker = crew.workers()["1"]
    pid = {"child": child, "fork server": server_of(worker), "worker": worker}[victim]
    assert pid

    os.kill(pid, signum)
    ends = TWICE if signum is signal.SIGKILL or victim == "worker" else ONCE
    if victim == "worker":
        wait_until(lambda: not is_running(child))  # at the end of the lease, however little its worker can do
    if signum is signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
    if ends is TWICE:
        gate.pid()  # it runs again
    gate.let_out()
    stage.ended(job)

    assert stage.types(job) == ends
    crew.everything()
    crew.tell()
    assert crew.ends() == 0
    assert_agreed(stage, [job])
    wait_until(crew.leaves_nothing)


def test_a_child_that_is_killed_with_others_behind_it_costs_what_had_begun_alone(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    first = gated(stage, gate, priority=9)
    behind = call(stage, 20, "writes", stage.folder / "lines")
    crew = start(concurrency=21, python=PythonPlan(imports=(APP,), import_path=(ROOT,)))
    child = gate.pid()
    wait_until(lambda: all(stage.job(job).state is State.PROCESSING for job in behind))

    os.kill(child, signal.SIGKILL)
    gate.pid()
    gate.let_out()
    stage.ended(first, *behind)

    assert stage.types(first) == TWICE
    assert {tuple(stage.types(job)) for job in behind} == {tuple(ONCE)}
    crew.tell()
    assert crew.ends() == 0
    assert_agreed(stage, [first, *behind])


def test_the_memory_of_a_child_stays_flat_over_a_hundred_thousand_tasks() -> None:
    from tests.worker.python.stage import stage as staged

    with staged() as one:
        sizes = [_run_many(one, 20_000) for _ in range(5)]

    assert sizes[-1] < sizes[0] + 3_000_000


def _run_many(one: Any, count: int) -> int:
    """Run so many tasks, and return the bytes of memory of their child."""
    for first in range(0, count, 500):
        for number in range(first, first + 500):
            one.start("add", number, key=str(number))
        for number in range(first, first + 500):
            one.ended(str(number))
            one.started(str(number))
    child = one.value("pid", key="last")
    one.started("last")
    return int(Path(f"/proc/{child}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
