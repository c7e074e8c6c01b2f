"""Workers killed, frozen, and cut off from their database: every job ends, no claim is settled twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
import pytest

from eventqueue.model.events import Failed, FailReason, LateResult, Released
from eventqueue.model.job import State
from eventqueue.server import LocalServer, ensure_running
from eventqueue.system.process import start_time
from eventqueue.worker.child import ChildPlan
from tests.faults.account import COMPLETED, Attempt, assert_agreed, enqueue, writing
from tests.server.servers import clear_away, kill, started
from tests.worker.crew import Crew, Start, crews, is_running
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

Away = Callable[[LocalServer, Path], AbstractContextManager[None]]
LEASE_S = 5  # the shortest there is


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


# A worker whose engine hangs as soon as it has started a job; its other threads go on.
HANGING = """
import sys, time
from eventqueue.worker import child
from eventqueue.worker.life import heartbeat
from eventqueue.worker.shell.runner import ShellRunner

heartbeat.ROUND_S = 1.0

class Hanging(ShellRunner):
    def start(self, key, job):
        super().start(key, job)
        time.sleep(3600)

sys.exit(child.main(Hanging.telling))
"""


def test_a_worker_whose_engine_hangs_loses_its_job_to_another_and_what_it_ran_is_killed(
    stage: Stage, start: Start
) -> None:
    stage.queue.configure("lease", LEASE_S)
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    plan = ChildPlan(
        uri=stage.uri,
        db=stage.db,
        name="hanging",
        incarnation="here:hanging",
        queues=(),
        concurrency=1,
        grace=1.0,
        as_json=False,
        quiet=True,
    )
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as hanging:
        try:
            assert hanging.stdin
            assert hanging.stderr
            hanging.stdin.write(msgspec.json.encode(plan) + b"\n")
            hanging.stdin.flush()
            shell = gate.pid()
            second = start()
            second.await_said("executing")

            wait_until(lambda: start_time(shell) is None)
            (failed,) = failures(stage, job)
            assert (failed.reason, failed.worker) == (FailReason.WORKER_LOST, "here:hanging")
            assert gate.pid() != shell
            gate.let_out()
            stage.ended(job)
        finally:
            hanging.kill()
        assert b"worker hanging has hung" in hanging.stderr.read()


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


@contextmanager
def killed(server: LocalServer, home: Path) -> Iterator[None]:
    """Have no server until the block ends."""
    kill(home)
    yield
    ensure_running(home)


@contextmanager
def frozen(server: LocalServer, home: Path) -> Iterator[None]:
    """Have a server that takes what it is sent, and answers once the block has ended."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("away", [killed, frozen])
def test_jobs_run_on_while_mongod_is_away_and_their_outcomes_are_settled_when_it_is_back(
    server: LocalServer, home: Path, apart: Stage, start_apart: Start, away: Away
) -> None:
    ends, stays = apart.gate(), apart.gate()
    ending, staying = apart.enqueue(ends.command, id="ending"), apart.enqueue(stays.command, id="staying")
    crew = start_apart(concurrency=2)
    crew.await_said("executing", 2)
    pids = ends.pid(), stays.pid()

    with away(server, home):
        ends.let_out(0)
        wait_until(lambda: start_time(pids[0]) is None)
        assert is_running(pids[1])

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
        wait_until(lambda goal=goal: crew.count(COMPLETED) >= goal)  # type: ignore[misc]
        kill(home)
        ensure_running(home)

    assert crew.ends() == 0
    assert set(assert_agreed(apart, jobs).ends) == {Attempt(job, 1, 2) for job in jobs}  # none failed


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


def tell_until(crew: Crew, is_so: Callable[[], bool]) -> None:
    def told() -> bool:
        crew.tell()
        return is_so()

    wait_until(told)


@pytest.mark.parametrize("away", [killed, frozen])
def test_who_kills_it_while_mongod_is_away_does_not_wait_as_long_as_the_driver_would_for_a_server(
    server: LocalServer, home: Path, apart: Stage, start_apart: Start, away: Away
) -> None:
    crew = start_apart()
    crew.await_said("started")
    crew.everything()

    with away(server, home):
        tell_until(crew, lambda: "handed back at once" in crew.logged())
        tell_until(crew, lambda: not is_running(crew.workers()["1"]))
        crew.process.wait(30.0)  # for so long it looks for a server only to say that it leaves

        assert crew.leaves_nothing()
