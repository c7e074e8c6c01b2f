"""Events of a newer eventqueue: its job waits for one that knows them, and all else flows. Nobody leaves."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import bson
import pytest

from eventqueue.model.codec import UPCASTERS
from eventqueue.model.events import EMPTY, EVENT_TYPES, Enqueued, Event, LateResult, Released, Shell
from eventqueue.model.job import State
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Signal
from projections.folds.folding import Seat
from projections.keeping.applier import Applier
from projections.reading import health
from projections.reading.operator import ViewOperator
from projections.reading.point import CHECKPOINT
from projections.reading.reader import ViewReader
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import COMPLETED, RELEASED, append, called, claimed, enqueued
from tests.projections.exact import assert_exact, shown
from tests.projections.keeping.test_poison import SPOILT, put_spoilt
from tests.projections.stage import (
    await_that,
    checkpoint_of,
    document,
    finish,
    is_fresh,
    is_ready,
    live_of,
    projecting,
    put,
)

LATE = LateResult(claim=2, worker="worker-1", outcome="completed", data={})
NEW_TYPE = {"type": "given-back"}
NEW_SCHEMA = {"schema": 2}
NEWER: Mapping[str, Mapping[str, Any]] = {"a type": NEW_TYPE, "a schema": NEW_SCHEMA}


def put_newer(ground: Ground, stream: str, event: Event, changes: Mapping[str, Any] = NEW_TYPE) -> None:
    """Append an event as a newer eventqueue writes it."""
    history = ground.log.read_raw(stream)
    head = ground.log.read(stream)[-1].head if history else None
    one = append(stream, event, head=head or EMPTY, now=ground.clock.now())
    ground.database["events"].insert_one({**bson.decode(one.events[0].raw), **changes})


def append_more(ground: Ground, stream: str, *events: Event) -> None:
    """Have a newer worker append what an old one may read, behind what it may not."""
    last = bson.decode(ground.log.read_raw(stream)[-1])
    for version, event in enumerate(events, start=last["_id"]["version"] + 1):
        (one,) = append(stream, event, now=ground.clock.now()).events
        stored = {**bson.decode(one.raw), "_id": {"stream": stream, "version": version}}
        ground.database["events"].insert_one(stored)


def upgrade(patch: pytest.MonkeyPatch) -> None:
    """Become the newer eventqueue."""
    patch.setitem(EVENT_TYPES, "given-back", Released)
    patch.setattr(Released, "SCHEMA", 2)
    patch.setitem(UPCASTERS, ("released", 1), lambda data: data)
    patch.setitem(UPCASTERS, ("given-back", 1), lambda data: data)


def problem_of(ground: Ground, job_id: str) -> str:
    return str(document(ground, job_id)["parked"]["problem"])


@pytest.mark.parametrize("changes", NEWER.values(), ids=NEWER)
def test_a_job_with_an_event_of_a_newer_eventqueue_stands_still_and_the_others_flow(
    built: Ground, changes: Mapping[str, Any]
) -> None:
    with projecting(built) as running:
        put(built, "job-one", enqueued(), claimed())
        put_newer(built, "job-one", RELEASED, changes)
        append_more(built, "job-one", claimed(), COMPLETED)
        put(built, "job-two", enqueued())
        await_that(lambda: is_fresh(built))
        assert not running.has_ended

    kind, schema = changes.get("type", "released"), changes.get("schema", 1)
    assert problem_of(built, "one") == (
        f"a newer eventqueue wrote this: job-one version 3 is of type {kind!r}, schema {schema}, which is unknown here"
    )
    assert document(built, "one")["version"] == 2
    assert is_ready(built, "two")
    assert ViewOperator(built, PROJECTIONS, "tests").retry("jobs", "one") is not None  # and it stands still again
    assert running.error is None


def test_a_job_whose_very_first_event_is_of_a_newer_eventqueue_stands_still(built: Ground) -> None:
    put_newer(built, "job-one", enqueued(), {"schema": Enqueued.SCHEMA + 1})
    put(built, "job-two", enqueued())

    finish(built)

    assert problem_of(built, "one").startswith("a newer eventqueue wrote this")
    assert set(shown(built).jobs) == {"two"}


@pytest.mark.parametrize("changes", NEWER.values(), ids=NEWER)
def test_what_an_old_projector_left_standing_a_newer_one_lets_go_on(
    built: Ground, monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any]
) -> None:
    put(built, "job-one", enqueued(), claimed())
    put_newer(built, "job-one", RELEASED, changes)
    append_more(built, "job-one", claimed(), COMPLETED)
    put(built, "job-late", enqueued(), claimed(), RELEASED)
    put_newer(built, "late-late", LATE, {"type": "given-back", "data": {"reason": "slow", "due_at": RELEASED.due_at}})
    with projecting(built, "old"):
        await_that(lambda: is_fresh(built))
    assert problem_of(built, "one").startswith("a newer eventqueue wrote this")
    assert problem_of(built, "late").startswith("a newer eventqueue wrote this")
    put(built, "job-two", enqueued())

    upgrade(monkeypatch)
    with projecting(built, "newer"):
        await_that(lambda: is_fresh(built))

    assert shown(built).jobs["one"].state is State.COMPLETED
    assert is_ready(built, "late")
    assert health.parked(live_of(built)) == []
    assert_exact(built)


def test_who_reads_with_a_newer_eventqueue_lets_jobs_go_on_where_no_projector_runs(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued(), claimed())
    put_newer(built, "job-one", RELEASED)
    finish(built)
    put(built, "job-two", enqueued())

    upgrade(monkeypatch)

    assert ViewReader(built, PROJECTIONS, "reader").refresh().is_fresh
    assert document(built, "one")["version"] == 3
    assert health.parked(live_of(built)) == []
    assert_exact(built)


class OfCommands(Enqueued, frozen=True, kw_only=True, tag="enqueued"):
    """An `enqueued` as it was before there were calls."""

    SCHEMA = 1

    run: Shell


@pytest.mark.parametrize("schema", [1, 2])  # with the first one calls were written for a while
def test_calls_that_a_projector_of_commands_alone_left_standing_go_on(built: Ground, schema: int) -> None:
    with pytest.MonkeyPatch.context() as old:
        old.setitem(EVENT_TYPES, "enqueued", OfCommands)
        old.delitem(UPCASTERS, ("enqueued", 1))
        put_newer(built, "job-one", called(), {"schema": schema})
        finish(built)
        assert document(built, "one")["parked"]
    put(built, "job-two", enqueued())

    with projecting(built, "newer"):
        await_that(lambda: is_fresh(built))

    assert is_ready(built, "one")
    assert health.parked(live_of(built)) == []
    assert_exact(built)


def test_what_a_newer_projector_has_counted_is_not_lost_to_one_who_cannot_read_it(built: Ground) -> None:
    put(built, "job-one", called(), claimed(), COMPLETED)
    put(built, "late-one", LATE)
    finish(built)

    with pytest.MonkeyPatch.context() as old:
        old.setitem(EVENT_TYPES, "enqueued", OfCommands)
        found = list(verify(built, PROJECTIONS))
        assert "one" in {one.where for one in found}
        assert not [one for one in found if one.is_lost or one.projection == CHECKPOINT]
        built.database["checkpoints"].update_one({}, {"$inc": {"applied": 1}})
        assert CHECKPOINT in {one.projection for one in verify(built, PROJECTIONS) if one.is_lost}
    assert {one.projection for one in verify(built, PROJECTIONS)} == {CHECKPOINT}


def test_only_jobs_that_stand_still_for_that_reason_are_taken_up_again(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued(), claimed())
    put_newer(built, "job-one", RELEASED)
    put(built, "job-still", enqueued(), claimed())
    put_newer(built, "job-still", RELEASED, {"type": "of-another-age"})
    put_spoilt(built, "job-spoilt", SPOILT["data that does not fit"])
    finish(built)
    taken: list[set[str]] = []
    retry = Applier.retry

    def remember(self: Applier, ids: Collection[str], now: datetime) -> tuple[Mapping[str, Seat], Signal]:
        taken.append(set(ids))
        return retry(self, ids, now)

    monkeypatch.setattr(Applier, "retry", remember)
    upgrade(monkeypatch)
    with projecting(built):
        await_that(lambda: taken)
        put(built, "job-two", enqueued())
        await_that(lambda: is_fresh(built))

    assert taken == [{"one"}]
    assert {one.job for one in health.parked(live_of(built))} == {"still", "spoilt"}


def test_events_of_a_category_that_is_unknown_here_are_passed_over_and_counted(built: Ground) -> None:
    with projecting(built) as running:
        for version, changes in enumerate([NEW_TYPE, {}], start=1):
            (one,) = append("task-sweep", enqueued()).events
            stored = {**bson.decode(one.raw), "_id": {"stream": "task-sweep", "version": version}, **changes}
            built.database["events"].insert_one(stored)
        put(built, "job-one", enqueued())
        await_that(lambda: is_fresh(built))
        assert not running.has_ended

    assert checkpoint_of(built).applied == 1
    assert health.parked(live_of(built)) == []
    assert {(one.skipped, one.skipped_first) for one in health.projections(built)} == {(2, "task-sweep version 1")}
    assert ViewReader(built, PROJECTIONS, "reader").snapshot()["skipped"] == (2, "task-sweep version 1")
