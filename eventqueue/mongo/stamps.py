"""The log in order of `ts`: only where and when, and with which hash, an event stands, not what it says.

`ts` is no unique key, so a slice begins again at the last one's, and what was seen of it is passed over.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import bson
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import CODEC, LENIENT, split
from eventqueue.mongo.log import MAJORITY
from eventqueue.mongo.slices import outlasting

SHOWN = {"_id": 1, "ts": 1, "hash": 1}
SLICE = 5000  # events, of some hundred bytes each


def stamped(database: Database[Any], first: Timestamp, last: Timestamp) -> Iterator[list[bytes]]:
    """Yield the events that are stamped from `first` to `last`, slice by slice.

    Of each its `_id`, `ts` and `hash`, as the server returns these: not decoded, since they are many.
    """
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    at, seen = first, set[bytes]()  # of those stamped `at`: others may be stamped the same
    with database.client.start_session(causal_consistency=True) as session:
        while True:
            limit = SLICE + len(seen)
            found = outlasting(partial(_slice, events, at, last, limit, session))
            if fresh := [one for one in found if one not in seen]:
                yield fresh
            if len(found) < limit:
                return
            before, at = at, stamp_of(found[-1])
            seen = (seen if at == before else set()) | _stamped_last(found, at)


def stamp_of(event: bytes) -> Timestamp:
    """Return the `ts` of one of these events."""
    found: Timestamp = bson.decode(event, LENIENT)["ts"]
    return found


def _stamped_last(found: list[bytes], at: Timestamp) -> set[bytes]:
    """Return the events at the end that are stamped `at`: nearly always one."""
    last: set[bytes] = set()
    for event in reversed(found):
        if stamp_of(event) != at:
            break
        last.add(event)
    return last


def _slice(
    events: Collection[Any], first: Timestamp, last: Timestamp, limit: int, session: ClientSession
) -> list[bytes]:
    with events.find_raw_batches(
        {"ts": {"$gte": first, "$lte": last}},
        SHOWN,
        sort=[("ts", 1)],
        limit=limit,
        batch_size=limit,
        session=session,
    ) as batches:
        return [one for batch in batches for one in split(batch)]
