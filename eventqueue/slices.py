"""Reading much of a collection in order of `_id`: slice after slice, each a query of its own.

A client's deadline is for a whole cursor, so one over millions of documents would die of it at a size that nobody knows
beforehand. A slice is read again from its last document on, where a primary was elected or a connection lost.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from eventqueue.mongo_errors import may_read_on, to_queue_error

SLICE = 1000  # documents
_PAUSE_S = 0.1  # between two tries


def slices(collection: Collection[Any], query: Mapping[str, Any], patience: float) -> Iterator[bytes]:
    """Yield what `query` finds, in order of `_id`: stored documents, some in one piece.

    `patience`: for how long, in seconds, it is tried to go on before Unavailable is raised.
    """
    # In one session, by which whoever is primary by then has to show at least what the slices before it were read from.
    with collection.database.client.start_session(causal_consistency=True) as session:
        within, give_up = query, time.monotonic() + patience
        while True:
            found = 0
            try:
                with collection.find_raw_batches(
                    within, sort=[("_id", 1)], limit=SLICE, batch_size=SLICE, session=session
                ) as batches:
                    for batch in batches:
                        number, last = _end_of(batch)
                        found += number
                        within = {"$and": [query, {"_id": {"$gt": last}}]}
                        yield batch
                        give_up = time.monotonic() + patience
            except PyMongoError as error:
                if not may_read_on(error) or time.monotonic() > give_up:
                    raise to_queue_error(error) from error
                time.sleep(_PAUSE_S)
                continue
            if found < SLICE:
                return


def _end_of(batch: bytes) -> tuple[int, Any]:
    """Return how many documents there are, and the `_id` of the last one."""
    number = place = last = 0
    while place < len(batch):
        last, number = place, number + 1
        place += int.from_bytes(batch[place : place + 4], "little")
    # Not decoded: the bytes that the server compares by go back to it as they are.
    return number, RawBSONDocument(batch[last:])["_id"]
