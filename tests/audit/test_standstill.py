"""Which queues do not move: what is due and is not claimed, and nothing that is on its way."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from eventqueue.audit.clauses import Reason
from eventqueue.audit.standstill import PATIENCE, standstills
from eventqueue.model.job import Job
from eventqueue.model.pause import Pause
from eventqueue.ports.views import Standing, Standstill, Worker
from tests.builders import NOW, claimed, enqueued, job

SECOND = timedelta(seconds=1)
AGES_AGO = NOW - timedelta(hours=1)


def worker(*queues: str, slots: int = 2, started: datetime = AGES_AGO, stop_by: datetime | None = None) -> Worker:
    return Worker(
        id="w:1",
        name="w",
        host="h",
        pid=1,
        queues=queues,
        concurrency=slots,
        started_at=started,
        renewed_at=NOW,
        stop_by=stop_by,
    )


def runs(seconds: float, queue: str = "a") -> Job:
    return replace(job(enqueued(queue=queue), claimed()), claimed_at=NOW - seconds * SECOND)


def still(
    due: Mapping[str, datetime],
    workers: Sequence[tuple[Worker, Sequence[Job]]],
    *,
    moving: Collection[str] = (),
    paused: Collection[str] = (),
) -> Sequence[Standstill]:
    pauses = {queue: Pause(NOW, "ann") for queue in paused}
    return standstills(due, pauses, workers, lambda asked: [one for one in asked if one in moving], NOW)


def kinds(found: Sequence[Standstill]) -> dict[str, Standing]:
    return {one.queue: one.kind for one in found}


def test_a_queue_that_nobody_serves_does_not_move_from_the_first_moment() -> None:
    found = still({"a": NOW, "b": NOW}, [(worker("b"), ())])

    assert kinds(found) == {"a": Standing.UNSERVED}
    assert found[0].text == "no worker serves it; its first job is due since 2026-01-01T00:00:00Z"


def test_who_is_asked_to_stop_serves_nothing_any_more() -> None:
    assert kinds(still({"a": NOW}, [(worker(stop_by=NOW), ())])) == {"a": Standing.UNSERVED}


def test_a_paused_queue_is_no_standstill() -> None:
    assert still({"a": AGES_AGO}, [], paused=["a"]) == []


def test_slots_that_have_hung_for_40_seconds_beside_a_backlog_are_told_of() -> None:
    hung = [runs(40 + one) for one in range(20)]

    found = still({"a": NOW - 35 * SECOND}, [(worker(slots=20), hung)], moving=["a"])  # when, within a minute, is open

    assert kinds(found) == {"a": Standing.BUSY}
    assert found[0].text.startswith("all 20 slots that serve it are busy, and none has come free for 40 s; its first")


def test_a_slot_that_was_filled_lately_is_none_of_a_standstill() -> None:
    assert still({"a": AGES_AGO}, [(worker(slots=2), [runs(40), runs(29)])]) == []


def test_a_job_that_is_due_for_a_moment_is_none() -> None:
    hung = [(worker(slots=1), [runs(40)])]

    assert still({"a": NOW - PATIENCE + SECOND}, hung) == []
    assert kinds(still({"a": NOW - PATIENCE}, hung)) == {"a": Standing.BUSY}


def test_who_has_just_come_has_time_to_claim() -> None:
    assert still({"a": AGES_AGO}, [(worker(started=NOW - SECOND), ())]) == []


def test_room_and_a_backlog_together_are_a_standstill_unless_the_counters_tell_of_claims() -> None:
    idle = [(worker(), ())]

    assert kinds(still({"a": AGES_AGO, "b": AGES_AGO}, idle, moving=["b"])) == {"a": Standing.FREE}
    assert "2 of the 2 slots that serve it are free, and yet" in still({"a": AGES_AGO}, idle)[0].text


def test_a_queue_behind_others_that_move_is_told_of() -> None:
    found = still({"a": AGES_AGO, "b": AGES_AGO}, [(worker(slots=1), [runs(1, "b")])])

    assert kinds(found) == {"a": Standing.BUSY}
    assert found[0].text.startswith("the slot that serves it is busy with jobs of other queues; its first job is due")


def test_the_counters_are_asked_once_and_only_of_queues_in_doubt() -> None:
    asked: list[Collection[str]] = []
    due = {"unserved": AGES_AGO, "hung": AGES_AGO, "new": NOW, "idle": AGES_AGO, "other": AGES_AGO}
    workers = [(worker("hung", slots=1), [runs(40)]), (worker("new", "idle", "other"), ())]

    def moving(of: Collection[str]) -> Collection[str]:
        asked.append(of)
        return ()

    standstills(due, {}, workers, moving, NOW)

    assert asked == [["idle", "other"]]


def test_a_job_of_the_queue_and_the_queue_itself_tell_alike_why_it_does_not_move() -> None:
    assert {one.value for one in Standing} <= {one.value for one in Reason}
