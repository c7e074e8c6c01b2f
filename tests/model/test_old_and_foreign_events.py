"""Stored events that this code does not understand, and old ones, which it reads as the newest schema has them."""

from typing import Any

import bson
import pytest
from bson.code import Code
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from eventqueue.errors import UnknownEventType, UnreadableEvent
from eventqueue.model.codec import CODEC, UPCASTERS, content_hash, decode
from eventqueue.model.events import EVENT_TYPES, Claimed, ConfigSet, Enqueued, Event
from tests.builders import COMPLETED, called, claimed, enqueued, sealed


def stored(**changes: Any) -> bytes:
    """Return the bytes of a `claimed` event, changed as another writer might have written it."""
    (one,) = sealed(claimed())
    return bson.encode({**bson.decode(one.raw, CODEC), **changes})


def test_an_unknown_type_is_left_to_a_newer_process() -> None:
    with pytest.raises(UnknownEventType) as refused:
        decode(stored(type="teleported"))

    assert (refused.value.event_type, refused.value.schema) == ("teleported", 1)
    assert str(refused.value).startswith("A newer eventqueue wrote this: job-one version 1 is of type 'teleported'")


def test_a_newer_schema_of_a_known_type_is_left_to_a_newer_process() -> None:
    with pytest.raises(UnknownEventType):
        decode(stored(type="claimed", schema=2))


def test_an_event_is_written_with_the_oldest_schema_that_knows_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    (command,), (call,) = sealed(enqueued()), sealed(called())
    monkeypatch.setattr(Enqueued, "SCHEMA", 1)  # who knows no calls

    assert decode(command.raw).event == enqueued()
    with pytest.raises(UnknownEventType, match="A newer eventqueue wrote this"):
        decode(call.raw)


def test_a_call_that_was_written_before_calls_had_a_schema_of_their_own_is_read() -> None:
    (one,) = sealed(called())

    assert decode(bson.encode({**bson.decode(one.raw, CODEC), "schema": 1})).event == called()


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {}},
        {"data": {"worker": 5, "host": "h", "pid": 1, "attempt": 1}},
        {"data": {"worker": "w", "host": "h", "pid": "one", "attempt": 1}},
        {"data": "nothing"},
        {"data": None},
        {"data": [1]},
        {"schema": "one"},
        {"schema": None},
        {"schema": 0},
        {"type": {"a": 1}},
        {"_id": 7},
        {"_id": {"stream": "job-one"}},
        {"_id": {"version": 1, "stream": "job-one"}},
        {"_id": {"stream": "job-one", "version": 1.0}},
        {"_id": {"stream": "job-one", "version": 1, "more": 1}},
        {"_id": {"stream": 7, "version": 1}},
        {"_id": {"stream": "job-" + 253 * "x", "version": 1}},
        {"type": 257 * "t"},
    ],
    ids=str,
)
def test_data_that_does_not_fit_its_type_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        decode(stored(**changes))


@pytest.mark.parametrize(
    "value",
    [ObjectId(24 * "a"), Decimal128("1"), Regex("a"), Code("a"), Timestamp(1, 1), MinKey(), MaxKey()],
    ids=repr,
)
@pytest.mark.parametrize(
    ("kind", "field"), [("enqueued", "meta"), ("enqueued", "asked"), ("completed", "result"), ("config-set", "value")]
)
def test_a_value_that_no_json_has_is_unreadable_wherever_a_value_may_be_anything(
    kind: str, field: str, value: Any
) -> None:
    (one,) = sealed({"enqueued": enqueued(), "completed": COMPLETED, "config-set": ConfigSet(name="n", value=1)}[kind])
    document = bson.decode(one.raw)
    document["data"][field] = {"x": [value]}

    with pytest.raises(UnreadableEvent):
        decode(bson.encode(document))


@pytest.mark.parametrize("field", ["_id", "id", "type", "schema", "at", "actor", "bucket", "cause", "data", "prev"])
def test_an_event_without_one_of_its_fields_is_unreadable(field: str) -> None:
    document = bson.decode(stored())
    del document[field]

    with pytest.raises(UnreadableEvent):
        decode(bson.encode(document))


@pytest.mark.parametrize("raw", [b"", b"abc", b"\x05\x00\x00\x00", b"\xff" * 9], ids=repr)
def test_bytes_that_are_no_document_are_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode(raw)


def test_a_text_that_is_no_utf8_is_unreadable() -> None:
    raw = stored().replace(b"worker-1", b"worker-\xff")

    with pytest.raises(UnreadableEvent):
        decode(raw)


def test_a_field_that_a_newer_process_added_to_a_known_schema_is_ignored() -> None:
    data = bson.decode(stored())["data"] | {"colour": "red"}

    assert decode(stored(data=data)).event == claimed()


def test_upcasters_are_applied_one_after_another_from_the_stored_schema_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Painted(Event, frozen=True, kw_only=True, tag="painted"):
        SCHEMA = 3
        colours: list[str]

    monkeypatch.setitem(EVENT_TYPES, "painted", Painted)
    monkeypatch.setitem(UPCASTERS, ("painted", 1), lambda data: {"shades": [data["color"]]})
    monkeypatch.setitem(UPCASTERS, ("painted", 2), lambda data: {"colours": [*data["shades"], "white"]})

    oldest = decode(stored(type="painted", schema=1, data={"color": "red"}))
    old = decode(stored(type="painted", schema=2, data={"shades": ["blue"]}))
    new = decode(stored(type="painted", schema=3, data={"colours": ["green"]}))

    assert oldest.event == Painted(colours=["red", "white"])
    assert old.event == Painted(colours=["blue", "white"])
    assert new.event == Painted(colours=["green"])


def test_the_hash_of_an_old_event_stays_that_of_its_stored_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = sealed(claimed(attempt=1))
    monkeypatch.setattr(Claimed, "SCHEMA", 2)
    monkeypatch.setitem(UPCASTERS, ("claimed", 1), lambda data: data | {"attempt": 9})

    read = decode(one.raw)

    assert read.event == claimed(attempt=9)
    assert read.hash == content_hash(one.raw) == one.recorded.hash


def test_every_schema_that_was_ever_written_has_its_upcaster() -> None:
    needed = {(name, old) for name, kind in EVENT_TYPES.items() for old in range(1, kind.SCHEMA)}

    assert set(UPCASTERS) == needed
