"""Workers killed, frozen, and cut off from their database: every job ends, no claim is settled twice, nothing is lost.

What the jobs themselves write down is held against the log: a line for an attempt proves that it ran.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo.database import Database

from eventqueue.events import Claimed, Completed, Event, Failed, FailReason, LateResult, Released
from eventqueue.job import State
from eventqueue.server import LocalServer, ensure_running
from eventqueue.worker.process import start_time
from tests.server.servers import clear_away, kill, started
from tests.worker.crew import Crew, Start, children, command_line, crews, is_running
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

JOBS = 2_000
LEASE_S = 5  # the shortest there is


class Attempt(msgspec.Struct, frozen=True):
    """One claim in the log, and the event that ended it."""

    job: str
    number: int
    end: Event | None


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def start(stage: Stage) -> Iterator[Start]:
    with crews(stage.uri, stage.db, stage.folder) as start:
        yield start


def writing(stage: Stage) -> str:
    """Return a command that writes down which job's attempt it is, in a line of one write."""
    return f'echo "$QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT" >> {stage.folder}/lines'


def lines(stage: Stage) -> Counter[tuple[str, int]]:
    """Return the attempts that were written down, and how often each."""
    split = [line.split() for line in (stage.folder / "lines").read_text().splitlines()]
    return Counter((job, int(attempt)) for job, attempt in split)


def enqueue(stage: Stage, count: int, command: str) -> list[str]:
    fields = {"command": command, "max_retries": 100, "backoff": {"base": 0, "jitter": 0}}
    receipts = stage.queue.enqueue_many([fields] * count)
    return [receipt.id for receipt in receipts if not isinstance(receipt, Exception)]


def attempts(stage: Stage) -> list[Attempt]:
    """Return all claims in the log, each with what ended it."""
    found: list[Attempt] = []
    claim: tuple[str, Claimed] | None = None
    for recorded in stage.log.scan("job"):
        if claim is not None:
            stream, claimed = claim
            end = recorded.event if recorded.stream == stream else None
            found.append(Attempt(stream.removeprefix("job-"), claimed.attempt, end))
            claim = None
        if isinstance(recorded.event, Claimed):
            claim = recorded.stream, recorded.event
    if claim is not None:
        found.append(Attempt(claim[0].removeprefix("job-"), claim[1].attempt, None))
    return found


def claims(stage: Stage) -> list[Claimed]:
    """Return all `claimed` events in the log."""
    return [one.event for one in stage.log.scan("job") if isinstance(one.event, Claimed)]


def findings(stage: Stage) -> list[object]:
    """Return all that an audit of every job finds: holes, broken chains, illegal transitions, views that are wrong."""
    return [finding for _, found in stage.queue.verify_all() for finding in found]


def alive(crew: Crew) -> list[int]:
    """Return the pids of the workers that run now."""
    return [pid for pid in crew.workers().values() if is_running(pid)]


def done(crew: Crew) -> int:
    """Return how many attempts were told to have completed; quick, since it is asked again and again."""
    return crew.count(b'"event":"completed"')


def launcher_of(worker: int) -> int | None:
    """Return the pid of a worker's launcher, if it has one just now."""
    return next((pid for pid in children(worker) if "-I" in command_line(pid)), None)


# A crowd of quick jobs


def test_four_workers_settle_two_thousand_jobs_each_once(stage: Stage, start: Start) -> None:
    jobs = enqueue(stage, JOBS, writing(stage))

    crew = start(count=4, concurrency=4, until_empty=True)

    assert crew.ends() == 0
    log = attempts(stage)
    assert Counter(type(one.end) for one in log) == {Completed: JOBS}
    assert lines(stage) == Counter((one.job, one.number) for one in log) == Counter((job, 1) for job in jobs)
    assert len({claim.worker for claim in claims(stage)}) == 4
    assert list(stage.log.scan("late")) == []
    assert findings(stage) == []


def test_two_thousand_jobs_all_end_although_workers_and_launchers_are_killed_throughout(
    stage: Stage, start: Start
) -> None:
    chance = random.Random(3)
    jobs = enqueue(stage, JOBS, writing(stage))
    crew = start(count=4, concurrency=4, until_empty=True)
    crew.await_said("started", 4)

    for kills, goal in enumerate(range(40, JOBS - 500, 40)):
        wait_until(lambda goal=goal: done(crew) >= goal and alive(crew))  # type: ignore[misc]
        victim = chance.choice(alive(crew))
        if kills % 4 == 3:
            victim = launcher_of(victim) or victim
        os.kill(victim, signal.SIGKILL)

    assert crew.ends() == 0
    log = attempts(stage)
    assert all(one.end is not None for one in log)
    completed = {(one.job, one.number) for one in log if isinstance(one.end, Completed)}
    assert {job for job, _ in completed} == set(jobs)
    assert len(completed) == JOBS
    assert len({(one.job, one.number) for one in log}) == len(log)  # no attempt was claimed twice
    written = lines(stage)
    assert set(written) <= {(one.job, one.number) for one in log}
    assert set(written.values()) == {1}  # and none ran twice
    assert completed <= set(written)
    lost = [one.end for one in log if isinstance(one.end, Failed)]
    assert FailReason.WORKER_LOST in {end.reason for end in lost}
    assert {end.exit_code for end in lost} == {None}  # no command failed by itself
    assert findings(stage) == []


# One job, and what happens to who runs it


def running(stage: Stage, crew: Crew, job: str) -> None:
    crew.await_said("executing")
    assert stage.job(job).state is State.PROCESSING


def failures(stage: Stage, job: str) -> list[Failed]:
    return [one.event for one in stage.history(job) if isinstance(one.event, Failed)]


def test_a_worker_killed_together_with_its_supervisor_is_rescued_by_another(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    first = start(with_projector=False)
    second_projector = start(count=0)  # a supervisor with a projector alone
    running(stage, first, job)
    shell = gate.pid()
    first.everything()

    first.tell(signal.SIGKILL)
    os.kill(first.workers()["1"], signal.SIGKILL)
    wait_until(first.leaves_nothing)
    second = start(with_projector=False)
    second.await_said("executing")

    (failed,) = failures(stage, job)
    assert failed.reason is FailReason.WORKER_LOST
    assert failed.buried_by == second.said("started")[0]["incarnation"]
    assert gate.pid() != shell
    gate.let_out()
    stage.ended(job)
    assert stage.job(job).attempts == 2
    assert second_projector.process.poll() is None


def test_a_frozen_workers_job_dies_at_the_end_of_its_lease_and_its_zombie_settles_nothing(
    stage: Stage, start: Start
) -> None:
    stage.queue.configure("lease", LEASE_S)
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    first = start()
    running(stage, first, job)
    shell = gate.pid()
    frozen = first.workers()["1"]
    second = start()
    second.await_said("started")

    os.kill(frozen, signal.SIGSTOP)
    second.await_said("executing")  # only after a whole lease of answers

    assert start_time(shell) is None  # the launcher saw to that by itself
    (failed,) = failures(stage, job)
    assert (failed.reason, failed.buried_by) == (FailReason.WORKER_LOST, second.said("started")[0]["incarnation"])
    assert gate.pid() != shell

    os.kill(frozen, signal.SIGCONT)
    first.await_said("started", 2)  # the zombie has learned that it is buried, and was replaced
    late = [one.event for one in stage.log.scan("late")]
    assert [(one.claim, one.outcome) for one in late if isinstance(one, LateResult)] == [(2, "failed")]
    gate.let_out()
    stage.ended(job)
    assert stage.types(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


# The database away


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "home"
    yield path
    clear_away(path)


@pytest.fixture
def server(home: Path) -> LocalServer:
    return started(home)


@pytest.fixture
def apart(server: LocalServer, tmp_path: Path) -> Iterator[Stage]:
    """A stage on a server of its own, which the test may take away."""
    stage = Stage(server.uri, "apart", tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def start_apart(apart: Stage) -> Iterator[Start]:
    with crews(apart.uri, apart.db, apart.folder) as start:
        yield start


def test_jobs_run_on_while_mongod_is_killed_and_their_outcomes_are_settled_when_it_is_back(
    home: Path, apart: Stage, start_apart: Start
) -> None:
    ends, stays = apart.gate(), apart.gate()
    ending, staying = apart.enqueue(ends.command, id="ending"), apart.enqueue(stays.command, id="staying")
    crew = start_apart(concurrency=2)
    crew.await_said("executing", 2)
    pids = ends.pid(), stays.pid()

    kill(home)
    ends.let_out(0)
    wait_until(lambda: start_time(pids[0]) is None)
    assert is_running(pids[1])
    ensure_running(home)

    apart.ended(ending)
    assert is_running(pids[1])
    stays.let_out(0)
    apart.ended(staying)
    for job in (ending, staying):
        assert apart.types(job) == ["enqueued", "claimed", "completed"]
    assert len(crew.said("started")) == 1


def test_nothing_is_lost_when_mongod_is_killed_under_a_crowd_of_jobs(
    home: Path, apart: Stage, start_apart: Start
) -> None:
    jobs = enqueue(apart, 600, writing(apart))
    crew = start_apart(count=2, concurrency=4, until_empty=True)

    for goal in (100, 250, 400):
        wait_until(lambda goal=goal: done(crew) >= goal)  # type: ignore[misc]
        kill(home)
        ensure_running(home)

    assert crew.ends() == 0
    log = attempts(apart)
    assert Counter(type(one.end) for one in log) == {Completed: 600}
    assert lines(apart) == Counter((job, 1) for job in jobs)
    assert findings(apart) == []


def test_what_is_killed_at_the_end_of_the_lease_is_worker_lost_and_runs_again(
    home: Path, apart: Stage, start_apart: Start
) -> None:
    apart.queue.configure("lease", LEASE_S)
    gate = apart.gate()
    job = apart.enqueue(gate.command)
    crew = start_apart()
    running(apart, crew, job)
    shell = gate.pid()

    kill(home)
    wait_until(lambda: start_time(shell) is None)  # killed by its launcher: nobody could be asked
    ensure_running(home)

    assert gate.pid() != shell
    gate.let_out()
    apart.ended(job)
    assert [failed.reason for failed in failures(apart, job)] == [FailReason.WORKER_LOST]
    assert apart.types(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


def test_a_stop_is_obeyed_while_mongod_hangs(server: LocalServer, apart: Stage, start_apart: Start) -> None:
    gate = apart.gate()
    job = apart.enqueue(gate.command)
    crew = start_apart(grace=0.5)
    running(apart, crew, job)
    shell = gate.pid()
    crew.everything()

    os.kill(server.pid, signal.SIGSTOP)
    try:
        crew.tell()
        code = crew.ends()
    finally:
        os.kill(server.pid, signal.SIGCONT)

    assert code == 1  # what it held could not be handed back
    assert start_time(shell) is None
    assert crew.leaves_nothing()
    heir = start_apart()
    heir.await_said("executing")
    gate.pid()
    gate.let_out()
    apart.ended(job)
    assert isinstance(apart.history(job)[2].event, Failed | Released)
