"""Scans have no end that a deadline would reach: each slice of one is a query of its own."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient, monitoring

from eventqueue.errors import Unavailable
from eventqueue.mongo import slices
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.patience import answered_within, patient_until
from eventqueue.mongo.timeline import Timeline
from tests.builders import append, said
from tests.mongo.conftest import Store

EVENTS = 100_000
SHORT_MS = 50  # for one query; the server takes several times as long for all of the events


class Asked(monitoring.CommandListener):
    """What was asked of the server: the names of the commands."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def watched(prepared: Store, server_uri: str, asked: Asked) -> Iterator[MongoLog]:
    """The log over a client of which is noted what it asks."""
    with MongoClient[dict[str, Any]](server_uri, tz_aware=True, event_listeners=[asked]) as client:
        yield MongoLog(client[prepared.name])


@pytest.fixture
def hasty(prepared: Store, server_uri: str) -> Iterator[MongoLog]:
    """The log over a client whose deadline is short."""
    with MongoClient[dict[str, Any]](server_uri, timeoutMS=SHORT_MS, tz_aware=True) as client:
        yield MongoLog(client[prepared.name])


def test_a_scan_takes_longer_than_the_deadline_of_any_query(mongo_log: MongoLog, hasty: MongoLog) -> None:
    batch = 2000
    for first in range(0, EVENTS, batch):
        mongo_log.append([append(f"job-{number:06}", said(number)) for number in range(first, first + batch)])

    assert sum(1 for _ in hasty.scan("job")) == EVENTS


@pytest.mark.parametrize("events", [0, 1, 999, 1000, 1001, 2000, 2001])
def test_no_cursor_of_a_scan_outlives_its_slice(
    mongo_log: MongoLog, watched: MongoLog, asked: Asked, events: int
) -> None:
    mongo_log.append([append(f"job-{number:04}", said(number)) for number in range(events)])
    list(watched.find_misplaced(1))  # connects
    asked.names.clear()

    assert [one.stream for one in watched.scan("job")] == [f"job-{number:04}" for number in range(events)]
    assert asked.names == ["find"] * (events // slices.SLICE + 1)


def test_a_slice_of_more_bytes_than_a_reply_holds_is_read_to_its_end(mongo_log: MongoLog) -> None:
    for number in range(100):
        mongo_log.append([append(f"job-{number:03}", said("x" * 250_000))])

    assert [one.stream for one in mongo_log.scan("job")] == [f"job-{number:03}" for number in range(100)]


def test_a_slice_may_end_with_what_cannot_be_read(mongo_log: MongoLog, prepared: Store) -> None:
    names = [f"job-{number:04}" for number in range(slices.SLICE + 1)]
    mongo_log.append([append(name, said(1)) for name in names])
    batches: Any = prepared["events"].find_raw_batches({"_id.stream": names[-2]})
    spoilt = bytearray(next(batches))
    spoilt[spoilt.index(b"actor\x00") + len(b"actor\x00size")] = 0xFF  # no text in UTF-8 has that
    prepared["events"].delete_one({"_id": {"stream": names[-2], "version": 1}})
    prepared.command("insert", "events", documents=[RawBSONDocument(bytes(spoilt))], bypassDocumentValidation=True)

    assert [name for name, _ in mongo_log.scan_raw("job")] == names


def test_no_slice_goes_beyond_what_the_scan_is_of(mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE", 10)
    names = [f"job-{number:02}" for number in range(25)]
    mongo_log.append([append(name, said(1)) for name in [*names, "late-00", "queue-00"]])

    assert [one.stream for one in mongo_log.scan("job")] == names
    assert [name for name, _ in mongo_log.scan_raw("late")] == ["late-00"]


def test_where_who_asks_waits_no_longer_nothing_is_tried_again(
    mongo_log: MongoLog, prepared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(_: float) -> None:
        raise AssertionError("Nobody waits for that.")

    mongo_log.append([append("job-1", said(1))])
    whole = {"ts": {"$gte": Timestamp(1, 0), "$lte": Timestamp(2**32 - 1, 0)}}
    reads: list[Callable[[], object]] = [
        lambda: list(mongo_log.scan("job")),
        lambda: slices.outlasting(lambda: prepared["events"].find_one({})),
        lambda: list(Timeline(prepared, mongo_log).read_raw(whole)),
    ]
    for read in reads:
        with monkeypatch.context() as patched, answered_within(1e-9):
            patched.setattr(time, "sleep", again)
            with pytest.raises(Unavailable):
                read()


def test_within_a_block_that_has_to_be_answered_sooner_nothing_has_longer() -> None:
    with answered_within(10), answered_within(1000):
        assert patient_until(1000) <= time.monotonic() + 10
    with answered_within(1000), answered_within(10):
        assert patient_until(1000) <= time.monotonic() + 10
    with answered_within(10), answered_within(None):
        assert patient_until(1000) > time.monotonic() + 900
    assert patient_until(1000) > time.monotonic() + 900
