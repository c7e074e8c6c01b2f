"""Streams of a category that is not known here are found by a range of the index, and read by whoever knows it."""

from datetime import UTC, datetime

import pytest

from eventqueue.model.codec import seal
from eventqueue.model.events import CATEGORIES, EMPTY, EVENT_TYPES, Event, stream_of
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import Append

NOON = stream_of("clock", "noon")
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Struck(Event, frozen=True, kw_only=True, tag="struck"):
    """An event of a category that a later module might bring."""

    hour: int


def test_a_category_is_known_once_it_is_registered(mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch) -> None:
    (done,) = mongo_log.append([Append(seal(NOON, EMPTY, [Struck(hour=12)], actor="test", now=NOW))])
    assert done.is_whole
    assert mongo_log.find_outside(10) == [{"stream": NOON, "version": 1}]

    monkeypatch.setitem(CATEGORIES, "clock", (Struck,))
    monkeypatch.setitem(EVENT_TYPES, "struck", Struck)

    assert mongo_log.find_outside(10) == []
    assert [one.event for one in mongo_log.scan("clock")] == [Struck(hour=12)]
