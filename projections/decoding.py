"""Stored events as the runtime reads them: recorded, or poison, so that one that cannot be read stops nobody."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import bson
import msgspec
from bson.codec_options import DatetimeConversion
from bson.errors import InvalidBSON

from eventqueue.codec import CODEC, from_document, split
from eventqueue.errors import UnreadableEvent
from eventqueue.events import Recorded

# For the place of an event that Python cannot hold: a date beyond the year 9999, a text that is no UTF-8.
_LENIENT = CODEC.with_options(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)

Document = Mapping[str, Any]


class Poison(msgspec.Struct, frozen=True):
    """An event that cannot be read; its job is parked.

    `stream` is empty for one that stands in none: under an `_id` that is no stream and version. It is no job's.
    """

    stream: str
    version: int
    problem: str


def events_in(
    batch: bytes, stored: Callable[[Document], Document] = lambda document: document
) -> Iterator[tuple[Document, Recorded | Poison]]:
    """Yield each document of a batch with its event, which `stored` finds in it.

    Raises UnknownEventType for an event of a newer eventqueue: that is no poison.
    """
    try:
        documents = bson.decode_all(batch, CODEC)
    except InvalidBSON:  # one of them: find out which
        for raw in split(batch):
            yield _one(raw, stored)
        return
    for document in documents:
        yield document, _event(stored(document))


def _one(raw: bytes, stored: Callable[[Document], Document]) -> tuple[Document, Recorded | Poison]:
    try:
        document: Document = bson.decode(raw, CODEC)
    except InvalidBSON as error:
        document = bson.decode(raw, _LENIENT)
        return document, _poison(stored(document), error)
    return document, _event(stored(document))


def _event(document: Document) -> Recorded | Poison:
    try:
        return from_document(document)
    except UnreadableEvent as error:
        return _poison(document, error)


def _poison(document: Document, error: Exception) -> Poison:
    match document["_id"]:
        # A replaced character is none of the name's: there is no telling whose event this was.
        case {"stream": str(stream), "version": int(version), **more} if not more and "\ufffd" not in stream:
            if next(iter(document["_id"])) == "stream":
                return Poison(stream, version, str(error))
    return Poison("", 0, str(error))
