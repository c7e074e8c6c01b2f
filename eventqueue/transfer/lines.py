"""An export's lines: a first one that says what it is, one an event, and a last one by which a cut is noticed. Pure.

An event's line holds its bytes as the log has them, and beside them, for people and other programs, its fields. These
follow from the bytes, so that none can say what the bytes do not. docs/format.md tells the form.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import bson
import msgspec
from bson.timestamp import Timestamp
from msgspec import Meta
from msgspec.structs import asdict

from eventqueue.audit.seals import LogId
from eventqueue.audit.wanted import Wanted
from eventqueue.model.codec import LENIENT
from eventqueue.model.figures import instant
from eventqueue.system.printable import clean_json

FORMAT = "eventqueue-export"
VERSION = 2  # counted up with each change to what a line says; 2: since which jobs may be asked for by a filter
FIELDS = ("type", "schema", "id", "at", "actor", "bucket", "cause", "data", "prev", "hash")

_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which events were asked for; nothing: all there are. A word that is not known might make a part of it."""

    since: datetime | None = None
    until: datetime | None = None
    tag: str | None = None
    queue: str | None = None
    jobs: str | None = None  # all events of those that fit this filter, as a text, at the time of the export

    @property
    def version(self) -> int:
        """The oldest version of the form that knows it: an older reader would take a part for all of the log."""
        return 1 if self.jobs is None else 2

    @property
    def wanted(self) -> Wanted:
        """The same as the log is asked."""
        return Wanted(since=self.since, until=self.until, tag=self.tag, queue=self.queue)


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first line; `log`: the log's id, `export`: 16 random bytes in hex, by which this export is known."""

    format: str
    version: int
    log: LogId
    export: LogId
    made_at: Annotated[datetime, Meta(tz=True)]
    asked: Asked

    @property
    def document(self) -> Mapping[str, Any]:
        """As it is written."""
        return {**asdict(self), "made_at": instant(self.made_at)}


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: the number of events, and the SHA-256, in hex, over all lines before it with their ends."""

    events: int
    sha256: str


def lines(first: First, events: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of an export of stored events."""
    digest, number = sha256(), 0
    head = _line(first.document)
    digest.update(head)
    yield head
    for raw in events:
        one = line_of(raw)
        digest.update(one)
        number += 1
        yield one
    yield _line(Last(events=number, sha256=digest.hexdigest()))


def line_of(raw: bytes) -> bytes:
    """Return a stored event's line."""
    return _line({**fields(raw), "raw": raw})


def _line(document: Any) -> bytes:
    return clean_json(_encode(document).decode()).encode() + b"\n"


def fields(raw: bytes) -> dict[str, Any]:
    """Return a stored event's fields as JSON has them, as far as they can be read: None where there is none.

    Times are ISO 8601 with `Z`, bytes are hex, and what JSON has no value for is a text.
    """
    document = document_of(raw)
    place, ts = document.get("_id"), document.get("ts")
    stream, version = (place.get("stream"), place.get("version")) if isinstance(place, Mapping) else (None, None)
    taken = {"time": ts.time, "inc": ts.inc} if isinstance(ts, Timestamp) else None
    rest = {name: plain(document.get(name)) for name in FIELDS}
    return {"stream": plain(stream), "version": plain(version), "ts": taken, **rest}


def document_of(raw: bytes) -> Mapping[str, Any]:
    """Return a stored event as far as it can be read."""
    try:
        return bson.decode(raw, LENIENT)
    except (bson.errors.InvalidBSON, ValueError, OverflowError):
        return {}


def plain(value: Any) -> Any:
    """Return a stored value as JSON has it."""
    match value:
        case None | bool() | str():
            return value
        case int() if type(value) is int and -(2**63) <= value < 2**63:
            return value
        case float() if value - value == 0:  # neither without end nor none at all
            return value
        case datetime():
            return instant(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return str(value)
