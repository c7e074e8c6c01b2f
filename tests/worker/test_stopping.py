"""A stop: what runs may finish within the grace, the rest is handed back, and the worker leaves whatever happens."""

import threading

import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.events import Released
from eventqueue.model.job import State
from eventqueue.system.process import start_time
from eventqueue.worker.inbox import Stop
from tests.worker.stage import Gate, Hand, Stage


def running(stage: Stage, gate: Gate, worker: Hand, before: str = "true") -> str:
    job = stage.enqueue(f"{before}; {gate.command}")
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    return job


def test_a_stopped_worker_lets_its_jobs_finish_and_claims_nothing_more(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker(concurrency=2)
    job = running(stage, gate, worker)
    left = stage.enqueue()

    worker.engine.tell(Stop(grace=1000.0))
    worker.wake()
    worker.engine.step()
    gate.let_out()
    assert worker.leaves()

    assert stage.job(job).state is State.COMPLETED
    assert stage.types(left) == ["enqueued"]


def test_what_runs_past_the_grace_is_released_and_its_attempt_not_counted(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    shell = gate.pid()

    assert worker.stop(grace=0.1)

    released = stage.last(job)
    assert isinstance(released, Released)
    assert released.reason == "its worker was stopped"
    assert (stage.job(job).state, stage.job(job).attempts, stage.job(job).failures) == (State.PENDING, 0, 0)
    assert start_time(shell) is None


def test_a_job_that_ignores_term_is_killed_at_a_stop_and_released(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker, before="trap '' TERM")
    gate.pid()

    assert worker.stop(grace=0.0)

    assert stage.types(job) == ["enqueued", "claimed", "released"]


def test_a_released_job_is_run_by_the_next_worker_as_the_same_attempt(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    assert worker.stop()
    stage.project()

    heir = stage.worker("heir")
    gate.let_out()
    heir.steps(until=lambda: stage.job(job).state is State.COMPLETED)

    assert stage.job(job).attempts == 1


def test_a_second_stop_hands_back_at_once(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    worker.engine.tell(Stop(grace=1000.0))
    worker.engine.step()
    assert stage.job(job).state is State.PROCESSING

    assert worker.stop(grace=0.0)

    assert stage.types(job) == ["enqueued", "claimed", "released"]


def test_a_later_stop_gives_no_new_grace(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    worker.engine.tell(Stop(grace=0.0))

    assert worker.stop(grace=1000.0)  # as at the death of the supervisor that had asked for the first

    assert stage.types(job) == ["enqueued", "claimed", "released"]


def test_a_stopped_worker_leaves_although_the_database_is_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    shell = gate.pid()

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr("eventqueue.worker.departure.GIVE_UP_S", 0.5)
    monkeypatch.setattr("eventqueue.mongo.log.MongoLog.append", away)
    assert not worker.stop()  # it held something to the end: its supervisor has to bury it
    monkeypatch.undo()

    assert start_time(shell) is None
    assert stage.types(job) == ["enqueued", "claimed"]


# Waiting: a worker that has nothing to do sleeps. Steps are counted, since a loop that spins makes thousands.


class Steps:
    """A worker that works in a thread of its own, and how many steps it takes."""

    def __init__(self, worker: Hand) -> None:
        self.taken = 0
        self._worker = worker
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while self._worker.engine.step():
            self.taken += 1

    def __enter__(self) -> "Steps":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.engine.tell(Stop(0.0))
        self._thread.join()


@pytest.fixture
def patient(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage whose workers look again by themselves only after an hour."""
    monkeypatch.setattr("eventqueue.worker.claims.prospects.POLL_S", 3600.0)
    return stage


def test_a_worker_without_a_free_slot_sleeps_until_a_job_ends(patient: Stage) -> None:
    gate, worker = patient.gate(), patient.worker()
    job = running(patient, gate, worker)
    gate.pid()

    with Steps(worker) as steps:
        patient.project()  # which takes a while
        gate.let_out()
        patient.ended(job)

    assert steps.taken < 20


def test_a_worker_without_a_good_lease_sleeps_until_it_has_one(patient: Stage) -> None:
    job, worker = patient.enqueue(), patient.worker(beats=False)

    with Steps(worker) as steps:
        patient.project()
        worker.beat()
        patient.ended(job)

    assert steps.taken < 20


def test_an_idle_worker_sleeps_until_a_signal(patient: Stage) -> None:
    worker = patient.worker()

    with Steps(worker) as steps:
        job = patient.enqueue()
        worker.wake()
        patient.ended(job)

    assert steps.taken < 20


def test_a_stopping_worker_sleeps_while_its_jobs_finish(patient: Stage) -> None:
    gate, worker = patient.gate(), patient.worker(concurrency=2)
    job = running(patient, gate, worker)
    gate.pid()

    with Steps(worker) as steps:
        worker.engine.tell(Stop(grace=1000.0))
        patient.project()
        gate.let_out()
        patient.ended(job)

    assert steps.taken < 20
