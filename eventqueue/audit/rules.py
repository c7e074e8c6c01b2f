"""Stored events held against the rules of the log, from their bytes alone, whatever their stream is of. Pure.

Versions are dense, hashes chained and those of the bytes, time goes on, each event is of its stream's category, a job's
transitions are legal, and what happens to a schedule is what can be decided of one. What cannot be read is named, and
what stands behind it is looked at all the same.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import bson
import msgspec
from bson.timestamp import Timestamp

from eventqueue.audit.acts import Going
from eventqueue.audit.amends import Amends
from eventqueue.audit.schedules import Following
from eventqueue.errors import LogCorrupt
from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.codec import bucket_of, content_hash, decode, head_of, is_framed
from eventqueue.model.events import (
    CATEGORIES,
    Amended,
    Enqueued,
    Event,
    Recorded,
    RetryAmended,
    category_of,
    type_of,
)
from eventqueue.model.figures import instant
from eventqueue.model.job import LEGAL, State
from eventqueue.schedules.events import CATEGORY

FIELDS = 12  # of an envelope, each of which is needed to decode it
ID_BYTES, HASH_BYTES = 16, 32
UNKNOWN = "unknown"
_FOLLOWED = (Enqueued, Amended, RetryAmended, ActBegun, ActEnded)  # in which more is told than that it happened
_LATEST = Timestamp(2**32 - 1, 2**32 - 1)


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it must be: `problem` is a sentence for a person.

    `stream`: also the collection, or the counter, that it is about. `version`: the event it was found at, 0 for a view.
    `expected` and `found`: what should be there, and what is. `is_lost`: the log has less than what was held against
    it, so nothing may be built anew from it. `is_sealed`: it is not as a seal has it, or a seal is not as it must be.
    """

    stream: str
    version: int
    problem: str
    expected: str | None = None
    found: str | None = None
    is_lost: bool = False
    is_sealed: bool = False


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An event as it is stored, and as it is read: `event` None where it cannot be, for the reason in `problem`."""

    raw: bytes
    event: Recorded | None
    problem: str = ""
    fields: int = FIELDS


class _Unread(msgspec.Struct, frozen=True, gc=False):
    """What the next event of a stream has to follow, where there is none yet, or one that cannot be read."""

    version: int = 0
    hash: Any = None
    at: Any = None
    ts: Any = None


_Before = Recorded | _Unread


def stored(raw: bytes) -> Stored:
    """Return a stored event with what it is read as."""
    try:
        return Stored(raw, decode(raw), "", len(bson.decode(raw)))
    except LogCorrupt as error:
        return Stored(raw, None, str(error))


def check(stream: str, history: Iterable[Stored], latest: Timestamp = _LATEST) -> Iterator[Finding]:
    """Yield everything that is wrong with a stream as it is stored; `latest`: no event is of a later time."""
    bucket, kinds = bucket_of(stream), CATEGORIES.get(category_of(stream))
    following = Following(stream) if category_of(stream) == CATEGORY else None
    amends, going = Amends(), Going()
    before: _Before = _Unread()
    state: State | str | None = None  # of a job; UNKNOWN behind what cannot be read
    if kinds is None:
        yield Finding(stream, 1, f"its category `{category_of(stream)}` is none that this eventqueue knows")
    for place, one in enumerate(history, start=1):
        if (event := one.event) is None:
            yield Finding(stream, place, one.problem)
            before, state = _behind(one.raw, place, before), UNKNOWN
            amends.pass_over()
            going.pass_over()
            if following is not None:
                following.pass_over(one.problem)
            continue
        if not _is_sound(one, event, before, bucket):
            yield from _faults(one, event, before, place)
        kind = type(event.event)
        if kinds is not None and (kind not in kinds or not _is_legal(kind, state)):
            yield _misfit(event, state)
        if isinstance(event.event, _FOLLOWED):
            faults = (*amends.faults(event.event), *going.faults(event.event))
            yield from (Finding(stream, event.version, problem) for problem in faults)
        if following is not None:
            yield from (Finding(stream, event.version, problem) for problem in following.faults(event))
        before, state = event, LEGAL[kind][1] if kind in LEGAL else state
    if isinstance(before.ts, Timestamp) and before.ts > latest:  # which none before it can be, without being told
        problem = "the server stamped it (`ts`) with a time that is yet to come"
        yield Finding(stream, before.version, problem, f"at most {_told(latest)}", _told(before.ts))


def _is_sound(one: Stored, event: Recorded, before: _Before, bucket: int) -> bool:
    """Whether there is nothing to say of an envelope. All at once: one by one it costs several times as much."""
    try:
        return (
            event.version == before.version + 1
            and event.prev == before.hash
            and event.bucket == bucket
            and content_hash(one.raw) == event.hash
            and one.fields == FIELDS
            and is_framed(one.raw)
            and (before.at is None or before.at <= event.at)
            and type(event.ts) is Timestamp
            and (before.ts is None or _is_before(before.ts, event.ts))
            and type(event.id) is bytes
            and type(event.at) is datetime
            and type(event.actor) is str
            and type(event.bucket) is int
            and (event.cause is None or type(event.cause) is bytes)
            and len(event.id) == ID_BYTES
        )
    except TypeError:  # what cannot be compared is not what it should be
        return False


def _is_before(one: Timestamp, other: Timestamp) -> bool:
    # In C: to compare them as they are takes three times as long.
    return (one.time, one.inc) < (other.time, other.inc)


def _faults(one: Stored, event: Recorded, before: _Before, place: int) -> Iterator[Finding]:
    stream, version = event.stream, event.version

    def finding(problem: str, expected: object = None, found: object = None) -> Finding:
        return Finding(stream, version, problem, _told(expected), _told(found))

    misfits = list(_misfits(event))
    for field, form in misfits:
        value = getattr(event, field)
        yield finding(f"its `{field}` is {_form(value)}, not {form}", form, _form(value))
    if one.fields != FIELDS:
        yield finding(f"it has {one.fields} fields, an event has {FIELDS}", FIELDS, one.fields)
    if version != before.version + 1:
        yield finding(
            f"version {version} stands where version {before.version + 1} belongs (event {place} of the stream)",
            before.version + 1,
            version,
        )
    if (content := content_hash(one.raw)) != event.hash or not is_framed(one.raw):
        yield finding("its hash is not that of its bytes: the event was altered", content, event.hash)
    if event.prev != before.hash:
        yield finding("it does not continue the event before it: `prev` is another hash", before.hash, event.prev)
    if event.bucket != (bucket := bucket_of(stream)):
        yield finding(f"its bucket is {event.bucket}, not {bucket}", bucket, event.bucket)
    if not misfits:
        yield from (finding(*each) for each in _untimely(event, before))


def _untimely(event: Recorded, before: _Before) -> Iterator[tuple[str, object, object]]:
    if isinstance(before.at, datetime) and event.at < before.at:
        yield "its time is before that of the event before it", before.at, event.at
    assert event.ts is not None
    if isinstance(before.ts, Timestamp) and event.ts <= before.ts:
        yield "the server stamped it (`ts`) before the event before it", before.ts, event.ts


def _misfits(event: Recorded) -> Iterator[tuple[str, str]]:
    # A validator keeps such events out, but whoever administers the database can do without it.
    if not isinstance(event.id, bytes) or len(event.id) != ID_BYTES:
        yield "id", f"{ID_BYTES} bytes"
    if not isinstance(event.at, datetime):
        yield "at", "a date"
    if not isinstance(event.actor, str):
        yield "actor", "a text"
    if type(event.bucket) is not int:
        yield "bucket", "a whole number"
    if not isinstance(event.cause, bytes | None):
        yield "cause", f"{ID_BYTES} bytes or null"
    if not isinstance(event.prev, bytes | None):
        yield "prev", f"{HASH_BYTES} bytes or null"
    if not isinstance(event.hash, bytes) or len(event.hash) != HASH_BYTES:
        yield "hash", f"{HASH_BYTES} bytes"
    if not isinstance(event.ts, Timestamp):
        yield "ts", "a timestamp"


def _is_legal(kind: type[Event], state: State | str | None) -> bool:
    return kind not in LEGAL or state == UNKNOWN or state in LEGAL[kind][0]


def _misfit(event: Recorded, state: State | str | None) -> Finding:
    name, category = type_of(event.event), category_of(event.stream)
    if category == "job":
        problem = f"`{name}` is not legal for a job that is {state or 'not there'}"
        legal = LEGAL.get(type(event.event), (frozenset(), None))[0]
        return Finding(event.stream, event.version, problem, _states(legal), str(state or "not there"))
    kinds = " or ".join(sorted(str(kind.__struct_config__.tag) for kind in CATEGORIES[category]))
    return Finding(event.stream, event.version, f"`{name}` is no event of a `{category}` stream", kinds, name)


def _states(legal: Iterable[State | None]) -> str:
    return " or ".join(sorted(str(state or "not there") for state in legal)) or "no state"


def _behind(raw: bytes, place: int, before: _Before) -> _Unread:
    """Return what follows an event that cannot be read, as far as that can be told."""
    try:
        head, ts = head_of(raw), bson.decode(raw).get("ts")
    except Exception:  # whatever somebody has made of it
        return _Unread(place, b"", before.at, before.ts)
    return _Unread(head.version or place, head.hash, head.at or before.at, ts or before.ts)


def _form(value: object) -> str:
    match value:
        case None:
            return "null"
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return f"of type {type(value).__name__}"


def _told(value: object) -> str | None:
    match value:
        case None:
            return None
        case bytes():
            return value.hex()
        case datetime():
            return instant(value)
        case Timestamp():
            return f"{value.time}.{value.inc}"
        case _:
            return str(value)
