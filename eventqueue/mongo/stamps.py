"""The log in order of `ts`: only where and when, and with which hash, an event stands, not what it says.

`ts` is no unique key, so a slice begins again at the last one's, and what was seen of it is passed over.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import bson
from bson.errors import InvalidBSON
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import CODEC, LENIENT, split
from eventqueue.mongo.log import MAJORITY
from eventqueue.mongo.slices import SLICE, outlasting

SHOWN = {"_id": 1, "ts": 1, "hash": 1}


def stamped(database: Database[Any], first: Timestamp, last: Timestamp) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the events that are stamped from `first` to `last`, slice by slice: `_id`, `ts` and `hash` of each."""
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    at, seen = first, set[str]()  # of those stamped `at`: others may be stamped the same
    with database.client.start_session(causal_consistency=True) as session:
        while True:
            limit = SLICE + len(seen)
            found = outlasting(partial(_slice, events, at, last, limit, session))
            fresh = [one for one in found if one["ts"] != at or repr(one["_id"]) not in seen]
            if fresh:
                yield fresh
            if len(found) < limit:
                return
            seen = (seen if found[-1]["ts"] == at else set()) | {
                repr(one["_id"]) for one in found if one["ts"] == found[-1]["ts"]
            }
            at = found[-1]["ts"]


def _slice(
    events: Collection[Any], first: Timestamp, last: Timestamp, limit: int, session: ClientSession
) -> list[Mapping[str, Any]]:
    with events.find_raw_batches(
        {"ts": {"$gte": first, "$lte": last}},
        SHOWN,
        sort=[("ts", 1)],
        limit=limit,
        batch_size=limit,
        session=session,
    ) as batches:
        return [one for batch in batches for one in _decoded(batch)]


def _decoded(batch: bytes) -> list[Mapping[str, Any]]:
    try:
        return bson.decode_all(batch, CODEC)
    except InvalidBSON:  # a name that is no UTF-8: nobody's here, but what stands beside it counts
        return [bson.decode(one, LENIENT) for one in split(batch)]
