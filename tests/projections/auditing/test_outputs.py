"""What is kept of what attempts wrote, held against the log while attempts come and go."""

from datetime import timedelta
from hashlib import sha256

import pytest

from eventqueue.audit.verdict import Verdict
from eventqueue.model.codec import to_data
from eventqueue.model.events import Captured, Completed, Event, Failed, FailReason, LateResult, Output
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.outputs import Kept, Outputs
from projections.auditing.auditor import ViewAuditor
from projections.auditing.outputs import KeptOutputs, retention
from projections.registry import PROJECTIONS
from tests.builders import BOOM, CANCELLED, RELEASED, SOON, append, claimed, enqueued
from tests.builders import history as history_of
from tests.projections.stage import finish, put

OUT = b"42 rows\n"
ENDED = Completed(exit_code=0, output=Output(stdout=Captured(text="42", length=8, sha256=sha256(OUT).digest())))
LOST = Failed(reason=FailReason.WORKER_LOST, error=BOOM, retry_at=SOON)


def keep(ground: Ground, stdout: bytes = OUT) -> None:
    Outputs(ground.database).put([Kept(job_id="one", claim=2, attempt=1, stdout=stdout, stderr=b"")])


def audited(ground: Ground, *events: Event) -> Verdict:
    """The verdict over a job with this history, of which an output is kept."""
    put(ground, "job-one", *events)
    finish(ground)
    return ViewAuditor(ground, PROJECTIONS).all()


def test_an_output_is_kept_before_its_event_is_in_the_log(built: Ground) -> None:
    keep(built)

    assert audited(built, enqueued(), claimed()).findings == ()


def test_an_attempt_that_ended_without_a_word_may_have_written_anything(built: Ground) -> None:
    for number, end in enumerate((LOST, RELEASED, CANCELLED)):
        put(built, f"job-{number}", enqueued(), claimed(), end)
        Outputs(built.database).put([Kept(job_id=str(number), claim=2, attempt=1, stdout=OUT, stderr=b"")])
    finish(built)

    assert ViewAuditor(built, PROJECTIONS).all().findings == ()


def test_what_a_lost_attempt_wrote_is_held_against_its_late_result(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed(), LOST)
    put(built, "late-one", LateResult(claim=2, worker="worker-1", outcome="completed", data=to_data(ENDED)))
    finish(built)

    keep(built)
    assert ViewAuditor(built, PROJECTIONS).all().findings == ()
    keep(built, b"43 rows\n")
    (found,) = ViewAuditor(built, PROJECTIONS).all().findings
    assert (found.stream, found.version) == ("job-one", 2)


def test_an_attempt_that_began_after_its_jobs_history_was_read_is_looked_up_again(built: Ground) -> None:
    put(built, "job-one", enqueued())
    before = {"job-one": built.log.read("job-one")}
    built.log.append([append("job-one", claimed(), head=before["job-one"][-1].head)])
    keep(built)
    outputs = KeptOutputs(built)

    assert list(outputs.hold(outputs.kept_of(["one"]), before)) == []


def test_an_output_that_is_kept_again_while_it_is_looked_at_is_held_as_it_stays(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed(), ENDED)
    history = {"job-one": built.log.read("job-one")}
    outputs = KeptOutputs(built)
    keep(built, b"42 r")
    found = outputs.kept_of(["one"])
    assert [one.stream for one in outputs.hold(found, history)] == ["job-one"]

    keep(built)
    assert list(outputs.hold(found, history)) == []

    keep(built, b"43 rows\n")
    built.database["outputs"].delete_many({})
    assert list(outputs.hold(found, history)) == []


def test_what_became_old_while_the_log_was_read_is_not_told_as_missing(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, now = KeptOutputs(built), built.clock.now()
    ended_at = now - timedelta(seconds=retention(built)) + timedelta(hours=1)
    history = {"job-one": history_of(enqueued(), claimed(), ENDED, now=ended_at)}
    list(outputs.hold(outputs.kept_of(["one"]), history))
    assert outputs.missing == 1

    monkeypatch.setattr(built.clock, "now", lambda: now + timedelta(hours=1))
    list(outputs.hold(outputs.kept_of(["one"]), history))

    assert outputs.missing == 1


def test_what_is_not_kept_is_told_and_no_finding(built: Ground) -> None:
    (done,) = built.log.append([append("job-one", enqueued(), claimed(), ENDED, now=built.clock.now())])
    (old,) = built.log.append(
        [append("job-old", enqueued(), claimed(), ENDED, now=built.clock.now() - timedelta(days=60))]
    )
    assert done.is_whole
    assert old.is_whole
    finish(built)

    verdict = ViewAuditor(built, PROJECTIONS).all()

    assert verdict.findings == ()
    assert verdict.not_held == ("1 output that is young is not there: dropped, or never kept.",)
