"""The views held against the log: every difference is named, and where there is none, none is, whatever goes on."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest
from bson.objectid import ObjectId
from msgspec.structs import replace

from eventqueue.errors import Fenced
from eventqueue.model.codec import content_hash
from eventqueue.model.events import LateResult
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING
from eventqueue.ports.views import Difference
from projections.auditing.auditor import ViewAuditor
from projections.folds.stats import MINUTES_KEPT
from projections.keeping.ageing import merge_aged
from projections.reading import point
from projections.reading import verify as verifying
from projections.reading.snapshot import show
from projections.reading.verify import sample, verify, verify_jobs
from projections.registry import PROJECTIONS
from tests.builders import COMPLETED, USED_UP_FAILURE, append, claimed, enqueued
from tests.projections.crowd import Crowd
from tests.projections.stage import (
    build,
    finish,
    is_ready,
    live_of,
    projecting,
    put,
    standing_for,
    take_lease_away,
    taking_place,
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "CHUNK", 20)


def differences(ground: Ground) -> list[Difference]:
    return list(verify(ground, PROJECTIONS))


def told(found: Sequence[Difference]) -> str:
    return "\n".join(f"{one.projection} {one.where}: {one.problem}" for one in found)


def test_views_that_equal_the_fold_of_the_log_show_no_difference(built: Ground, crowd: Crowd) -> None:
    for _ in range(3):
        crowd.act(5)
        finish(built)

    assert differences(built) == []


def test_a_number_that_equals_nothing_is_no_difference(built: Ground) -> None:
    (sealed,) = append("job-odd", enqueued()).events
    stored = bson.decode(sealed.raw)
    stored["data"]["meta"] = {"x": [math.nan]}
    built.database["events"].insert_one({**stored, "hash": content_hash(bson.encode(stored))})
    finish(built)

    assert differences(built) == []
    assert ViewAuditor(built, PROJECTIONS).job("odd").findings == ()


def test_what_is_no_json_in_a_view_is_a_difference(built: Ground) -> None:
    put(built, "job-odd", enqueued())
    finish(built)
    live_of(built).jobs.update_one({"_id": "odd"}, {"$set": {"meta": {"x": ObjectId()}}})

    assert "odd: the view has meta" in told(differences(built))


def test_of_an_empty_log_there_is_nothing_to_say(built: Ground) -> None:
    assert differences(built) == []


def test_what_the_views_have_not_yet_seen_is_no_difference(built: Ground, crowd: Crowd) -> None:
    crowd.act(5)
    finish(built)
    crowd.act(5)

    assert differences(built) == []


def test_while_traffic_flows_and_the_views_move_there_is_no_false_alarm(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "CHUNK", 200)
    crowd.act(10)
    with projecting(built), crowd.acting():
        found = [one for _ in range(3) for one in differences(built)]

    assert told(found) == ""


def put_forward(ground: Ground, monkeypatch: pytest.MonkeyPatch, to: datetime) -> None:
    monkeypatch.setattr(ground.clock, "now", lambda: to)


@pytest.mark.parametrize("ahead_ms", [0, 1, 500])
def test_what_a_projector_did_by_a_clock_that_is_a_little_ahead_is_no_difference(
    built: Ground, monkeypatch: pytest.MonkeyPatch, ahead_ms: int
) -> None:
    turn = built.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    long_ago = turn - MINUTES_KEPT - timedelta(minutes=30)  # of an hour that is merged as this one begins
    built.log.append([append("job-old", enqueued(), now=long_ago)])
    put(built, "job-later", replace(enqueued(), run_at=turn))
    put_forward(built, monkeypatch, turn)
    finish(built)
    assert is_ready(built, "later")
    assert merge_aged(taking_place(built), turn)

    put_forward(built, monkeypatch, turn - timedelta(milliseconds=ahead_ms))

    assert differences(built) == []


def test_what_workers_are_shown_before_its_time_is_a_difference(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    at = built.clock.now()
    put(built, "job-later", replace(enqueued(), run_at=at + timedelta(minutes=1)))
    put_forward(built, monkeypatch, at + timedelta(minutes=1))
    finish(built)
    put_forward(built, monkeypatch, at)

    assert "jobs later: is shown to workers otherwise than it waits" in told(differences(built))


SPOILT: dict[str, tuple[str, dict[str, Any], str]] = {
    "a field of a job": ("jobs", {"$set": {"attempts": 7}}, "jobs one: the view has attempts 7, its events 0"),
    "an entry for workers": ("due", {"$set": {"priority": 7}}, "jobs one: is shown to workers otherwise"),
    "an entry that is ready too early": (
        "due",
        {"$set": {"queue": "other"}},
        "jobs one: is shown to workers otherwise",
    ),
}


@pytest.mark.parametrize(("collection", "change", "message"), SPOILT.values(), ids=SPOILT)
def test_a_document_that_was_altered_is_named(
    built: Ground, collection: str, change: dict[str, Any], message: str
) -> None:
    put(built, "job-one", enqueued())
    put(built, "job-two", enqueued())
    finish(built)

    one = {"jobs": standing_for("one")} if collection == "due" else {"_id": "one"}
    live_of(built).collection(collection).update_one(one, change)

    assert told(differences(built)).startswith(message)
    assert len(differences(built)) == 1


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("jobs", {"version": "1"}),
        ("jobs", {"parked": "x"}),
        ("jobs", {"created_at": "soon"}),
        ("due", {"ready": "zzz"}),
        ("due", {"ready": 1}),
        ("due", {"due_at": "x"}),
        ("due", {"jobs": [1]}),
    ],
    ids=str,
)
def test_whatever_a_hand_has_made_of_a_document_is_named_and_hides_nothing(
    built: Ground, collection: str, change: dict[str, Any]
) -> None:
    put(built, "job-one", enqueued())
    put(built, "job-two", enqueued(queue="other"))
    finish(built)
    live_of(built).jobs.update_one({"_id": "two"}, {"$set": {"priority": 9}})
    one = {"jobs": standing_for("one")} if collection == "due" else {"_id": "one"}

    live_of(built).collection(collection).update_one(one, {"$set": change})

    assert {difference.where for difference in differences(built)} >= {"one", "two"}


def test_a_counter_that_was_altered_is_named(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    counter = {"_id.key": ["state", "default"]}
    live_of(built).tally("stats").update_one(counter, {"$inc": {"n.pending": 2, "n.strange": 1}})

    assert differences(built) == [
        Difference("stats", "state/default pending", "the view counts 2 more than the log", is_lost=True),
        Difference("stats", "state/default strange", "the view counts 1 more than the log", is_lost=True),
    ]


def test_a_job_that_is_missing_from_the_view_is_named(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    live_of(built).jobs.delete_one({"_id": "one"})
    live_of(built).due.delete_one({"jobs": standing_for("one")})

    assert "jobs one: the view does not have it" in told(differences(built))


@pytest.mark.parametrize("job_id", ["a-ghost", "zz-ghost"])
def test_a_job_that_is_in_the_view_alone_is_named(built: Ground, job_id: str) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    document = live_of(built).jobs.find_one({"_id": "one"})
    assert document is not None
    live_of(built).jobs.insert_one({**document, "_id": job_id})

    assert f"jobs {job_id}: the view has it, the log does not" in told(differences(built))


def test_entries_that_lead_to_nothing_are_named(built: Ground) -> None:
    live = live_of(built)
    live.failures.insert_one({"_id": "ghost", "state": "dead", "at": built.clock.now()})
    live.claims.insert_one({"_id": "worker-1", "jobs": ["spectre"]})

    found = told(differences(built))

    assert "jobs ghost: is among the failures" in found
    assert "jobs spectre: is shown as held by worker-1, not by nobody" in found


def test_an_unburied_failure_and_a_held_claim_are_as_they_should_be(built: Ground) -> None:
    put(built, "job-failed", enqueued(max_retries=0), claimed(), USED_UP_FAILURE)
    put(built, "job-held", enqueued(), claimed("worker-7"))
    finish(built)

    assert differences(built) == []


def test_a_late_result_that_was_not_counted_is_named(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed(), COMPLETED)
    put(built, "late-one", LateResult(claim=2, worker="w", outcome="completed", data={}))
    finish(built)
    assert differences(built) == []

    live_of(built).jobs.update_one({"_id": "one"}, {"$set": {"late_version": 0}})

    assert told(differences(built)) == "jobs one: 0 of 1 late results seen"


def test_a_parked_job_is_named_and_its_counters_are_taken_as_they_stand(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed())
    put(built, "job-two", enqueued(), claimed())
    history = built.log.read("job-one")
    (sealed,) = append("job-one", COMPLETED, head=history[-1].head).events
    built.database["events"].insert_one({**bson.decode(sealed.raw), "data": {"exit_code": "none"}})
    finish(built)

    assert told(differences(built)).startswith("jobs one: stands still: ")
    assert len(differences(built)) == 1


def test_views_that_are_switched_meanwhile_are_not_held_against_the_wrong_log(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.act(10)
    finish(built)
    chunks = 0

    def switch_and_show(generation: Any, which: Any) -> Any:
        nonlocal chunks
        chunks += 1
        if chunks == 2:
            build(built)
            take_lease_away(built, BUILDING)
        return show(generation, which)

    monkeypatch.setattr(point, "show", switch_and_show)
    with pytest.raises(Fenced):
        differences(built)


def test_a_sample_looks_at_so_many_jobs_and_at_no_counter(built: Ground) -> None:
    for number in range(30):
        put(built, f"job-{number}", enqueued())
    finish(built)
    live_of(built).tally("stats").delete_many({})
    seen: list[int] = []

    ids = sample(built, 5)
    found = list(verify_jobs(built, PROJECTIONS, ids, seen.append))

    assert len(set(ids)) == 5
    assert found == []
    assert seen == [1, 2, 3, 4, 5]
    live_of(built).jobs.update_one({"_id": ids[0]}, {"$set": {"attempts": 7}})
    assert len(list(verify_jobs(built, PROJECTIONS, ids, seen.append))) == 1
