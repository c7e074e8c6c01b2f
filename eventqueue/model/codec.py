"""Event <-> stored bytes, and the hash that chains them.

The document is encoded once without its last two elements; its SHA-256 is the event's hash; `ts` and `hash` are then
appended to the same bytes. Nothing is encoded twice, so what was hashed is what is stored.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import isfinite
from typing import Any

import bson
import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from eventqueue.errors import InvalidInput, LogCorrupt, UnknownEventType, UnreadableEvent
from eventqueue.model.envelope import VERSION_MAX, place_in
from eventqueue.model.events import (
    EVENT_TYPES,
    Amended,
    Completed,
    Enqueued,
    Event,
    Head,
    LateResult,
    Recorded,
    RetryAmended,
    name_in,
    type_of,
)

BUCKETS = 64
NAME_MAX = 256  # characters of a stream, or of a type: a change stream cannot tell of an event with a name of megabytes
DATA_MAX = 256 * 1024  # bytes of an event, of a job's fields together, and of its result
# An `enqueued` says each field twice, as it was asked for and as it was resolved. To leave out what is the same would
# be another schema, to be compared with what is stored, for the sake of the few that are large.
ENQUEUED_MAX = 2 * DATA_MAX + 16 * 1024
# Beside a result there is what its attempt wrote; and an outcome that came too late holds all that, and more.
COMPLETED_MAX = DATA_MAX + 16 * 1024
LATE_MAX = DATA_MAX + 32 * 1024
SHOWN_MAX = 500  # characters of what somebody else wrote, in an error that is stored
DEPTH_MAX = 64  # mongod stores 200 levels and validates 180: leave room for the views' own nesting


class _WholeNumber(TypeDecoder):
    """An int of 64 bits as a plain one: what encodes JSON knows no other."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


class _Reference(TypeDecoder):
    """An object with the keys `$ref` and `$id` as the object that somebody stored."""

    bson_type = DBRef

    def transform_bson(self, value: DBRef) -> dict[str, Any]:
        return dict(value.as_doc())


_ZONELESS = datetime(1970, 1, 1)  # noqa: DTZ001 - what the driver's own dates are compared with
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Date(TypeDecoder):
    """A date in UTC. The driver's own way, `tz_aware`, takes several times as long, nearly half of decoding a job."""

    bson_type = datetime

    def transform_bson(self, value: datetime) -> datetime:
        return EPOCH + (value - _ZONELESS)


CODEC: CodecOptions[Mapping[str, Any]] = CodecOptions(
    type_registry=TypeRegistry([_WholeNumber(), _Reference(), _Date()])
)

# For the place of an event that Python cannot hold: a date beyond the year 9999, a text that is no UTF-8.
LENIENT = CODEC.with_options(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)

_as_json = msgspec.json.Encoder().encode

# `ts` as Timestamp(0, 0), which the server replaces, then the frame of `hash`: a 32-byte binary of subtype 0.
_TS = b"\x11ts\x00" + bytes(8)
_HASH = b"\x05hash\x00" + (32).to_bytes(4, "little") + b"\x00"
_TAIL = len(_TS) + len(_HASH) + 32

# Where a stored event's `_id` begins, which stands in front, and what it begins with.
_ID = len(b"size\x03_id\x00")

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: dict[tuple[str, int], Upcaster] = dict.fromkeys(
    [("enqueued", 1), ("enqueued", 2), ("amended", 1), ("retry-amended", 1)], lambda data: data
)
"""(type, schema) -> the data as the next schema has it; applied one after another when an old event is read."""


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """An event ready to be inserted: in its envelope, and as the very bytes to send (again, if need be)."""

    recorded: Recorded
    raw: bytes


def bucket_of(stream: str) -> int:
    """Return the bucket, 0..63, of a stream: the first byte of SHA-256 of its name, modulo 64."""
    return sha256(name_in(stream).encode()).digest()[0] % BUCKETS


def seal(
    stream: str,
    head: Head,
    events: Sequence[Event],
    *,
    actor: str,
    now: datetime,
    cause: bytes | None = None,
) -> tuple[Sealed, ...]:
    """Chain `events` onto `head` and encode them; `now` is the database's clock as estimated here.

    Raises InvalidInput for data that BSON cannot hold, that could not be read again (beyond the bounds of its fields),
    or that is more than 256 KiB (in `enqueued` twice as much, a result without what stands beside it), LogCorrupt where
    the stream has no place left.
    """
    sealed = []
    for event in events:
        # A stream's time never runs backwards, whatever the clocks of its writers do.
        at = to_ms(now if head.at is None else max(now, head.at))
        one = _seal_one(stream, head, event, actor=actor, at=at, cause=cause)
        sealed.append(one)
        head = one.recorded.head
    return tuple(sealed)


def _seal_one(stream: str, head: Head, event: Event, *, actor: str, at: datetime, cause: bytes | None) -> Sealed:
    version, event_id, bucket = head.version + 1, os.urandom(16), bucket_of(stream)
    if version > VERSION_MAX:
        raise LogCorrupt(
            f"Stream {stream} is full: somebody has put an event at its version {VERSION_MAX}, the last one, and "
            "nothing can follow there. `queuectl audit verify` says what else was done to it."
        )
    body = _encode(
        {
            "_id": {"stream": stream, "version": version},
            "id": event_id,
            "type": type_of(event),
            "schema": event.schema,
            "at": at,
            "actor": actor,
            "bucket": bucket,
            "cause": cause,
            "data": _readable(event),
            "prev": head.hash,
        },
        _most(event),
    )
    digest = sha256(body).digest()
    recorded = Recorded(
        stream=stream,
        version=version,
        id=event_id,
        at=at,
        actor=actor,
        bucket=bucket,
        cause=cause,
        event=event,
        prev=head.hash,
        hash=digest,
    )
    return Sealed(recorded, _with_length(body[4:-1] + _TS + _HASH + digest + b"\x00"))


def _most(event: Event) -> int:
    match event:
        case Enqueued() | Amended() | RetryAmended():  # these, too, say each field twice
            return ENQUEUED_MAX
        case Completed():
            return COMPLETED_MAX
        case LateResult():
            return LATE_MAX
        case _:
            return DATA_MAX


def _readable(event: Event) -> dict[str, Any]:
    # A struct looks at nothing when it is made, and the log keeps for ever what nobody could read again.
    data = to_data(event)
    try:
        msgspec.convert(data, type(event))
    except msgspec.ValidationError as error:
        raise InvalidInput("", f"The event holds a value that could not be read again: {error}.") from None
    return data


def to_data(event: Event) -> dict[str, Any]:
    """Return an event's own fields as BSON holds them; absent ones are left out.

    Raises InvalidInput for a value of a type that cannot be stored.
    """
    try:
        data: dict[str, Any] = msgspec.to_builtins(event, builtin_types=(datetime, bytes))
    except (TypeError, RecursionError) as error:
        raise InvalidInput("", f"The event holds a value that cannot be stored: {error}.") from None
    del data["type"]
    return data


def _encode(document: dict[str, Any], most: int) -> bytes:
    try:
        body = bson.encode(document)
    except (bson.errors.BSONError, UnicodeError, OverflowError, RecursionError) as error:
        raise InvalidInput("", f"The event holds a value that cannot be stored: {error}.") from None
    if len(body) > most:
        raise InvalidInput("", f"The event has {len(body):,} bytes; {most:,} are the most that is stored.")
    return body


def _with_length(rest: bytes) -> bytes:
    return (len(rest) + 4).to_bytes(4, "little") + rest


def to_ms(at: datetime) -> datetime:
    """Cut to milliseconds, as BSON dates count: what is hashed and folded here must equal what is read back."""
    rest = at.microsecond % 1000
    return at - timedelta(microseconds=rest) if rest else at  # `replace` takes five times as long


def content_hash(raw: bytes) -> bytes:
    """Recompute the hash of a stored event: SHA-256 of its document without the last two elements."""
    return sha256(_with_length(raw[4 : -_TAIL - 1] + b"\x00")).digest()


def is_framed(raw: bytes) -> bool:
    """Whether a stored event ends as one does: with `ts` and `hash`, which are what its hash leaves out."""
    return raw[-_TAIL - 1 : -_TAIL + 3] == _TS[:4] and raw[-33 - len(_HASH) : -33] == _HASH


def stream_in(raw: bytes) -> str:
    """Return the stream of a stored event, whatever else of it cannot be read: `_id`, a document, stands in front."""
    start = len(b"size\x03_id\x00")
    size = int.from_bytes(raw[start : start + 4], "little")
    return str(bson.decode(raw[start : start + size], LENIENT).get("stream"))


def _named(raw: bytes) -> str:
    try:
        return f"Event {bson.decode(raw, LENIENT)['_id']}"
    except (bson.errors.InvalidBSON, KeyError):
        return "An event"


def version_in(raw: bytes) -> int | None:
    """Return the version at which a stored event stands in its stream, None where it stands at none.

    A hand may have put anything there. What is no whole number, or has something beside it, takes no event's place.
    """
    if (place := place_in(raw)) is not None:
        return place[1]
    key = raw[_ID : _ID + int.from_bytes(raw[_ID : _ID + 4], "little")]
    return _equal_in(bson.decode(key, LENIENT)) if raw[4:5] == b"\x03" else None


def _equal_in(place: Mapping[str, Any]) -> int | None:
    # To the database 3.0 is the place of 3: nothing else can be appended there.
    match list(place.items()):
        case [("stream", str()), ("version", float(number))] if isfinite(number):
            return _whole(number)
        case [("stream", str()), ("version", Decimal128() as found)] if (decimal := found.to_decimal()).is_finite():
            return _whole(decimal)
    return None


def _whole(number: Any) -> int | None:
    return int(number) if 1 <= number <= VERSION_MAX and number == int(number) else None


def head_of(raw: bytes) -> Head:
    """Return where a stream stands behind an event that stands in it, also behind one that cannot be read."""
    document = bson.decode(raw, LENIENT)
    at, digest = document.get("at"), document.get("hash")
    is_digest = isinstance(digest, bytes)
    return Head(version_in(raw) or 0, bytes(digest) if is_digest else b"", at if isinstance(at, datetime) else None)


def decode(raw: bytes) -> Recorded:
    """Return the event in stored bytes, upcast to this code's schema.

    Raises UnknownEventType for a type or schema that this code does not know, UnreadableEvent for data that does
    not fit a known one.
    """
    try:
        document = bson.decode(raw, CODEC)
    except bson.errors.InvalidBSON as error:
        raise UnreadableEvent(f"{_named(raw)} cannot be read: {error}.") from None
    return from_document(document)


def decode_all(batch: bytes) -> Iterator[Recorded]:
    """Yield the events of stored documents that follow one another. Raises as `decode` does, when it comes to it."""
    try:
        documents = bson.decode_all(batch, CODEC)
    except bson.errors.InvalidBSON:  # one of them: the others before it are handed out first
        yield from map(decode, split(batch))
        return
    yield from map(from_document, documents)


def split(batch: bytes) -> Iterator[bytes]:
    """Yield each of the BSON documents that follow one another: its size stands in its first four bytes."""
    start = 0
    while start < len(batch):
        size = int.from_bytes(batch[start : start + 4], "little")
        yield batch[start : start + size]
        start += size


def from_document(document: Mapping[str, Any]) -> Recorded:
    """As `decode`, for a document that the driver has decoded with `CODEC` already."""
    try:
        (first, stream), (second, version) = document["_id"].items()
        # The database holds the two in another order for another event: one that no reader of the stream finds.
        if first != "stream" or second != "version" or type(stream) is not str or type(version) is not int:
            raise ValueError("its `_id` is not a stream and a version, in this order")
        if not 1 <= version <= VERSION_MAX:
            raise ValueError(f"version {version} is none of a stream's")
        if len(stream) > NAME_MAX:
            raise ValueError(f"the name of its stream has {len(stream):,} characters")
        return Recorded(
            stream=stream,
            version=version,
            id=document["id"],
            at=document["at"],
            actor=document["actor"],
            bucket=document["bucket"],
            cause=document["cause"],
            event=_to_event(document),
            prev=document["prev"],
            hash=document["hash"],
            ts=document["ts"],
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:  # that before it of msgspec, too
        raise UnreadableEvent(f"Event {_short(document.get('_id'))} cannot be read: {_short(error)}.") from None


def _to_event(document: Mapping[str, Any]) -> Event:
    event_type, schema, data = document["type"], document["schema"], document["data"]
    kind = EVENT_TYPES.get(event_type)
    if kind is None or schema > kind.SCHEMA:
        raise _unknown(event_type, schema, document["_id"])
    for old in range(schema, kind.SCHEMA):
        data = UPCASTERS[event_type, old](data)
    event = msgspec.convert(data, kind)
    # What may be anything is JSON: a type that only BSON has could be remembered, shown and printed by nobody.
    _as_json(event)
    return event


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, though they hold a NaN, which equals nothing: the log may have one."""
    try:
        return bool(one == other) or _as_json(one) == _as_json(other)
    except TypeError:  # somebody has put into a view what is no JSON
        return False


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _unknown(event_type: Any, schema: Any, key: Mapping[str, Any]) -> UnknownEventType:
    if type(event_type) is not str or type(schema) is not int or len(event_type) > NAME_MAX:
        raise TypeError(f"{event_type!r} with schema {schema!r} is no event type")
    return UnknownEventType(event_type, schema, f"{key['stream']} version {key['version']}")


def check_size(fields: Mapping[str, Any]) -> None:
    """Refuse fields of a job that have more than 256 KiB together. Raises InvalidInput naming the largest."""
    sizes = {field: size_of(value) for field, value in fields.items()}
    largest, total = max(sizes, key=sizes.__getitem__), sum(sizes.values())
    if total > DATA_MAX:
        raise InvalidInput(
            largest, f"has {sizes[largest]:,} bytes of {total:,}; a job's fields may have {DATA_MAX:,} together"
        )


def size_of(value: Any) -> int:
    """Return how many bytes a JSON value has as it is stored."""
    return len(value.encode()) if isinstance(value, str) else len(bson.encode({"": value}))


def check_data(value: Any, field: str, depth: int = 0) -> None:
    """Refuse a value that would not come back from BSON as the JSON value it was.

    Raises InvalidInput naming `field`: not a JSON type, an int beyond 64 bits, a float that is not finite, a key
    that is no string or holds NUL, `$ref` beside `$id`, a lone surrogate, nesting deeper than 64.
    """
    if depth > DEPTH_MAX:
        raise InvalidInput(field, f"is nested deeper than {DEPTH_MAX} levels")
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value, field)
        case int():
            if not -(2**63) <= value < 2**63:
                raise InvalidInput(field, "holds an integer beyond 64 bits")
        case float():
            if not isfinite(value):
                raise InvalidInput(field, "holds a number that is not finite")
        case dict():
            _check_keys(value, field)
            for key, item in value.items():
                check_data(item, f"{field}.{key}", depth + 1)
        case list() | tuple():
            for item in value:
                check_data(item, field, depth + 1)
        case _:
            raise InvalidInput(field, f"holds a {type(value).__name__}, which is no JSON value")


def _check_keys(keys: Collection[Any], field: str) -> None:
    for key in keys:
        if not isinstance(key, str):
            raise InvalidInput(field, "has a key that is no string")
        if "\x00" in key:
            raise InvalidInput(field, "has a key with a NUL character")
        _check_text(key, field)
    if "$ref" in keys and "$id" in keys:
        raise InvalidInput(field, "has both $ref and $id, which drivers read as a reference to a document")


def _check_text(text: str, field: str) -> None:
    if text.isascii():  # known without looking
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, "is not valid UTF-8: it holds a lone surrogate, which is no character") from None
