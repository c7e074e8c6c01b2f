"""A job with an event of a newer eventqueue: people are told so in a sentence, and all else is as ever."""

from typing import Any

import bson
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.builders import append, claimed, enqueued
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed


@pytest.fixture
def newer(queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]) -> Queuectl:
    """A job that is completed, one whose second event is newer, and an event of a category that is."""
    for job_id in ("good", "odd"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    completed(queue, "good")
    queuectl.ok("list")
    (one,) = append("job-odd", claimed(), head=queue.history("odd")[-1].head).events
    database["events"].insert_one({**bson.decode(one.raw), "type": "promised"})
    (one,) = append("task-sweep", enqueued()).events
    database["events"].insert_one({**bson.decode(one.raw), "type": "planned"})
    return queuectl


@pytest.mark.parametrize("args", [("show",), ("history",), ("replay",), ("cancel",), ("wait", "--timeout", "1s")])
def test_who_asks_for_the_job_is_told_what_it_waits_for(newer: Queuectl, args: tuple[str, ...]) -> None:
    ran = newer.here(*args, "odd")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "A newer eventqueue wrote this: job-odd version 2 is of type 'promised'" in ran.err
    assert newer.ok("show", "good", "--json").json["state"] == "completed"


def test_the_same_job_asked_for_again_is_known_by_its_first_event(newer: Queuectl) -> None:
    found = newer.ok("enqueue", "--id", "odd", "--json", "--", "true").json
    assert (found["created"], found["state"]) == (False, None)  # a newer eventqueue knows

    assert newer.ok("enqueue", "--id", "odd", "--", "true").err.startswith("! Job odd is there already, with an event")


def test_lists_and_counts_go_on(newer: Queuectl) -> None:
    assert {one["id"]: one["state"] for one in newer.ok("list", "--json").json} == {
        "good": "completed",
        "odd": "pending",
    }
    assert newer.ok("status", "--json").json["lag"] == 0
    assert newer.ok("queue", "list", "--json").json
    assert newer.ok("stats", "--json").json["total"]["completed"] == 1


def test_the_operator_is_shown_what_stands_still_and_what_is_passed_over(newer: Queuectl) -> None:
    newer.ok("list")

    listed, doctor = newer.here("projections", "list"), newer.here("doctor")

    assert listed.code == doctor.code == 1
    assert "job odd is parked: a newer eventqueue wrote this: job-odd version 2" in listed.out
    for shown in (listed.out, doctor.out):
        assert "1 event in no stream known here, such as task-sweep version 1" in shown
    assert "1 job parked (odd)" in doctor.out
    ran = newer.here("projections", "retry", "jobs", "odd")
    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "a newer eventqueue wrote this" in ran.err


def test_an_audit_names_the_event_and_looks_at_all_the_others(newer: Queuectl) -> None:
    ran = newer.here("audit", "verify", "--all", "--json")

    assert ran.json["verified"] == 2
    assert [(one["stream"], one["version"]) for one in ran.json["findings"]] == [("job-odd", 2), ("task-sweep", 1)]


def test_an_audit_names_what_stands_in_no_stream(newer: Queuectl, database: Database[dict[str, Any]]) -> None:
    (one,) = append("job-good", enqueued()).events
    stored = {**bson.decode(one.raw), "_id": {"version": 9, "stream": "job-good"}}
    database["events"].insert_one(stored, bypass_document_validation=True)

    ran = newer.here("audit", "verify", "--all", "--json")

    assert ran.json["verified"] == 2
    assert "{'version': 9, 'stream': 'job-good'}" in [one["stream"] for one in ran.json["findings"]]
