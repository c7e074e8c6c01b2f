"""Stored events as the runtime reads them: recorded, or poison, so that one that cannot be read stops nobody."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import bson
import msgspec
from bson.errors import InvalidBSON

from eventqueue.errors import LogCorrupt, UnknownEventType, UnreadableEvent
from eventqueue.model.codec import CODEC, LENIENT, from_document, split
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import Recorded
from eventqueue.ports.log import EventLog

CHUNK = 2000  # events in a run of whole streams, and as many as the last one has beyond

Document = Mapping[str, Any]


class Poison(msgspec.Struct, frozen=True):
    """An event that cannot be read; its job is parked.

    `stream` is empty for one that stands in none: under an `_id` that is no stream and version. It is no job's.
    `unknown`: its type and schema, where only a newer eventqueue can read it.
    """

    stream: str
    version: int
    problem: str
    unknown: tuple[str, int] | None = None


def events_in(
    batch: bytes, stored: Callable[[Document], Document] = lambda document: document
) -> Iterator[tuple[Document, Recorded | Poison]]:
    """Yield each document of a batch with its event, which `stored` finds in it."""
    try:
        documents = bson.decode_all(batch, CODEC)
    except InvalidBSON:  # one of them: find out which
        for raw in split(batch):
            yield event_in(raw, stored)
        return
    for document in documents:
        yield document, _event(stored(document))


def whole_streams(batches: Iterable[bytes], most: int) -> Iterator[tuple[list[Recorded | Poison], int]]:
    """Yield the events of `batches` in runs of about `most`, cut between streams; each with its bytes, or some more.

    What stands in no stream is left out: it would part the events of one that it stands among.
    """
    run: list[Recorded | Poison] = []
    size = 0
    for batch in batches:
        size += len(batch)
        for _, event in events_in(batch):
            if not event.stream:
                continue
            if len(run) >= most and event.stream != run[-1].stream:
                yield run, size
                run, size = [], len(batch)
            run.append(event)
    if run:
        yield run, size


def read(log: EventLog, stream: str, after: int = 0) -> list[Recorded | Poison]:
    """As `log.read`, with poison where an event cannot be read."""
    batch = b"".join(log.read_raw(stream, after))
    return [event for _, event in events_in(batch) if event.stream == stream] if batch else []


def event_in(
    raw: bytes, stored: Callable[[Document], Document] = lambda document: document
) -> tuple[Document, Recorded | Poison]:
    """Return one document, as stored, with its event, which `stored` finds in it."""
    try:
        document: Document = bson.decode(raw, CODEC)
    except InvalidBSON as error:
        document = bson.decode(raw, LENIENT)
        event = stored(document)
        why = str(error).partition(" (Consider")[0]  # advice of the driver's, for whoever calls it
        return document, _poison(event, UnreadableEvent(f"Event {event.get('_id')} cannot be read: {why}."))
    return document, _event(stored(document))


def _event(document: Document) -> Recorded | Poison:
    try:
        return from_document(document)
    except LogCorrupt as error:
        return _poison(document, error)


def _poison(document: Document, error: Exception) -> Poison:
    problem, unknown = str(error), None
    if isinstance(error, UnknownEventType):
        problem, unknown = f"a newer eventqueue wrote this: {error.what}", (error.event_type, error.schema)
    match document["_id"]:
        # A replaced character is none of the name's: there is no telling whose event this was.
        case {"stream": str(stream), "version": int(version), **more} if not more and "\ufffd" not in stream:
            if next(iter(document["_id"])) == "stream" and 1 <= version <= VERSION_MAX:
                return Poison(stream, version, problem, unknown)
    return Poison("", 0, problem)
