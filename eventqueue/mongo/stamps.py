"""The log in order of `ts`: only where and when, and with which hash, an event stands, not what it says.

`ts` is no unique key, so a slice begins again at the last one's. Of what is more than a slice of one `ts`, as only a
hand can have put it there, the places tell where to go on.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import takewhile
from typing import Any

import bson
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import CODEC, LENIENT, split
from eventqueue.mongo.log import MAJORITY
from eventqueue.mongo.slices import outlasting, slices

SHOWN = {"_id": 1, "ts": 1, "hash": 1}
SLICE = 5000  # events, of some hundred bytes each


def stamped(database: Database[Any], first: Timestamp, last: Timestamp) -> Iterator[list[bytes]]:
    """Yield the events that are stamped from `first` to `last`, slice by slice.

    Of each its `_id`, `ts` and `hash`, as the server returns these: not decoded, since they are many.
    """
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    bounds: Mapping[str, Any] = {"$gte": first, "$lte": last}
    with database.client.start_session(causal_consistency=True) as session:
        while True:
            found = outlasting(partial(_slice, events, bounds, session))
            if len(found) < SLICE:
                if found:
                    yield found
                return
            at = stamp_of(found[-1])
            if sure := found[: len(found) - _stamped_last(found, at)]:  # of those stamped `at` there may be more
                yield sure
                bounds = {"$gte": at, "$lte": last}
            else:
                yield from (list(split(batch)) for batch in slices(events, {"ts": at}, session=session, fields=SHOWN))
                bounds = {"$gt": at, "$lte": last}


def stamp_of(event: bytes) -> Timestamp:
    """Return the `ts` of one of these events."""
    found: Timestamp = bson.decode(event, LENIENT)["ts"]
    return found


def _stamped_last(found: list[bytes], at: Timestamp) -> int:
    """Return how many events at the end are stamped `at`: nearly always one."""
    return sum(1 for _ in takewhile(lambda event: stamp_of(event) == at, reversed(found)))


def _slice(events: Collection[Any], bounds: Mapping[str, Any], session: ClientSession) -> list[bytes]:
    with events.find_raw_batches(
        {"ts": bounds}, SHOWN, sort=[("ts", 1)], limit=SLICE, batch_size=SLICE, session=session
    ) as batches:
        return [one for batch in batches for one in split(batch)]
