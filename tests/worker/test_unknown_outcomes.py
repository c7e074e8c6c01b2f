"""Answers of the database are lost: what was sent is sent again as it was, and nothing is lost or doubled."""

import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.events import Failed, FailReason, LateResult, Released
from eventqueue.model.job import Fail, Job, State
from eventqueue.worker.life.heartbeat import Buried
from tests.builders import BOOM
from tests.worker.stage import DeafLog, Stage


def test_a_claim_whose_answer_is_lost_is_sent_again_as_it_was_and_its_job_runs_once(stage: Stage) -> None:
    job = stage.enqueue(f"echo ran >> {stage.folder}/ran")
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    log.lost = 2

    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)
    worker.rests()

    claims, settles = log.sent[:3], log.sent[3:]
    assert claims[0] == claims[1] == claims[2]
    assert len(settles) == 1
    assert (stage.folder / "ran").read_text() == "ran\n"
    assert stage.types(job) == ["enqueued", "claimed", "completed"]


def test_a_settle_whose_answer_is_lost_is_sent_again_as_it_was(stage: Stage) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)

    log.sent.clear()
    log.lost = 2
    gate.let_out(3)
    worker.steps(until=lambda: len(log.sent) == 3 and not worker.engine._flights)

    assert log.sent[0] == log.sent[1] == log.sent[2]
    assert stage.types(job) == ["enqueued", "claimed", "failed"]
    assert stage.late(job) == []


def test_a_retry_and_its_claim_are_sent_again_as_they_were_when_only_the_first_has_landed(stage: Stage) -> None:
    job = stage.enqueue("false", max_retries=1)
    first = stage.worker("first")
    first.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()
    log = DeafLog(stage.log)
    worker = stage.worker("second", log=log)
    log.lost = 1

    worker.steps(until=lambda: stage.job(job).state is State.DEAD)

    assert stage.types(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "failed", "dead-lettered"]


def test_while_an_outcome_is_unknown_nothing_else_is_claimed(stage: Stage) -> None:
    first, second = stage.gate(), stage.gate()
    job, other = stage.enqueue(first.command), stage.enqueue(second.command)
    log = DeafLog(stage.log)
    worker = stage.worker(concurrency=1, log=log)
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)

    log.lost = 3
    first.let_out()
    worker.steps(until=lambda: log.lost == 0)

    assert stage.types(job) == ["enqueued", "claimed", "completed"]
    worker.steps(until=lambda: stage.job(other).state is State.PROCESSING)
    assert stage.types(other) == ["enqueued", "claimed"]


def test_a_claim_that_turns_out_to_be_ours_after_a_stop_is_released_and_not_run(stage: Stage) -> None:
    job = stage.enqueue(f"touch {stage.folder}/ran")
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    log.lost = 1
    worker.steps(until=lambda: log.sent)

    assert worker.stop(grace=30.0)

    assert isinstance(stage.last(job), Released)
    assert stage.job(job).attempts == 0
    assert not (stage.folder / "ran").exists()


def test_a_claim_that_turns_out_to_be_ours_after_the_lease_is_released_and_not_run(stage: Stage) -> None:
    job = stage.enqueue(f"touch {stage.folder}/ran", max_retries=0)
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    log.lost = 1
    worker.steps(until=lambda: log.sent)

    worker.tenure.renewed(float("-inf"))
    worker.steps(until=lambda: stage.job(job).state is not State.PROCESSING)

    assert isinstance(stage.last(job), Released)
    assert stage.job(job).attempts == 0
    assert not (stage.folder / "ran").exists()


def test_a_claim_that_turns_out_to_be_ours_after_a_burial_is_not_run(stage: Stage) -> None:
    job = stage.enqueue(f"touch {stage.folder}/ran")
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    log.lost = 1
    worker.steps(until=lambda: log.sent)

    worker.engine.tell(Buried())
    assert not worker.leaves()

    assert isinstance(stage.last(job), Released)
    assert not (stage.folder / "ran").exists()


def test_an_outcome_is_settled_even_where_the_views_cannot_be_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    worker = stage.worker(concurrency=2)
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)

    def gone(*_: object) -> list[Job]:
        raise Unavailable("The views are not built yet.")

    monkeypatch.setattr(worker.engine._claiming._fetch, "take", gone)
    worker.wake()  # so that it tries for its free slot, again and again
    gate.let_out()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def late_results(stage: Stage, job: str) -> list[LateResult]:
    late = stage.late(job)
    assert all(isinstance(one, LateResult) for one in late)
    return [one for one in late if isinstance(one, LateResult)]


def test_a_settle_that_loses_is_recorded_as_a_late_result_once(stage: Stage) -> None:
    gate = stage.gate()
    job = stage.enqueue(f"echo printed; {gate.command}")
    log = DeafLog(stage.log)
    worker = stage.worker(log=log)
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    assert stage.append(stage.job(job), Fail(claim=2, reason=FailReason.WORKER_LOST, error=BOOM))

    gate.let_out()
    worker.steps(until=lambda: worker.engine._aftermath.is_pending)
    log.lost = 1  # the answer to this is lost as well
    worker.steps(until=lambda: not worker.engine._aftermath.is_pending)

    (late,) = late_results(stage, job)
    assert (late.claim, late.worker, late.outcome) == (2, worker.me.id, "completed")
    assert late.data["output"]["stdout"]["text"] == "printed\n"
    assert isinstance(stage.last(job), Failed)


def test_the_late_results_of_all_claims_of_a_job_are_kept(stage: Stage) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    worker = stage.worker()
    for claim in (2, 5):
        worker.wake()
        worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
        gate.pid()
        assert stage.append(stage.job(job), Fail(claim=claim, reason=FailReason.WORKER_LOST, error=BOOM))
        gate.let_out()
        worker.steps(until=lambda: worker.engine._aftermath.is_pending)
        worker.steps(until=lambda: not worker.engine._aftermath.is_pending)
        stage.project()

    assert [late.claim for late in late_results(stage, job)] == [2, 5]
    assert stage.queue.verify(job).findings == ()
