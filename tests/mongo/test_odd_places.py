"""What a hand has put at no version of a stream stands in the way of none of its readers, nor of what is appended."""

from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, MinKey
from pymongo.database import Database

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import version_in
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import Paused, Recorded, Resumed
from eventqueue.mongo import log as logs
from eventqueue.mongo.log import MongoLog
from eventqueue.steering.pauses import Pauses
from tests.builders import append

Store = Database[dict[str, Any]]

NONE: Mapping[str, Any] = {
    "a text": "x",
    "a fraction": 2.5,
    "a fraction between two events": 1.5,
    "null": None,
    "nothing": 0,
    "less than nothing": Int64(-3),
    "a number beyond all": Int64(2**53),
    "the last number there is": Int64(2**63 - 1),
    "no number": float("nan"),
    "infinity": float("inf"),
    "a decimal fraction": Decimal128("2.5"),
    "a decimal that is no number": Decimal128("NaN"),
    "a decimal that signals": Decimal128("sNaN"),
    "a decimal beyond all": Decimal128("1E+6000"),
    "true": True,
    "a document": {"a": 1},
    "the least": MinKey(),
    "the greatest": MaxKey(),
}
EQUAL: Mapping[str, Any] = {"a float": 3.0, "a decimal": Decimal128("3"), "another decimal": Decimal128("0.3E1")}


def put(store: Store, place: Mapping[str, Any]) -> None:
    """Put a copy of the stream's first event at a place of a hand's choice."""
    found = store["events"].find_one({"_id": {"stream": "queue-a", "version": 1}})
    assert found is not None
    store["events"].insert_one({**found, "_id": place}, bypass_document_validation=True)


def placed(version: Any, **more: Any) -> Mapping[str, Any]:
    return {"stream": "queue-a", "version": version, **more}


@pytest.fixture
def log(prepared: Store) -> MongoLog:
    """A log with two events of a queue, and one of the next queue."""
    log = MongoLog(prepared)
    log.append([append("queue-a", Resumed(), Paused(why="w")), append("queue-b", Paused())])
    return log


@pytest.mark.parametrize("place", [*map(placed, NONE.values()), placed(2, x=1)], ids=[*NONE, "more beside it"])
def test_no_reader_of_a_stream_meets_what_stands_at_none_of_its_versions(
    prepared: Store, log: MongoLog, monkeypatch: pytest.MonkeyPatch, place: Mapping[str, Any]
) -> None:
    history = log.read("queue-a")
    put(prepared, place)

    assert log.read("queue-a") == history
    assert log.read("queue-a", 1, 1) == history[1:]
    assert log.read("queue-a", 0, 2) == history
    assert log.read("queue-a", 2) == []
    assert log.read_many(["queue-a"])["queue-a"] == history
    assert log.read_many(["queue-a"], 2)["queue-a"] == history
    assert log.read_last("queue-a") == history[-1]
    for most in (1, 2, 100):
        monkeypatch.setattr(logs, "LAST_MAX", most)
        lasts = {stream: version_in(raw) for stream, raw in log.scan_last("queue")}
        assert lasts == {"queue-a": 2, "queue-b": 1}
    assert [version_in(raw) for raw in dict(log.scan_raw("queue"))["queue-a"]] == [1, 2]
    assert len(log.read_part("queue-a")) == 3  # who looks for tampering meets it
    paused = Pauses(log)
    assert [set(paused.among(["a"])), set(paused.all()), set(paused.among(["a"]))] == [{"a"}, {"a", "b"}, {"a"}]
    assert log.append([append("queue-a", Resumed(), head=history[-1].head)])[0].is_whole
    assert [one.version for one in log.read("queue-a")] == [1, 2, 3]


@pytest.mark.parametrize("place", [{"stream": {"a": 1}, "version": 1}, {"stream": b"queue-b"}, {"zone": "queue-b"}])
def test_what_stands_behind_all_streams_is_none_that_is_looked_for(
    prepared: Store, log: MongoLog, place: Mapping[str, Any]
) -> None:
    put(prepared, place)

    assert log.find_streams("queue-", 10) == ["queue-a", "queue-b"]
    assert log.find_streams("queue-b", 2) == ["queue-b"]
    assert log.find_streams("worker-", 2) == []


@pytest.mark.parametrize("version", EQUAL.values(), ids=EQUAL)
def test_what_the_database_takes_for_a_version_holds_its_place(prepared: Store, log: MongoLog, version: Any) -> None:
    put(prepared, placed(version))

    raws = log.read_raw("queue-a")

    assert [version_in(raw) for raw in raws] == [1, 2, 3]
    with pytest.raises(LogCorrupt, match="cannot be read"):
        log.read_last("queue-a")
    with pytest.warns(UserWarning, match="Queue a stays paused"):
        assert set(Pauses(log).among(["a"])) == {"a"}


def test_behind_the_last_version_there_is_no_place_and_that_is_said(prepared: Store, log: MongoLog) -> None:
    put(prepared, placed(Int64(VERSION_MAX)))
    (last,) = log.read_raw("queue-a", 2)

    assert version_in(last) == VERSION_MAX
    full = next(iter(log.read("queue-a", 2)))
    assert isinstance(full, Recorded)
    with pytest.raises(LogCorrupt, match="Stream queue-a is full"):
        append("queue-a", Resumed(), head=full.head)


@pytest.mark.parametrize("stored", [{"_id": 7}, {"_id": "queue-a"}, {"_id": {}}, {"_id": {"version": 1}}])
def test_what_stands_in_no_stream_stands_at_no_version(stored: Mapping[str, Any]) -> None:
    assert version_in(bson.encode(stored)) is None


def test_a_text_that_looks_like_a_version_is_none() -> None:
    for text in ("\x10version\x00\x01\x00\x00", "\x12version\x00\x01\x00\x00\x00\x00\x00\x00"):
        assert version_in(bson.encode({"_id": {"stream": "queue-a", "version": text}})) is None
        assert version_in(bson.encode({"_id": {"stream": f"queue-{text}", "version": "x"}})) is None
