"""kill -9 in each phase of a claim's life, of each process that has a part in it, and claims that are heard of late.

The workers reach their server by a wire that holds an insert, or its reply, for as long as the test likes; the
projector does not, so that it sees what they have not heard of yet.
"""

import os
import signal
from collections.abc import Iterator
from enum import StrEnum
from threading import Event

import pytest

from eventqueue.model.job import State
from eventqueue.system.process import start_time
from tests.faults.account import assert_agreed, writing
from tests.mongo.conftest import path_in
from tests.mongo.wire import Cut, Order, Wire, wire_to
from tests.patience import PATIENCE_S
from tests.projections.processes import projector_process
from tests.worker.crew import Crew, Start, children, command_line, is_running
from tests.worker.stage import Gate, Stage, wait_until

pytestmark = pytest.mark.faults

LEASE_S = 5  # the shortest there is


class Phase(StrEnum):
    """How far a claim had come when something was killed."""

    CLAIM_SENT = "its claim is on its way"
    CLAIM_LANDED = "its claim is in the log, and unheard"
    RUNNING = "it runs"
    SETTLE_SENT = "its settle is on its way"
    SETTLE_LANDED = "its settle is in the log, and unheard"


ONCE = ["enqueued", "claimed", "completed"]
LOST = ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]
HISTORIES = {
    "worker": dict.fromkeys(Phase, LOST) | {Phase.SETTLE_LANDED: ONCE},
    "launcher": dict.fromkeys(Phase, ONCE) | {Phase.RUNNING: LOST},
    "supervisor": dict.fromkeys(Phase, ONCE),  # whose workers finish what they hold
}


@pytest.fixture
def wire(server_uri: str) -> Iterator[Wire]:
    with wire_to(path_in(server_uri)) as wire:
        yield wire


@pytest.fixture
def projector(stage: Stage) -> Iterator[None]:
    """A projector that no supervisor knows of."""
    with projector_process(stage.uri, stage.db):
        yield


class Held:
    """One insert that is held on its way to the server."""

    def __init__(self) -> None:
        self.is_here, self._may_go = Event(), Event()

    def __call__(self) -> None:
        self.is_here.set()
        self._may_go.wait(PATIENCE_S)

    def let_go(self) -> None:
        self._may_go.set()


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.let_go()


def passed() -> None:
    """An insert that goes its way."""


def orders(phase: Phase, held: Held) -> list[Order]:
    """Return what the wire is to do with the claim, and then with the settle."""
    every: dict[Phase, list[Order]] = {
        Phase.CLAIM_SENT: [held],
        Phase.CLAIM_LANDED: [Cut.REPLY_LATE],
        Phase.RUNNING: [],
        Phase.SETTLE_SENT: [passed, held],
        Phase.SETTLE_LANDED: [passed, Cut.REPLY_LATE],
    }
    return every[phase]


def await_phase(phase: Phase, stage: Stage, job: str, gate: Gate, held: Held) -> None:
    match phase:
        case Phase.CLAIM_SENT | Phase.SETTLE_SENT:
            wait_until(held.is_here.is_set)
        case Phase.CLAIM_LANDED:
            wait_until(lambda: stage.job(job).state is State.PROCESSING)
        case Phase.RUNNING:
            gate.pid()
        case Phase.SETTLE_LANDED:
            wait_until(lambda: stage.job(job).state is State.COMPLETED)


def pid_of(victim: str, crew: Crew) -> int:
    if victim == "supervisor":
        return crew.pid
    worker = crew.workers()["1"]
    if victim == "worker":
        return worker
    return next(pid for pid in children(worker) if "-I" in command_line(pid))


def is_buried(stage: Stage, incarnation: str) -> bool:
    found = stage.connection.ground.database["workers"].find_one({"_id": incarnation})
    return bool(found and found.get("buried_at"))


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("victim", ["worker", "launcher", "supervisor"])
def test_whoever_is_killed_in_whatever_phase_the_job_ends_and_each_claim_is_settled_once(
    stage: Stage, start: Start, wire: Wire, held: Held, projector: None, victim: str, phase: Phase
) -> None:
    stage.queue.configure("lease", LEASE_S)
    gate = stage.gate()
    crew = start(uri=wire.uri, with_projector=False)
    (worker,) = crew.await_said("started")
    wire.orders.extend(orders(phase, held))
    if phase is not Phase.RUNNING:
        gate.let_out()
        gate.let_out()
    job = stage.enqueue(f"{writing(stage)}; {gate.command}")
    await_phase(phase, stage, job, gate, held)
    crew.everything()

    pid = pid_of(victim, crew)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    if victim == "worker":  # what it had sent lands when it is dead and buried
        wait_until(lambda: is_buried(stage, worker["incarnation"]))
        wait_until(lambda: phase is not Phase.SETTLE_SENT or "failed" in stage.types(job))
    held.let_go()
    wire.may_answer.set()
    if phase is Phase.RUNNING:
        wait_until(lambda: victim == "supervisor" or "failed" in stage.types(job))  # or a dying shell would be let out
        gate.let_out()

    wait_until(lambda: stage.types(job) == HISTORIES[victim][phase])
    wait_until(lambda: victim != "supervisor" or crew.leaves_nothing())
    found = assert_agreed(stage, [job])
    never_ran = phase in (Phase.CLAIM_SENT, Phase.CLAIM_LANDED)
    assert set(found.lines) == (found.completed if never_ran else set(found.ends))


def test_a_claim_that_the_view_shows_long_before_its_worker_hears_of_it_runs_once(
    stage: Stage, start: Start, wire: Wire, projector: None
) -> None:
    stage.queue.configure("lease", LEASE_S)  # several heartbeats pass: at two in a row what is not held is given back
    crew = start(uri=wire.uri, with_projector=False)
    crew.await_said("started")
    wire.orders.append(Cut.REPLY_LATE)

    job = stage.enqueue(writing(stage))
    wait_until(lambda: stage.shown(job).state is not State.PENDING)
    wait_until(lambda: wire.sent > 1)  # it has given up to hear, and asks again
    wire.may_answer.set()

    stage.ended(job)
    assert stage.types(job) == ONCE
    assert_agreed(stage, [job])


def test_a_claim_that_is_projected_only_after_its_worker_died_is_rescued(stage: Stage, start: Start) -> None:
    stage.queue.configure("lease", LEASE_S)
    gate = stage.gate()
    job = stage.enqueue(f"{writing(stage)}; {gate.command}")  # which the view shows; from now on it stands still
    crew = start(with_projector=False)
    crew.await_said("executing")
    shell = gate.pid()
    crew.everything()
    crew.tell(signal.SIGKILL)
    os.kill(crew.workers()["1"], signal.SIGKILL)
    wait_until(crew.leaves_nothing)
    assert start_time(shell) is None
    assert stage.shown(job).state is State.PENDING

    start(with_projector=False).await_said("started")
    with projector_process(stage.uri, stage.db):
        gate.pid()
        gate.let_out()
        stage.ended(job)

    assert stage.types(job) == LOST
    assert_agreed(stage, [job])
