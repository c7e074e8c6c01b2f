"""The log in its order, part by part, and by a moment: the same from the database as from the pure rule."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import bson
import pytest
from bson import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from eventqueue.model.codec import stream_in
from eventqueue.model.moments import INSTANT, between, moment_of, was_by
from eventqueue.model.readable import Read, Unreadable
from eventqueue.mongo import timeline
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.timeline import Timeline, place_of, stamp_of
from tests.builders import said, sealed

Store = Database[dict[str, Any]]
BEGIN = datetime(2026, 1, 1, 3, tzinfo=UTC)
_TS = slice(-1 - 43 - 8, -1 - 43)  # where the time of the log stands in a stored event


def put(store: Store, stream: str, second: int, inc: int, at: datetime) -> None:
    """Store an event as the log took it at that time of its own."""
    (one,) = sealed(said(inc), stream=stream, now=at)
    raw = bytearray(one.raw)
    raw[_TS] = inc.to_bytes(4, "little") + (int(BEGIN.timestamp()) + second).to_bytes(4, "little")
    store["events"].insert_one(RawBSONDocument(bytes(raw)))


def taken(store: Store, *, reverse: bool = False, query: Any = None, bounds: Any = None) -> list[Read]:
    return list(Timeline(store, MongoLog(store)).read(bounds or between(None, None), query or {}, reverse=reverse))


@pytest.fixture
def crowded(prepared: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Forty events, some taken at the same moment, read seven at a time."""
    monkeypatch.setattr(timeline, "WINDOW", 7)
    for number in range(40):
        at = BEGIN + timedelta(milliseconds=number * 250 % 3000)
        put(prepared, f"config-{99 - number}", number // 4, number // 8 + 1, at)
    return prepared


def test_events_come_in_the_order_of_the_log_and_then_of_their_streams(crowded: Store) -> None:
    found = taken(crowded)

    assert len(found) == 40
    assert [place_of(one) for one in found] == sorted(place_of(one) for one in found)
    assert [place_of(one) for one in taken(crowded, reverse=True)] == [place_of(one) for one in reversed(found)]


def test_however_few_fit_no_question_looks_at_more_than_a_window(crowded: Store) -> None:
    crowded.command("profile", 2)
    found = taken(crowded, query={"bucket": {"$gte": 100}})
    crowded.command("profile", 0)

    asked = list(crowded["system.profile"].find({"ns": f"{crowded.name}.events", "op": {"$in": ["query", "getmore"]}}))
    assert not found
    assert len(asked) > 8
    assert max(one["docsExamined"] for one in asked) <= 7 + 3  # those at the moment of its last are in it, too


@pytest.mark.parametrize("crowd", [1, 3, 1000])
@pytest.mark.parametrize("slice_", [2, 1000])
@pytest.mark.parametrize("window", [5, 25])  # which ends among those of one `ts`, and behind them
def test_however_many_are_stamped_the_same_they_come_in_order_and_few_are_held_at_once(
    prepared: Store, monkeypatch: pytest.MonkeyPatch, crowd: int, slice_: int, window: int
) -> None:
    monkeypatch.setattr(timeline, "CROWD", crowd)
    monkeypatch.setattr("eventqueue.mongo.slices.SLICE", slice_)
    monkeypatch.setattr(timeline, "WINDOW", window)
    for number in range(30):
        put(prepared, f"config-{number * 7 % 30:02}", 1 if number % 3 else number, 5, BEGIN)
    everything = sorted(taken(prepared), key=place_of)
    timeline_ = Timeline(prepared, MongoLog(prepared))

    assert [place_of(one) for one in taken(prepared)] == [place_of(one) for one in everything]
    assert [place_of(one) for one in taken(prepared, reverse=True)] == [place_of(one) for one in reversed(everything)]
    assert [one.stream for one in timeline_.skim(between(None, None), {})] == [one.stream for one in everything]
    whole = [one.stream for one, _ in timeline_.read_whole(between(None, None), {})]
    assert whole == [one.stream for one in everything]
    for bytes_ in (timeline_.stamps(between(None, None)), timeline_.read_raw(between(None, None))):
        assert [stream_in(one) for one in bytes_] == [one.stream for one in everything]
    largest = 0

    def noted(self: Timeline, *rest: Any) -> Any:
        nonlocal largest
        for group in groups(self, *rest):
            largest = max(largest, len(group))
            yield group

    groups = Timeline._groups
    monkeypatch.setattr(Timeline, "_groups", noted)
    assert len(taken(prepared)) == 30
    assert largest <= crowd + 1


MOMENTS = st.one_of(st.integers(-2000, 6000), st.integers(-2, 6).map(lambda second: second * 1000)).map(
    lambda ms: BEGIN + ms * INSTANT
)
PLACES = st.lists(st.tuples(st.integers(-1, 4), MOMENTS), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(places=PLACES, since=st.none() | MOMENTS, until=st.none() | MOMENTS)
def test_the_database_finds_between_two_moments_what_the_rule_says(
    prepared: Store, places: Sequence[tuple[int, datetime]], since: datetime | None, until: datetime | None
) -> None:
    prepared["events"].delete_many({})
    for number, (second, at) in enumerate(places):
        put(prepared, f"config-{number}", second, number + 1, at)

    def is_within(one: Read) -> bool:
        moment = moment_of(one)
        assert moment is not None
        return (since is None or moment >= since) and (until is None or moment <= until)

    assert taken(prepared, bounds=between(since, until)) == [one for one in taken(prepared) if is_within(one)]


def test_an_event_is_there_from_its_own_time_on_but_not_before_the_second_in_which_the_log_took_it(
    prepared: Store,
) -> None:
    put(prepared, "config-late", 5, 1, BEGIN + timedelta(seconds=2))  # sealed three seconds before it came
    put(prepared, "config-good", 5, 2, BEGIN + timedelta(seconds=5.25))

    late, good = taken(prepared)

    assert not was_by(late, BEGIN + timedelta(seconds=4.999))
    assert was_by(late, BEGIN + timedelta(seconds=5))
    assert not was_by(good, BEGIN + timedelta(seconds=5.249))
    assert was_by(good, BEGIN + timedelta(seconds=5.25))


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_moments_that_the_logs_clock_cannot_count_are_before_or_after_all(prepared: Store, moment: datetime) -> None:
    put(prepared, "config-one", 0, 1, BEGIN)

    assert len(taken(prepared, bounds=between(None, moment))) == (moment > BEGIN)
    assert len(taken(prepared, bounds=between(moment, None))) == (moment < BEGIN)


def test_what_cannot_be_read_stands_in_its_place_with_why(crowded: Store) -> None:
    odd = {"_id": {"stream": "job-odd", "version": Int64(1)}, "ts": Timestamp(int(BEGIN.timestamp()) + 3, 99)}
    crowded["events"].insert_one(odd, bypass_document_validation=True)

    found = taken(crowded)

    (place,) = [number for number, one in enumerate(found) if isinstance(one, Unreadable)]
    assert found[place].stream == "job-odd"
    assert [place_of(one) for one in found] == sorted(place_of(one) for one in found)


def test_streams_alone_are_merged_in_the_order_of_the_log(crowded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "SLICE", 2)
    log = MongoLog(crowded)
    log.append([_append("job-one", 5), _append("late-one", 3), _append("job-two", 2)])
    one = Timeline(crowded, log)

    for reverse in (False, True):
        found = list(one.of_streams(["job-one", "late-one"], reverse=reverse))
        assert {(read.stream, read.version) for read in found} == {
            *(("job-one", version) for version in range(1, 6)),
            *(("late-one", version) for version in range(1, 4)),
        }
        assert [place_of(read) for read in found] == sorted(map(place_of, found), reverse=reverse)
    assert [read.version for read in islice(one.of_streams(["job-one"], reverse=True), 3)] == [5, 4, 3]


def test_of_a_stream_of_large_events_few_are_held_at_once(prepared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's history may be a thousand of half a megabyte, and be loaded by many at once."""
    log = MongoLog(prepared)
    log.append([_append("job-one", 5)])
    monkeypatch.setattr(timeline, "SLICE_BYTES", enough := sum(map(len, log.read_part("job-one"))) // 2)

    for reverse in (False, True):
        assert len(log.read_part("job-one", None, 1000, reverse=reverse, enough=enough)) == 3
        found = Timeline(prepared, log).of_streams(["job-one"], reverse=reverse)
        assert [one.version for one in found] == sorted(range(1, 6), reverse=reverse)


def test_of_stamps_there_is_where_and_when_in_the_same_order(crowded: Store) -> None:
    found = list(Timeline(crowded, MongoLog(crowded)).stamps(between(None, None)))

    assert [stamp_of(one) for one in found] == [one.ts for one in taken(crowded)]
    assert {tuple(bson.decode(one)) for one in found} == {("_id", "ts", "hash")}
    assert [stream_in(one) for one in found] == [one.stream for one in taken(crowded)]


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_stamp_is_the_element_of_that_name_whatever_an_event_ends_with(*, is_whole: bool) -> None:
    forged = b"\x11ts\x00" + b"\xff" * 8 + b"\x05hash\x00\x20\x00\x00\x00\x00" + b"\x01" * 32
    event = {"_id": {"stream": "job-a", "version": 1}, **({"type": "x"} if is_whole else {}), "ts": Timestamp(5, 7)}

    assert stamp_of(bson.encode({**event, "hash": forged})) == Timestamp(5, 7)


def _append(stream: str, number: int) -> Any:
    from tests.builders import append

    return append(stream, *(said(one) for one in range(number)))


@pytest.mark.parametrize("version", [2.5, "x"])
@pytest.mark.parametrize("reverse", [True, False])
def test_what_a_hand_has_put_where_a_version_belongs_ends_no_reading_and_is_read_once(
    prepared: Store, monkeypatch: pytest.MonkeyPatch, version: Any, *, reverse: bool
) -> None:
    monkeypatch.setattr(timeline, "SLICE", 1)
    log = MongoLog(prepared)
    log.append([_append("job-one", 3)])
    odd = {"_id": {"stream": "job-one", "version": version}, "ts": Timestamp(1, 1)}
    prepared["events"].insert_one(odd, bypass_document_validation=True)

    found = list(islice(Timeline(prepared, log).of_streams(["job-one"], reverse=reverse), 10))

    assert sorted(one.version for one in found if not isinstance(one, Unreadable)) == [1, 2, 3]
    assert len(found) == 4


@pytest.mark.parametrize("reverse", [False, True])
def test_categories_alone_are_read_as_all_are(
    crowded: Store, monkeypatch: pytest.MonkeyPatch, *, reverse: bool
) -> None:
    monkeypatch.setattr(timeline, "SLICE", 3)
    monkeypatch.setattr(timeline, "PLACES", 7)
    for number in range(3):
        put(crowded, f"queue-{number}", number, 9, BEGIN)
    for number in range(12):  # whose names are of different lengths
        put(crowded, f"config-of-{number}", 4, 3, BEGIN)
    bounds = between(BEGIN + timedelta(seconds=1, milliseconds=300), BEGIN + timedelta(seconds=8))
    query = {"type": {"$ne": "paused"}}
    every = taken(crowded, reverse=reverse, query=query, bounds=bounds)
    line = Timeline(crowded, MongoLog(crowded))

    for names in (["config"], ["queue"], ["queue", "config"], ["worker"]):
        found = list(line.of_categories(names, bounds, query, reverse=reverse))

        assert found == [one for one in every if one.stream.partition("-")[0] in names]
    assert len(every) > 20
