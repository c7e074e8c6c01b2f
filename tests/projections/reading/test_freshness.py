"""Fresh or not, exactly; and if not, how far behind. Unknown is not zero."""

import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from eventqueue.errors import HistoryLost
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.ports.views import Lag
from projections.keeping.checkpoint import token_time
from projections.keeping.tail import Tail
from projections.reading.freshness import measure
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.builders import append, enqueued
from tests.projections.crowd import Crowd
from tests.projections.stage import apply_all, await_that, checkpoint_of, finish, put, taking_place, unread


def lag_of(ground: Ground) -> Lag:
    return measure(ground.database, checkpoint_of(ground), ground.clock.now(), majority_time(ground.database))


def test_views_at_the_end_of_the_log_are_fresh(built: Ground, crowd: Crowd) -> None:
    assert lag_of(built) == Lag(0.0)

    crowd.act(3)
    finish(built)

    assert lag_of(built) == Lag(0.0)


def test_writes_that_are_no_events_make_no_lag(built: Ground) -> None:
    for number in range(100):
        built.database["others"].insert_one({"number": number})

    assert lag_of(built) == Lag(0.0)


def test_one_event_that_is_not_applied_is_a_lag_of_its_age(built: Ground) -> None:
    before = built.clock.now()
    put(built, "job-one", enqueued())
    after = built.clock.now()

    await_that(lambda: built.clock.now() > after)
    now = built.clock.now()
    lag = measure(built.database, checkpoint_of(built), now, majority_time(built.database)).seconds

    assert lag is not None
    # The age by the server's clock, of which ours is an estimate: off by half a round trip, and by cut milliseconds.
    assert 0 < lag <= (now - before).total_seconds() + 1
    assert not lag_of(built).is_fresh


def test_the_lag_is_the_age_of_the_first_event_that_is_missing(built: Ground) -> None:
    put(built, "job-one", enqueued())
    first = lag_of(built).seconds
    put(built, "job-two", enqueued())
    both = lag_of(built).seconds

    assert first is not None
    assert both is not None
    assert both >= first


def test_an_event_just_appended_is_missing_and_not_overlooked(built: Ground) -> None:
    applier = taking_place(built)
    for number in range(30):
        put(built, f"job-{number}", enqueued())
        assert not lag_of(built).is_fresh
        apply_all(built, applier)
        assert lag_of(built).is_fresh


def test_a_parked_job_is_no_lag(built: Ground) -> None:
    put(built, "job-one", enqueued())
    applier = taking_place(built)
    _, token = unread(built, applier.held.token)
    applier.apply([], token, built.clock.now())

    assert lag_of(built).is_fresh


def test_without_views_the_lag_is_unknown(ground: Ground) -> None:
    reader = ViewReader(ground, PROJECTIONS, "reader")

    assert reader.lag() == Lag(None)
    assert not reader.lag().is_fresh


def test_without_the_oplog_the_lag_is_unknown(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    built.database.drop_collection("events")

    with pytest.raises(HistoryLost):
        lag_of(built)
    assert ViewReader(built, PROJECTIONS, "reader").lag() == Lag(None)


def test_between_events_of_one_time_the_views_are_not_fresh(built: Ground) -> None:
    # From MongoDB 8.0 on the events of one batch share their cluster time; in a transaction they do everywhere.
    appends = [append(f"job-{name}", enqueued()) for name in ("one", "two", "three")]
    batch = [RawBSONDocument(one.events[0].raw) for one in appends]
    with built.database.client.start_session() as session, session.start_transaction():
        built.database["events"].insert_many(batch, session=session)
    applier = taking_place(built)
    events, last = unread(built, applier.held.token)
    assert len(events) == 3

    with Tail(built.database, applier.held.token) as tail:
        first = tail.read()[0].token
    applier.apply(events[:1], first, built.clock.now())
    assert not lag_of(built).is_fresh
    # Also if it is asked in the very moment of the events, when no later write has moved the time on.
    assert not measure(built.database, checkpoint_of(built), built.clock.now(), token_time(first)).is_fresh

    applier.apply(events[1:], last, built.clock.now())
    assert lag_of(built).is_fresh


def test_what_is_appended_after_the_question_is_no_lag(built: Ground) -> None:
    asked = majority_time(built.database)
    put(built, "job-one", enqueued())

    assert measure(built.database, checkpoint_of(built), built.clock.now(), asked).is_fresh
    assert not lag_of(built).is_fresh


def test_the_majority_time_never_runs_backwards_and_passes_each_append(built: Ground) -> None:
    times: list[Timestamp] = []
    for number in range(5):
        put(built, f"job-{number}", enqueued())
        (event,) = built.log.read(f"job-{number}")
        times.append(majority_time(built.database))
        assert event.ts is not None
        assert times[-1] >= event.ts

    assert times == sorted(times)
