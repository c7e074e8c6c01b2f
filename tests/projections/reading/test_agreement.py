"""Who verifies a job and who verifies the views say the same of the same state: they have one body of rules."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS

from eventqueue.audit.rules import Finding
from eventqueue.model.events import Paused, Resumed
from eventqueue.model.pause import Pause
from eventqueue.mongo.ground import Ground
from eventqueue.ports.views import HELD_FOR_NOTHING
from eventqueue.steering.pauses import Pauses
from projections.auditing.auditor import ViewAuditor
from projections.keeping.generation import Generation
from projections.reading import point
from projections.reading.held_back import HeldBack
from projections.reading.point import Point
from projections.reading.snapshot import show
from projections.reading.verify import verify_jobs
from projections.registry import PROJECTIONS
from tests.builders import USED_UP_FAILURE, append, claimed, enqueued
from tests.projections.stage import build, finish, live_of, put

Harm = Callable[[Generation], Any]


def set_in_job(**fields: Any) -> Harm:
    return lambda live: live.jobs.update_one({"_id": "one"}, {"$set": fields})


HARMS: dict[str, Harm] = {
    "nothing": lambda _: None,
    "a field": set_in_job(priority=7),
    "a field of another type": set_in_job(attempts="many"),
    "what is run": set_in_job(run={"kind": "shell", "command": "rm -rf /", "env": {"TOKEN": "secret"}}),
    "no document": lambda live: live.jobs.delete_one({"_id": "one"}),
    "an older version": set_in_job(version=0),
    "a version that the log does not have": set_in_job(version=9, state="completed"),
    "stands still, beyond the log": set_in_job(version=9, parked={"projection": "jobs", "problem": "by hand"}),
    "an entry of another type": set_in_job(entry=["a"], priority=7),
    "an entry that looks like a question": set_in_job(entry={"$gt": ""}, priority=7),
    "a date that is none": set_in_job(created_at=DatetimeMS(2**60)),
    "a holder whose name is no text": lambda live: live.claims.insert_one({"_id": {"a": 1}, "jobs": ["one"]}),
    "two who hold it": lambda live: live.claims.insert_many(
        [{"_id": "worker-8", "jobs": ["one"]}, {"_id": "worker-9", "jobs": ["one"]}]
    ),
    "ten megabytes": lambda live: live.failures.insert_one({"_id": "one", "state": "A" * 10_000_000}),
    "held back while its queue is open": lambda live: live.due.update_many({}, {"$set": {"ready": "held"}}),
    "held back, and another field": lambda live: (
        live.due.update_many({}, {"$set": {"ready": "held"}}),
        live.jobs.update_one({"_id": "one"}, {"$set": {"attempts": 7}}),
    ),
    "a version that is none": set_in_job(version="three"),
    "stands still": set_in_job(parked={"projection": "jobs", "problem": "it was parked by hand"}),
    "no entry": lambda live: live.due.delete_many({}),
    "a strange entry": lambda live: live.due.update_many({}, {"$set": {"ready": "maybe"}}),
    "an entry of another priority": lambda live: live.due.update_many({}, {"$set": {"priority": 3}}),
    "a failure": lambda live: live.failures.insert_one({"_id": "one", "state": "dead"}),
    "a holder": lambda live: live.claims.insert_one({"_id": "worker-9", "jobs": ["one"]}),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_both_name_the_same_problems(built: Ground, harm: Harm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.reading.held_back.LET_GO_S", 0.1)
    put(built, "job-one", enqueued())
    finish(built)
    harm(live_of(built))

    by_job = [(one.stream, one.problem) for one in found_in(built, "one")]
    by_view = [(f"job-{one.where}", one.problem) for one in verify_jobs(built, PROJECTIONS, ["one"], lambda _: None)]

    assert by_job == by_view
    assert bool(by_job) == (harm is not HARMS["nothing"])
    assert "secret" not in str(by_job)
    assert len(str(by_job)) < 5_000


def found_in(ground: Ground, job_id: str) -> Sequence[Finding]:
    return ViewAuditor(ground, PROJECTIONS).job(job_id).findings


def found_in_all(ground: Ground) -> dict[str, str]:
    return {one.stream: one.problem for one in ViewAuditor(ground, PROJECTIONS).all().findings}


def test_a_job_that_has_moved_on_since_its_history_was_read_is_held_against_what_the_log_has_now(built: Ground) -> None:
    put(built, "job-one", enqueued())
    before = {"job-one": built.log.read("job-one")}
    built.log.append([append("job-one", claimed(), head=before["job-one"][-1].head)])
    finish(built)

    def found() -> list[str]:
        with Point(built, PROJECTIONS) as at:
            return [one.problem for one in at.jobs_between(at.shown_between("", None), before)]

    assert found() == []
    live_of(built).jobs.update_one({"_id": "one"}, {"$set": {"priority": 7}})
    assert found() == ["the view has priority 7, its events 0"]


def test_a_view_that_shows_more_than_the_log_has_says_that_events_are_missing(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed())
    finish(built)
    built.database["events"].delete_one({"_id": {"stream": "job-one", "version": 2}})

    (lost, beyond) = found_in(built, "one")

    assert lost.is_lost
    assert "is not in the log as it was applied" in lost.problem
    assert (beyond.is_lost, beyond.expected, beyond.found) == (True, "version 1", "version 2")
    assert beyond.problem.startswith("the view is at version 2, the log ends at 1: events are missing from the log")


def test_views_that_are_switched_while_they_are_read_are_read_again(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    read: list[int] = []

    def show_and_switch(generation: Generation, which: Any) -> Any:
        read.append(generation.number)
        if len(read) == 1:
            build(built)  # and the old one is dropped
        return show(generation, which)

    monkeypatch.setattr(point, "show", show_and_switch)

    assert found_in(built, "one") == ()
    assert len(read) == 2


def test_what_a_failed_and_a_held_job_are_found_by_is_held_against_their_histories(built: Ground) -> None:
    put(built, "job-failed", enqueued(max_retries=0), claimed(), USED_UP_FAILURE)
    put(built, "job-held", enqueued(), claimed("worker-7"))
    finish(built)
    live_of(built).failures.delete_many({})
    live_of(built).claims.delete_many({})

    assert found_in_all(built) == {
        "job-failed": "is not among the failures, where it belongs",
        "job-held": "is shown as held by nobody, not by worker-7",
    }


def test_what_is_held_back_is_waited_for_once_however_many_there_are(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.auditing.inquiry.AT_ONCE", 2)
    monkeypatch.setattr("projections.reading.held_back.LET_GO_S", 0.1)
    waits: list[int] = []
    left = HeldBack.left

    def noted(back: HeldBack) -> Iterator[str]:
        waits.append(len(back.suspected))
        return left(back)

    monkeypatch.setattr(HeldBack, "left", noted)
    names = [f"job-{number}" for number in range(6)]
    for stream in names:
        put(built, stream, enqueued())
    finish(built)
    live_of(built).due.update_many({}, {"$set": {"ready": "held"}})

    assert found_in_all(built) == dict.fromkeys(names, HELD_FOR_NOTHING)
    assert waits == [6]


def test_a_pause_whose_end_the_views_do_not_show_yet_is_no_finding(built: Ground) -> None:
    put(built, "job-one", enqueued())
    put(built, "queue-default", Paused())
    finish(built)
    live_of(built).due.update_many({}, {"$set": {"ready": "held"}})
    (paused,) = built.log.read("queue-default")
    built.log.append([append("queue-default", Resumed(), head=paused.head)])  # and nobody projects

    assert found_in_all(built) == {}
    assert found_in(built, "one") == ()


def test_a_paused_queue_is_asked_about_once_and_not_for_each_job_held_back_in_it(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        put(built, f"job-{number}", enqueued())
    put(built, "queue-default", Paused())
    finish(built)
    live_of(built).due.update_many({}, {"$set": {"ready": "held"}})
    asked: list[Collection[str]] = []
    among = Pauses.among

    def noted(pauses: Pauses, queues: Collection[str]) -> Mapping[str, Pause]:
        asked.append(queues)
        return among(pauses, queues)

    monkeypatch.setattr(Pauses, "among", noted)
    monkeypatch.setattr("projections.reading.held_back.LATELY_S", 3600.0)

    assert found_in_all(built) == {}
    assert asked == [["default"]]
