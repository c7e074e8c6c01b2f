"""Changing jobs that wait, through the public API: what the log has, what the views show, and who wins."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue import Queue, Receipt
from eventqueue.errors import IllegalTransition, InvalidInput, JobNotFound
from eventqueue.model.codec import seal
from eventqueue.model.events import Amended, Failed, FailReason, RetryAmended, Terms
from eventqueue.model.job import Claim, State, decide
from eventqueue.ports.log import Append, Appended
from tests.builders import BOOM, claimed

HOUR = timedelta(hours=1)


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, db=database.name, actor="ann") as queue:
        yield queue


def happened(queue: Queue, job_id: str, *events: Any) -> None:
    job = queue.get(job_id)
    sealed = seal(job.stream, job.head, events, actor="test", now=queue.connection.ground.clock.now())
    (done,) = queue.connection.ground.log.append([Append(sealed)])
    assert done.is_whole


def fail(queue: Queue, job_id: str) -> None:
    """Have a job fail, and wait for a retry that is an hour away."""
    retry_at = queue.connection.ground.clock.now() + HOUR
    happened(queue, job_id, claimed(), Failed(reason=FailReason.ERROR, error=BOOM, retry_at=retry_at))


def counts(queue: Queue) -> dict[str, dict[str, int]]:
    found = {one.name: {str(state): n for state, n in one.counts.items() if n} for one in queue.queues()}
    return {name: states for name, states in found.items() if states}


def test_a_job_that_waits_is_found_and_counted_by_what_it_was_changed_to(queue: Queue) -> None:
    queue.enqueue_many([{"command": "true", "id": job_id, "delay": 3600} for job_id in ("one", "two", "three")])
    fail(queue, "two")
    assert counts(queue) == {"default": {"pending": 2, "failed": 1}}

    for job_id in ("one", "two"):
        receipt = queue.amend(
            job_id, "they wait", queue="mail", priority=7, tags=["urgent"], command="make", env={"A": "1"}, delay=0
        )
        assert receipt.changed

    assert counts(queue) == {"default": {"pending": 1}, "mail": {"pending": 1, "failed": 1}}
    assert {one.id for one in queue.list(tag="urgent").jobs} == {one.id for one in queue.list(queue="mail").jobs}
    assert [one.id for one in queue.list(queue="mail", state=State.FAILED).jobs] == ["two"]
    assert [one.id for one in queue.list(queue="default").jobs] == ["three"]
    assert list(queue.verify_views()) == []
    assert {one.id: one.priority for one in queue.list().jobs} == {"one": 7, "two": 7, "three": 0}
    assert queue.verify_all().findings == ()


@pytest.mark.parametrize("fields", [{"queue": "mail"}, {"priority": 7}, {"run_at": datetime(2030, 1, 31, tzinfo=UTC)}])
def test_workers_find_a_job_by_what_it_was_changed_to_alone(queue: Queue, fields: Any) -> None:
    queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ("one", "two")])
    assert len(queue.list().jobs) == 2  # the views have seen them as they were

    queue.amend("one", **fields)

    assert len(queue.list().jobs) == 2
    assert list(queue.verify_views()) == []


def test_who_changes_a_job_stands_in_its_history_with_what_it_was_and_why(queue: Queue) -> None:
    queue.enqueue(command="true", id="one", max_retries=2)

    queue.amend("one", "it is flaky", max_retries=9)

    last = queue.history("one")[-1]
    assert last.event == Amended(was=Terms(max_retries=2), now=Terms(max_retries=9), why="it is flaky")
    assert last.actor == "ann"
    assert "by ann: retries (it is flaky)" in queue.why("one").text


def test_why_a_failed_job_waits_is_told_whatever_was_changed_since(queue: Queue) -> None:
    queue.enqueue(command="true", id="one")
    fail(queue, "one")
    for priority in range(1, 6):
        queue.amend("one", priority=priority)

    told = queue.why("one").text
    assert "It waits for retry 1 of 3 after a failure" in told
    assert told.count("was changed") == 1


def test_what_is_so_already_changes_nothing(queue: Queue) -> None:
    queue.enqueue(command="true", id="one", priority=5, tags=["a"])

    receipt = queue.amend("one", priority=5, tags=["a"], delay=0)

    assert (receipt.changed, receipt.version) == (False, 1)


def test_one_that_runs_or_has_ended_is_refused_with_its_state(queue: Queue) -> None:
    queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ("runs", "over")])
    happened(queue, "runs", claimed())
    queue.cancel("over")

    with pytest.raises(IllegalTransition, match="Cannot amend job runs: it is processing"):
        queue.amend("runs", priority=1)
    with pytest.raises(IllegalTransition, match="Cannot amend job over: it is cancelled"):
        queue.amend("over", priority=1)


def test_whoever_comes_first_into_the_log_has_the_job_and_the_other_learns_of_it(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", id="one")
    append = queue._commit.append

    def late(batch: Sequence[Append]) -> Sequence[Appended]:
        monkeypatch.undo()
        happened(queue, "one", claimed())
        return append(batch)

    monkeypatch.setattr(queue._commit, "append", late)

    with pytest.raises(IllegalTransition, match="it is processing"):
        queue.amend("one", command="false")
    assert len(queue.history("one")) == 2


def test_a_claim_of_a_job_as_it_was_before_it_was_changed_is_lost(queue: Queue) -> None:
    queue.enqueue(command="true", id="one")
    job, now = queue.get("one"), queue.connection.ground.clock.now()
    queue.amend("one", command="false")

    events = decide(job, Claim("w", "host", 1), now)
    (done,) = queue.connection.ground.log.append([Append(seal(job.stream, job.head, events, actor="w", now=now))])

    assert not done.is_whole


def test_of_many_jobs_each_that_cannot_be_changed_is_told_and_stops_no_other(queue: Queue) -> None:
    queue.enqueue_many([{"command": "true", "id": "one"}, {"task": "send", "id": "two"}])
    fail(queue, "one")

    found = {one.job_id: one.outcome for one in queue.amend_many(["one", "two", "nobody"], command="make")}

    assert isinstance(found["one"], Receipt)
    assert str(found["two"]).startswith("command: cannot be given for job two: it runs a task")
    assert isinstance(found["nobody"], JobNotFound)
    assert isinstance(queue.history("one")[-1].event, RetryAmended)


def test_fields_are_checked_before_anything_is_looked_at(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match=r"^prioriti: is no field of a job \(is priority meant\?\)"):
        queue.amend_many(["nobody"], prioriti=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="Nothing to change was given"):
        queue.amend("nobody")
