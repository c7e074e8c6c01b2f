"""The database's own check of structure: what is no event is refused, whoever writes it, and stops nothing else."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import bson
import pytest
from pymongo import MongoClient
from pymongo.errors import WriteError

from eventqueue.errors import QueueError, Unavailable
from eventqueue.model.codec import CODEC, Sealed
from eventqueue.mongo.layout import EVENT_SCHEMA, VALIDATOR, prepare
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import Append, Appended
from tests.builders import append, said, sealed, without_ts
from tests.mongo.conftest import Store

REFUSED = 121
FIELDS = ["id", "type", "schema", "at", "actor", "bucket", "cause", "data", "prev", "ts", "hash"]


def document(**changes: Any) -> dict[str, Any]:
    """An event as a document, changed as a defect might have."""
    (one,) = sealed(said(1))
    return {**bson.decode(one.raw, CODEC), **changes}


def malformed(stream: str, **changes: Any) -> Append:
    (one,) = sealed(said(1), stream=stream)
    raw = bson.encode({**bson.decode(one.raw, CODEC), **changes})
    return Append((Sealed(one.recorded, raw),))


@pytest.fixture(scope="module")
def strict(client: MongoClient[dict[str, Any]]) -> Iterator[Store]:
    """A prepared database, which takes nothing of what these tests send it."""
    database = client[f"test_{uuid4().hex[:16]}"]
    prepare(database)
    yield database
    client.drop_database(database)


@pytest.mark.parametrize("field", FIELDS)
def test_an_event_without_one_of_its_fields_is_refused(strict: Store, field: str) -> None:
    event = document()
    del event[field]

    with pytest.raises(WriteError) as refused:
        strict["events"].insert_one(event)
    assert refused.value.code == REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"_id": "job-one"},
        {"_id": {"stream": "job-one"}},
        {"_id": {"version": 1}},
        {"_id": {"stream": "job-one", "version": 0}},
        {"_id": {"stream": "job-one", "version": -1}},
        {"_id": {"stream": "job-one", "version": 1.5}},
        {"_id": {"stream": "job-one", "version": "1"}},
        {"_id": {"stream": 7, "version": 1}},
        {"_id": {"stream": "one", "version": 1}},
        {"_id": {"stream": "job-" + 253 * "x", "version": 1}},
        {"_id": {"stream": "job-one", "version": 1, "more": 1}},
        {"_id": {"version": 1, "stream": "job-one"}},
        {"id": "text"},
        {"type": ""},
        {"type": 7},
        {"type": 257 * "t"},
        {"schema": 0},
        {"schema": "1"},
        {"at": "2026-01-01T00:00:00Z"},
        {"at": 1_767_225_600_000},
        {"actor": ""},
        {"actor": None},
        {"bucket": 64},
        {"bucket": -1},
        {"bucket": None},
        {"cause": "text"},
        {"data": None},
        {"data": [1]},
        {"data": "text"},
        {"prev": "text"},
        {"ts": 7},
        {"hash": None},
        {"hash": "text"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_event_that_is_not_built_like_one_is_refused(strict: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(WriteError) as refused:
        strict["events"].insert_one(document(**changes))
    assert refused.value.code == REFUSED


@pytest.mark.parametrize(
    "changes",
    [{"type": "teleported"}, {"schema": 9}, {"data": {}}, {"data": {"colour": "red"}}, {"cause": bytes(16)}],
    ids=str,
)
def test_an_event_of_a_newer_process_is_taken(prepared: Store, changes: dict[str, Any]) -> None:
    prepared["events"].insert_one(document(**changes))


def test_a_refused_event_is_told_of_its_append_and_the_others_are_recorded(
    prepared: Store, mongo_log: MongoLog
) -> None:
    held = append("job-held", said("held"))
    mongo_log.append([held])
    good = [append("job-a", said(1), said(2)), append("job-b", said(1))]
    bad, late = malformed("job-bad", bucket=64), append("job-held", said("late"))

    first, refused, conflict, last = mongo_log.append([good[0], bad, late, good[1]])

    assert [first, conflict, last] == [Appended(2), Appended(0, conflict=held.head.hash), Appended(1)]
    assert (refused.count, refused.conflict, refused.is_whole) == (0, None, False)
    assert isinstance(refused.error, QueueError)
    assert not isinstance(refused.error, Unavailable)
    assert [without_ts(one) for one in mongo_log.scan()] == [*good[0].recorded, *good[1].recorded, *held.recorded]


def test_an_append_whose_second_event_is_refused_has_its_first_and_no_third(
    prepared: Store, mongo_log: MongoLog
) -> None:
    one = append("job-one", said(1), said(2), said(3))
    second = bson.encode({**bson.decode(one.events[1].raw, CODEC), "actor": ""})
    broken = Append((one.events[0], Sealed(one.recorded[1], second), one.events[2]))

    (appended,) = mongo_log.append([broken])

    assert appended.count == 1
    assert appended.error is not None
    assert [without_ts(recorded) for recorded in mongo_log.read("job-one")] == one.recorded[:1]


def test_an_older_database_is_given_the_new_validator_at_its_next_use(prepared: Store) -> None:
    prepared.command("collMod", "events", validator={"$jsonSchema": EVENT_SCHEMA})
    prepared["layout"].update_one({}, {"$unset": {"validator": 1}})

    prepare(prepared)

    assert prepared["events"].options()["validator"] == VALIDATOR
    with pytest.raises(WriteError):
        prepared["events"].insert_one(document(_id={"version": 1, "stream": "job-one"}))
