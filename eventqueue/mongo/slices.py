"""Reading much of a collection in order of `_id`: slice after slice, each a query of its own.

A client's deadline is for a whole cursor, so one over millions of documents would die of it at a size that nobody knows
beforehand. A slice is read again from its last document on, where a primary was elected or a connection lost.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from eventqueue.errors import Unavailable
from eventqueue.model.codec import LENIENT
from eventqueue.mongo.errors import may_read_on, to_queue_error
from eventqueue.mongo.patience import patient_until

SLICE = 1000  # documents
PATIENCE_S = 30.0
_DOCUMENT = 0x03  # the type of an element
_PAUSE_S = 0.1  # between two tries

Read = TypeVar("Read")


def slices(
    collection: Collection[Any],
    query: Mapping[str, Any],
    patience: float = PATIENCE_S,
    session: ClientSession | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    reverse: bool = False,
) -> Iterator[bytes]:
    """Yield what `query` finds, in order of `_id`: stored documents, or `fields` of them, some in one piece.

    `patience`: for how long, in seconds, it is tried to go on before Unavailable is raised. `session`: the caller's, of
    one snapshot. `reverse`: the last first.
    """
    order, beyond = (-1, "$lt") if reverse else (1, "$gt")
    # In one session, by which whoever is primary by then has to show at least what the slices before it were read from.
    own = session or collection.database.client.start_session(causal_consistency=True)
    with own if session is None else nullcontext():
        within, give_up = query, patient_until(patience)
        while True:
            found = 0
            try:
                with collection.find_raw_batches(
                    within, fields, sort=[("_id", order)], limit=SLICE, batch_size=SLICE, session=own
                ) as batches:
                    for batch in batches:
                        number, last = _end_of(batch)
                        found += number
                        within = {"$and": [query, {"_id": {beyond: last}}]}
                        yield batch
                        give_up = patient_until(patience)
            except PyMongoError as error:
                if not may_read_on(error) or time.monotonic() > give_up:
                    raise to_queue_error(error) from error
                time.sleep(_PAUSE_S)
                continue
            if found < SLICE:
                return


def outlasting(read: Callable[[], Read], patience: float = PATIENCE_S) -> Read:
    """Return what `read` does, which is called again where a primary was elected or a connection lost.

    `read` may raise the driver's errors, or Unavailable for them.
    """
    give_up = patient_until(patience)
    while True:
        try:
            return read()
        except Unavailable:
            if time.monotonic() > give_up:
                raise
        except PyMongoError as error:
            if not may_read_on(error) or time.monotonic() > give_up:
                raise to_queue_error(error) from error
        time.sleep(_PAUSE_S)


def _end_of(batch: bytes) -> tuple[int, Any]:
    """Return how many documents there are, and the `_id` of the last one."""
    number = place = last = 0
    while place < len(batch):
        last, number = place, number + 1
        place += int.from_bytes(batch[place : place + 4], "little")
    return number, id_of(batch[last:])


def id_of(stored: bytes) -> Any:
    """Return the `_id` of a stored document, of which nothing else need be readable: it stands in front.

    Not decoded, if it is a document: the bytes that the server compares by go back to it as they are.
    """
    start = len(b"size\x03_id\x00")
    size = int.from_bytes(stored[start : start + 4], "little")
    if stored[4] == _DOCUMENT:
        return RawBSONDocument(stored[start : start + size])
    return bson.decode(stored, LENIENT)["_id"]
