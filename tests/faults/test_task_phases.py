"""Python tasks while what runs them is killed or stopped: in each phase of a run, during an import, and at a stop."""

import os
import random
import signal
from collections.abc import Iterator
from threading import Event

import pytest

from eventqueue.model.job import State
from eventqueue.worker.python.plan import PythonPlan
from tests.faults.account import assert_agreed
from tests.faults.tasks import ONCE, TWICE, call, child_of, gated, server_of
from tests.mongo.conftest import path_in
from tests.mongo.wire import Wire, wire_to
from tests.patience import PATIENCE_S
from tests.projections.processes import projector_process
from tests.worker.crew import Crew, Start, is_running
from tests.worker.python.stage import APP, ROOT
from tests.worker.stage import Gate, Stage, wait_until

pytestmark = pytest.mark.faults

ONE = PythonPlan(imports=(APP,), import_path=(ROOT,))
VICTIMS = ("child", "fork server", "worker")
HANDED_BACK = ["enqueued", "claimed", "released"]


def pid_of(crew: Crew, victim: str) -> int:
    worker = crew.workers()["1"]
    found = {"child": child_of(worker, random.Random(0)), "fork server": server_of(worker), "worker": worker}[victim]
    assert found
    return found


def kill(crew: Crew, victim: str) -> None:
    """Kill one, and wait until the child is gone, which nothing outlives."""
    child = pid_of(crew, "child")
    os.kill(pid_of(crew, victim), signal.SIGKILL)
    wait_until(lambda: not is_running(child))


@pytest.mark.parametrize("victim", VICTIMS)
def test_whoever_is_killed_before_a_run_has_begun_in_its_child_it_runs_once(
    stage: Stage, start: Start, victim: str
) -> None:
    (before,) = call(stage, 1, "writes", stage.folder / "lines")
    crew = start(python=ONE)
    stage.ended(before)
    os.kill(pid_of(crew, "child"), signal.SIGSTOP)
    (job,) = call(stage, 1, "writes", stage.folder / "lines")
    wait_until(lambda: stage.job(job).state is State.PROCESSING)

    kill(crew, victim)
    stage.ended(job)

    assert stage.types(job) == (TWICE if victim == "worker" else ONCE)
    found = assert_agreed(stage, [before, job])
    assert set(found.lines) == found.completed


@pytest.mark.parametrize("victim", VICTIMS)
def test_an_outcome_that_a_child_has_written_is_settled_whoever_is_killed_but_the_worker_that_has_not_heard_it(
    stage: Stage, start: Start, victim: str
) -> None:
    gate, next_gate = stage.gate(), stage.gate()
    job = gated(stage, gate, priority=9)
    behind = gated(stage, next_gate)
    crew = start(concurrency=2, python=ONE)
    gate.pid()
    wait_until(lambda: stage.job(behind).state is State.PROCESSING)
    worker = pid_of(crew, "worker")

    os.kill(worker, signal.SIGSTOP)
    gate.let_out()
    next_gate.pid()  # which begins with the write that tells of the other's outcome
    kill(crew, victim)
    if victim == "worker":
        gate.pid()  # it runs again
        gate.let_out()
    else:
        os.kill(worker, signal.SIGCONT)
    next_gate.pid()
    next_gate.let_out()
    stage.ended(job, behind)

    assert stage.types(job) == (TWICE if victim == "worker" else ONCE)
    assert stage.types(behind) == TWICE
    assert_agreed(stage, [job, behind])


@pytest.fixture
def wire(server_uri: str) -> Iterator[Wire]:
    with wire_to(path_in(server_uri)) as wire:
        yield wire


@pytest.mark.parametrize("victim", ["child", "worker"])
def test_an_outcome_whose_settle_is_on_its_way_counts_whoever_is_killed_but_the_worker(
    stage: Stage, start: Start, wire: Wire, victim: str
) -> None:
    is_here, may_go = Event(), Event()

    def hold() -> None:
        is_here.set()
        may_go.wait(PATIENCE_S)

    crew = start(uri=wire.uri, python=ONE, with_projector=False)
    crew.await_said("started")
    with projector_process(stage.uri, stage.db):
        wire.orders.extend([lambda: None, hold])  # of the claim, and of the settle
        (job,) = call(stage, 1, "writes", stage.folder / "lines")
        assert is_here.wait(PATIENCE_S)

        kill(crew, victim)
        wait_until(lambda: victim != "worker" or "failed" in stage.types(job))
        may_go.set()
        stage.ended(job)

    assert stage.types(job) == (TWICE if victim == "worker" else ONCE)
    found = assert_agreed(stage, [job])
    assert set(found.lines) == set(found.ends)


def importing(stage: Stage, gate: Gate) -> PythonPlan:
    """Return the plan of a worker whose modules wait at a gate while they are imported."""
    text = f"import os\nopen('{gate.entered}', 'w').write(f'{{os.getpid()}}\\n')\nopen('{gate.way_out}').readline()\n"
    (stage.folder / "waits.py").write_text(text)
    return PythonPlan(imports=("waits", APP), import_path=(str(stage.folder), ROOT))


@pytest.mark.parametrize("then", ["it goes on", "its worker is stopped"])
def test_who_is_stopped_while_it_imports_goes_on_where_it_was_and_holds_up_no_stop(
    stage: Stage, start: Start, then: str
) -> None:
    gate = stage.gate()
    (job,) = call(stage, 1, "writes", stage.folder / "lines")
    crew = start(python=importing(stage, gate))
    pid = gate.pid()
    os.kill(pid, signal.SIGSTOP)
    crew.everything()

    if then == "it goes on":
        os.kill(pid, signal.SIGCONT)
        gate.let_out()
        stage.ended(job)
        assert_agreed(stage, [job])
    crew.tell()

    assert crew.ends() == 0
    assert stage.types(job) == (ONCE if then == "it goes on" else ["enqueued"])
    wait_until(crew.leaves_nothing)


@pytest.mark.parametrize("then", ["it goes on", "its worker is stopped"])
def test_where_the_next_fork_server_is_stopped_while_it_imports_what_waits_for_it_waits_or_is_handed_back(
    stage: Stage, start: Start, then: str
) -> None:
    gate, first = stage.gate(), stage.gate()
    crew = start(python=importing(stage, gate), grace=0.1)
    gate.pid()
    gate.let_out()
    runs = gated(stage, first)
    first.pid()
    os.kill(pid_of(crew, "fork server"), signal.SIGKILL)
    os.kill(pid := gate.pid(), signal.SIGSTOP)
    crew.everything()

    if then == "it goes on":
        os.kill(pid, signal.SIGCONT)
        gate.let_out()
        first.pid()
        first.let_out()
        stage.ended(runs)
        assert_agreed(stage, [runs])
    else:
        wait_until(lambda: stage.types(runs)[-1] == "claimed")
    crew.tell()

    assert crew.ends() == 0
    again = [*TWICE[:-1], "completed" if then == "it goes on" else "released"]
    assert stage.types(runs) == again
    wait_until(crew.leaves_nothing)


@pytest.mark.parametrize("then", ["it goes on", "the grace ends"])
@pytest.mark.parametrize("stopped", ["child", "fork server"])
def test_who_runs_a_task_and_is_stopped_during_a_graceful_stop_ends_it_or_is_killed_after_the_grace(
    stage: Stage, start: Start, stopped: str, then: str
) -> None:
    gate = stage.gate()
    job = gated(stage, gate)
    crew = start(python=ONE, grace=0.1 if then == "the grace ends" else 30.0)
    gate.pid()
    os.kill(pid := pid_of(crew, stopped), signal.SIGSTOP)
    crew.everything()

    crew.tell()
    if then == "it goes on":
        gate.let_out()
        os.kill(pid, signal.SIGCONT)

    assert crew.ends() == 0
    assert stage.types(job) == (ONCE if then == "it goes on" else HANDED_BACK)
    wait_until(crew.leaves_nothing)
