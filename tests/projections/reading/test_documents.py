"""The documents of the jobs view: whatever the log lets in comes back as the fold has it."""

from hashlib import sha256
from json import dumps
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import check_data
from eventqueue.model.events import Completed, Event
from eventqueue.model.job import fold
from eventqueue.mongo.ground import Ground
from projections.folds.due import due_entries
from projections.folds.entries import failure_entry
from projections.folds.jobs import VERSION, to_changes, to_document, to_job
from projections.keeping.generation import INDEXES
from tests.builders import JOURNEYS, NOW, claimed, enqueued, history, json_objects, json_values
from tests.projections.exact import folded, shown
from tests.projections.stage import apply_all, put, taking_place


def is_let_in(value: Any) -> bool:
    try:
        check_data(value, "value")
    except InvalidInput:
        return False
    return True


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(json_objects, json_values).filter(is_let_in), min_size=5, max_size=20))
@example([({"$ref": "jobs", "$id": 1}, {"$set": {"$inc": 2}}), ({"a.b": {"": 2**63 - 1}}, {"$gt": ""})])
def test_every_json_value_is_in_the_view_as_it_is_in_the_log(built: Ground, values: list[tuple[Any, Any]]) -> None:
    first = shown(built).applied
    for number, (meta, result) in enumerate(values):
        event = replace(enqueued(), meta=meta)
        put(built, f"job-{first}-{number}", event, claimed(), Completed(result=result))

    apply_all(built, applier := taking_place(built))
    apply_all(built, applier)

    view = shown(built).jobs
    assert view == folded(built).jobs
    for number, (meta, result) in enumerate(values):
        job = view[f"{first}-{number}"]
        assert job.result is not None
        assert dumps([job.meta, job.result.value], sort_keys=True) == dumps([meta, result], sort_keys=True)


def test_a_document_and_its_job_are_made_of_each_other() -> None:
    for events in JOURNEYS.values():
        job = fold(history(*events))
        if job is not None:
            document = to_document(job)
            assert to_job(document) == job
            assert document["_id"] == job.id


def test_what_the_views_are_made_of_is_of_their_version() -> None:
    """Views of another form are built anew only where their version is another one: count it up with the digest."""
    jobs = [job for events in JOURNEYS.values() if (job := fold(history(*events))) is not None]
    waiting = [(job, 0) for job in jobs if job.due_at is not None]
    form = {
        "jobs": sorted({field for job in jobs for field in to_document(job)}),
        "due": sorted({field for entry in due_entries(waiting, NOW) for field in entry}),
        "failures": sorted({(job.state, *sorted(entry)) for job in jobs if (entry := failure_entry(job)) is not None}),
        "indexes": {name: [index.document for index in indexes] for name, indexes in INDEXES.items()},
    }

    digest = sha256(dumps(form, sort_keys=True).encode()).hexdigest()

    assert (VERSION, digest[:8]) == (5, "73a00427"), form


def test_the_changes_between_two_states_make_the_one_of_the_other() -> None:
    steps: list[tuple[Event, ...]] = [events for events in JOURNEYS.values() if events]
    for events in steps:
        recorded = history(*events)
        states = [fold(recorded[: count + 1]) for count in range(len(recorded))]
        for before in states:
            for after in states:
                assert before is not None
                assert after is not None
                changed = {**to_document(before), **to_changes(before, after)}
                assert to_job(changed) == after


def test_what_does_not_differ_is_not_written() -> None:
    pending, processing = (fold(history(enqueued(), claimed())[:count]) for count in (1, 2))
    assert pending is not None
    assert processing is not None

    assert to_changes(pending, pending) == {}
    assert set(to_changes(pending, processing)) == {
        *("state", "attempts", "claim", "worker", "claimed_at", "due_at", "version", "hash")
    }
    assert processing.updated_at == pending.updated_at == NOW
