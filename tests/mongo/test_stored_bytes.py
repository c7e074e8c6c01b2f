"""What MongoDB keeps: the very bytes that were hashed, so that anyone can recompute the hashes."""

from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from json import dumps
from struct import unpack
from typing import Any

import pytest
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import check_data, content_hash
from eventqueue.model.events import Completed, ConfigSet
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import Append, Appended
from tests.builders import JOURNEYS, append, json_values, said, sealed
from tests.mongo.bson_slices import elements, recomputed, told
from tests.mongo.conftest import Store

fresh = count()


def as_json(value: Any) -> str:
    return dumps(value, sort_keys=True)


def is_let_in(value: Any) -> bool:
    try:
        check_data(value, "value")
    except InvalidInput:
        return False
    return True


# Many values a batch: a round trip costs more than what it carries. Each stream of each example is a new one.
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(json_values.filter(is_let_in), min_size=10, max_size=40))
@example([2**63 - 1, -(2**63), 2**31, -0.0, 5e-324, 1.7976931348623157e308, "\x00", "\U0010ffff", {"": {"": ""}}])
@example([{"$set": 1}, {"a.b": {"$gt": ""}}, {"_id": 1, "$db": 2}, [[], {}, [None]], True, None])
def test_every_json_value_that_is_let_in_survives_with_its_hash(mongo_log: MongoLog, values: list[Any]) -> None:
    batch = [append(f"job-{next(fresh)}", said(value)) for value in values]

    assert mongo_log.append(batch) == [Appended(1)] * len(batch)

    for one, value in zip(batch, values, strict=True):
        (raw,) = mongo_log.read_raw(one.stream)
        (read,) = mongo_log.read(one.stream)
        assert content_hash(raw) == recomputed(raw) == told(raw, "hash") == one.head.hash
        assert isinstance(read.event, ConfigSet)
        assert as_json(read.event.value) == as_json(value)


@pytest.mark.parametrize("kind", [kind for kind in JOURNEYS if kind != "not there"])
def test_a_reader_of_another_make_recomputes_each_hash_and_follows_the_chain(mongo_log: MongoLog, kind: str) -> None:
    mongo_log.append([Append(sealed(*JOURNEYS[kind], cause=bytes(16)))])

    history = mongo_log.read_raw("job-one")

    assert [recomputed(raw) for raw in history] == [told(raw, "hash") for raw in history]
    assert [told(after, "prev") for _, after in pairwise(history)] == [recomputed(raw) for raw in history[:-1]]
    assert told(history[0], "prev") == b""


def test_what_is_stored_is_what_was_sealed_but_for_the_servers_timestamp(mongo_log: MongoLog) -> None:
    one = append("job-one", Completed(result={"z": 1, "a": [1.5, "ö"]}), said("x" * 100_000))
    mongo_log.append([one])

    for raw, ours in zip(mongo_log.read_raw("job-one"), one.events, strict=True):
        differing = [
            name for (name, *was), (_, *is_now) in zip(elements(ours.raw), elements(raw), strict=True) if was != is_now
        ]
        assert differing == ["ts"]


def test_the_server_fills_in_the_timestamp(mongo_log: MongoLog) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    one = append("job-one", said(1), said(2))
    mongo_log.append([one])

    stamps = [recorded.ts for recorded in mongo_log.read("job-one")]

    assert [recorded.ts for recorded in one.recorded] == [None, None]
    assert all(isinstance(stamp, Timestamp) for stamp in stamps)
    first, second = (stamp for stamp in stamps if stamp)
    assert before < first.as_datetime() < before + timedelta(minutes=10)
    assert first < second
    seconds = [unpack("<II", told(raw, "ts"))[1] for raw in mongo_log.read_raw("job-one")]
    assert seconds == [first.time, second.time]


def test_an_event_that_was_tampered_with_is_found_out_by_either_reader(mongo_log: MongoLog, prepared: Store) -> None:
    mongo_log.append([append("job-one", said("a plain value"), said("another"))])

    prepared["events"].update_one({"_id.version": 1}, {"$set": {"data.value": "another value"}})

    forged, sound = mongo_log.read_raw("job-one")
    assert content_hash(forged) != told(forged, "hash") != recomputed(forged)
    assert content_hash(sound) == told(sound, "hash") == recomputed(sound)
    assert told(sound, "prev") == told(forged, "hash")
