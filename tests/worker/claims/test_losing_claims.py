"""A claim that is over: the run is killed, the slot is free again, and nothing that still comes of it is applied."""

import errno
import os
import signal
from typing import Any

import pytest

from eventqueue.errors import AccessDenied, LogCorrupt, Unavailable
from eventqueue.model import codec
from eventqueue.model.events import Completed, LateResult, Released, stream_of
from eventqueue.model.job import Cancel, Complete, Job, Release, Settle, State
from eventqueue.ports.finder import Signal
from eventqueue.system.process import start_time
from eventqueue.worker import outcome
from eventqueue.worker.engine import NO_RUNNER_COUNT
from eventqueue.worker.inbox import Stop
from eventqueue.worker.running.reports import Ended
from eventqueue.worker.shell import orders
from eventqueue.worker.shell.runner import ShellRunner
from tests.builders import CANCELLED, append, claimed, enqueued
from tests.worker.stage import DeafLog, Gate, Hand, Stage, wait_until


def running(stage: Stage, gate: Gate, worker: Hand, before: str = "true") -> str:
    """Have a worker run a job that waits at the gate; return the job's id."""
    job = stage.enqueue(f"{before}; {gate.command}")
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    return job


def is_gone(pid: int) -> bool:
    return start_time(pid) is None


def an_end_lies_in_the_inbox(worker: Hand) -> bool:
    return any(isinstance(message, Ended) for message in list(worker.engine._inbox._messages))


def held(worker: Hand) -> int:
    return len(worker.engine._held)


def test_a_job_of_which_no_event_more_can_be_written_keeps_no_other_from_being_claimed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, other = stage.enqueue(), stage.enqueue()
    seal = codec.seal

    def refusing(stream: str, *more: Any, **named: Any) -> Any:
        if stream == stream_of("job", full):
            raise LogCorrupt("the stream has no place left")
        return seal(stream, *more, **named)

    monkeypatch.setattr("eventqueue.worker.engine.seal", refusing)
    worker = stage.worker(concurrency=2)
    worker.wake()
    worker.engine.step()  # not only in the next round, to which all that it refuses is found again

    assert stage.job(full).state is State.PENDING
    assert stage.types(other)[:2] == ["enqueued", "claimed"]


def test_a_cancelled_running_job_dies_with_its_whole_group_and_its_slot_is_free_again(stage: Stage) -> None:
    gate = stage.gate()
    worker = stage.worker()
    job = running(stage, gate, worker, before=f"(sleep 1000 & echo $! > {stage.folder}/child)")
    shell = gate.pid()
    child = int((stage.folder / "child").read_text())

    stage.queue.cancel(job)
    stage.project()
    worker.engine.tell(Signal(generation=stage.generation, cancelled=(job,)))
    worker.steps(until=lambda: held(worker) == 0)

    assert is_gone(shell)
    wait_until(lambda: is_gone(child))
    assert stage.types(job) == ["enqueued", "claimed", "cancelled"]
    assert stage.late(job) == []  # it was killed for it: nobody needs to be told
    worker.steps(until=lambda: stage.queue.ending(job) is None)
    another = stage.enqueue()
    worker.wake()
    worker.steps(until=lambda: stage.job(another).state is State.COMPLETED)


@pytest.mark.parametrize("says", ["said", ""], ids=["something", "nothing"])
def test_what_a_cancelled_job_wrote_is_kept_and_that_its_process_has_ended_shows_in_that(
    stage: Stage, says: str
) -> None:
    gate = stage.gate()
    worker = stage.worker()
    job = running(stage, gate, worker, before=f"printf '{says}'; printf '{says}' >&2")
    gate.pid()
    assert stage.queue.ending(job) is None  # it is not cancelled

    stage.queue.cancel(job)
    claim = stage.queue.ending(job)
    assert claim is not None
    assert claim.worker == worker.me.id
    assert stage.queue.output(job, 2) is None
    stage.project()
    worker.engine.tell(Signal(generation=stage.generation, cancelled=(job,)))
    worker.steps(until=lambda: stage.queue.ending(job) is None)

    kept = stage.queue.output(job, 2)
    assert kept is not None
    assert (kept.stdout, kept.stderr) == (says.encode(), says.encode())


def test_a_worker_that_leaves_keeps_first_what_its_cancelled_job_wrote(stage: Stage) -> None:
    gate = stage.gate()
    worker = stage.worker()
    job = running(stage, gate, worker, before="echo said")
    gate.pid()
    stage.queue.cancel(job)
    stage.project()

    worker.engine.tell(Signal(generation=stage.generation, cancelled=(job,)))
    worker.engine.tell(Stop(0.0))
    while worker.engine.step():
        pass

    kept = stage.queue.output(job, 2)
    assert kept is not None
    assert kept.stdout == b"said\n"


def test_who_was_cancelled_long_ago_has_no_process_left(stage: Stage) -> None:
    stage.log.append([append("job-old", enqueued(), claimed(), CANCELLED)])  # at NOW, which is long past

    assert stage.queue.ending("old") is None


def test_a_cancellation_whose_signal_is_lost_is_seen_at_the_next_heartbeat(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    shell = gate.pid()
    stage.queue.cancel(job)
    stage.project()

    worker.beat()
    worker.steps(until=lambda: held(worker) == 0)

    assert is_gone(shell)


def test_an_older_view_kills_nothing(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    assert stage.shown(job).state is State.PENDING  # the view knows nothing of the claim

    worker.engine.tell(Signal(generation=stage.generation, cancelled=(job,)))
    worker.beat()
    worker.rests()
    stage.project()  # and now it shows the claim itself
    worker.beat()
    worker.rests()

    gate.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_a_released_jobs_late_settle_is_refused_and_recorded(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    assert stage.append(stage.job(job), Release(claim=2, reason="somebody thought it was lost"))

    gate.let_out()
    worker.steps(until=lambda: stage.late(job))

    assert stage.types(job) == ["enqueued", "claimed", "released"]
    (late,) = stage.late(job)
    assert isinstance(late, LateResult)
    assert (late.claim, late.outcome) == (2, "completed")


def test_a_run_that_ended_by_itself_just_before_it_was_to_be_killed_leaves_a_late_result(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    gate.pid()
    stage.queue.cancel(job)
    stage.project()

    gate.let_out()
    wait_until(lambda: an_end_lies_in_the_inbox(worker))
    worker.engine._inbox._messages.appendleft(Signal(generation=stage.generation, cancelled=(job,)))
    worker.steps(until=lambda: held(worker) == 0)
    worker.steps(until=lambda: stage.late(job))

    assert [late.outcome for late in stage.late(job) if isinstance(late, LateResult)] == ["completed"]
    assert stage.job(job).state is State.CANCELLED


# Burial


def test_a_buried_worker_kills_what_it_runs_and_leaves(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    shell = gate.pid()
    stage.connection.incarnations.bury(worker.me.id, "somebody", seen_dead=True)

    worker.beat()

    assert not worker.leaves()
    assert is_gone(shell)
    assert stage.types(job) == ["enqueued", "claimed"]  # what becomes of it is for the rescuer to say


def test_what_a_buried_worker_had_in_hand_is_a_late_result_once_its_job_was_rescued(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    stage.project()
    rescuer = stage.worker("rescuer")
    stage.connection.incarnations.bury(worker.me.id, rescuer.me.id, seen_dead=True)
    rescuer.rescue.rescue_once(may_bury=False)

    gate.let_out()
    wait_until(lambda: an_end_lies_in_the_inbox(worker))  # before it hears of its burial
    worker.beat()
    assert not worker.leaves()

    assert stage.types(job) == ["enqueued", "claimed", "failed"]
    assert [late.outcome for late in stage.late(job) if isinstance(late, LateResult)] == ["completed"]


def test_a_buried_worker_claims_nothing_more(stage: Stage) -> None:
    worker = stage.worker()
    job = stage.enqueue()
    stage.connection.incarnations.bury(worker.me.id, "somebody", seen_dead=True)

    worker.beat()

    assert not worker.leaves()
    assert stage.job(job).state is State.PENDING


# Strays


def test_a_claim_of_ours_that_we_do_not_hold_is_released_after_two_heartbeats(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker(concurrency=2)
    held_job = running(stage, gate, worker)
    stray = stage.enqueue()
    stage.claim(stray, worker.me.id)
    stage.project()

    worker.beat()
    worker.rests()
    assert stage.job(stray).state is State.PROCESSING  # its answer may be on the way

    worker.beat()
    worker.steps(until=lambda: stage.job(stray).state is State.PENDING)
    assert stage.last(stray) == Released(reason="reconciled", due_at=stage.job(stray).due_at)  # type: ignore[arg-type]
    assert stage.job(stray).attempts == 0
    assert stage.job(held_job).state is State.PROCESSING  # that one is held


def test_a_claim_that_was_settled_while_the_view_lagged_is_no_stray(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    stage.project()
    gate.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)
    assert stage.shown(job).state is State.PROCESSING

    for _ in range(3):
        worker.beat()
        worker.rests()

    assert stage.types(job) == ["enqueued", "claimed", "completed"]
    assert stage.late(job) == []


def test_a_claim_whose_answer_is_still_to_come_is_no_stray(stage: Stage) -> None:
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    job = stage.enqueue()
    log.lost = 4
    worker.steps(until=lambda: log.sent)
    stage.project()
    assert stage.shown(job).worker == worker.me.id

    for _ in range(3):
        worker.beat()
        worker.engine.step()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)

    assert stage.types(job) == ["enqueued", "claimed", "completed"]


def test_another_workers_claim_is_never_released(stage: Stage) -> None:
    worker, other = stage.worker(), stage.worker("other")
    job = stage.enqueue()
    stage.claim(job, other.me.id)
    stage.project()

    for _ in range(3):
        worker.beat()
        worker.rests()

    assert stage.job(job).worker == other.me.id


def test_an_outcome_kept_through_an_outage_is_no_stray(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = running(stage, gate, worker)
    stage.project()

    def away(*_: object) -> list[Job]:
        raise Unavailable("away")

    with monkeypatch.context() as outage:
        outage.setattr("eventqueue.mongo.outputs.Outputs.put", away)
        gate.let_out()
        worker.steps(until=lambda: worker.engine._flights)
        for _ in range(3):
            worker.beat()
            worker.engine.step()
        assert stage.types(job) == ["enqueued", "claimed"]  # no settled claim without its output

    worker.steps(until=lambda: stage.job(job).state is not State.PROCESSING)
    assert isinstance(stage.last(job), Completed)


def test_who_may_not_keep_what_jobs_write_settles_them_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AccessDenied("not authorized")

    monkeypatch.setattr("eventqueue.mongo.outputs.Outputs.put", refused)
    jobs, worker = [stage.enqueue("echo said") for _ in range(2)], stage.worker()
    worker.wake()

    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))


@pytest.mark.parametrize("value", ["x" * 300_000, {1: 2}, OverflowError("timeout is too large")], ids=type)
def test_what_came_of_a_job_and_cannot_be_stored_holds_up_nobody_elses_outcome(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    settle = outcome.settle
    jobs, worker = [stage.enqueue() for _ in range(3)], stage.worker(concurrency=3)

    def with_one_that_is_none(job: Job, *args: Any, **more: Any) -> Settle:
        if job.id != jobs[0]:
            return settle(job, *args, **more)
        if isinstance(value, Exception):
            raise value
        return Complete(claim=job.version, value=value)

    monkeypatch.setattr("eventqueue.worker.outcome.settle", with_one_that_is_none)
    worker.wake()

    worker.steps(until=lambda: all(stage.job(job).state in (State.COMPLETED, State.DEAD) for job in jobs))
    assert [stage.job(job).state for job in jobs] == [State.DEAD, State.COMPLETED, State.COMPLETED]
    error = stage.job(jobs[0]).last_error
    assert error is not None
    assert error.message.startswith("what came of it cannot be kept: ")


# Retried while it is being killed


def test_a_job_that_was_cancelled_and_retried_runs_again_once_its_old_run_is_dead(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker(concurrency=2)
    job = running(stage, gate, worker)
    shell = gate.pid()
    assert stage.append(stage.job(job), Cancel("wrong"))
    stage.queue.retry(job, "right after all")
    stage.project()

    worker.wake()
    worker.rests()
    assert stage.types(job)[-1] == "retried"  # not before the old run is over

    worker.beat()
    worker.steps(until=lambda: stage.types(job)[-1] == "claimed")
    assert is_gone(shell)
    gate.pid()
    gate.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_a_job_for_which_no_launcher_can_be_started_is_handed_back_and_runs_once_there_is_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.engine.NO_RUNNER_S", 0.0)
    job = stage.enqueue(max_retries=0)
    worker = stage.worker()
    runner = worker.engine._runner
    assert isinstance(runner, ShellRunner)
    launcher = runner.launcher
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: launcher._connection._is_over)

    with monkeypatch.context() as patched:
        patched.setattr(orders, "_spawn_launcher", lambda *_: exhausted())
        worker.steps(until=lambda: stage.types(job) == ["enqueued", "claimed", "released"])
    stage.project()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)

    assert stage.job(job).attempts == 1


def exhausted() -> None:
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_jobs_whose_launcher_cannot_run_here_are_handed_back_and_the_worker_leaves_for_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where eventqueue was replaced under a worker: the launcher's module is not where this process looks for it.
    monkeypatch.setattr("eventqueue.worker.engine.NO_RUNNER_S", 0.01)
    job = stage.enqueue(max_retries=0)
    worker = stage.worker()
    runner = worker.engine._runner
    assert isinstance(runner, ShellRunner)
    launcher = runner.launcher
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: launcher._connection._is_over)
    monkeypatch.setattr(orders, "_BOOT", "raise SystemExit('No module named eventqueue.worker.launcher')")

    while worker.engine.step():
        stage.project()

    ran = ["enqueued"] + NO_RUNNER_COUNT * ["claimed", "released"]
    assert stage.types(job) == ran
    assert not worker.engine.was_stopped
    assert worker.engine.run() is False
    monkeypatch.undo()
    heir = stage.worker("heir")
    stage.project()
    heir.steps(until=lambda: stage.job(job).state is State.COMPLETED)
