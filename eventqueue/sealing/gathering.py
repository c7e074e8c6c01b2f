"""What has changed since the last seal: which streams, and up to where. What it costs follows what has changed.

An event is stamped before it can be read, so one with a smaller `ts` may come to light after one with a larger. Hence
two bounds: up to `until` nothing is missing; up to `looked` all that was there is in. Between the two the next seal
looks again, and passes over what it knows to be sealed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.audit.leaves import Leaf
from eventqueue.audit.seals import CATEGORY
from eventqueue.model.codec import NAME_MAX
from eventqueue.model.events import category_of
from eventqueue.mongo.stamps import stamped

OVERLAP_S = 20  # an append that takes longer than half of it is given up by the server: see `MongoLog`
MOST = 100_000  # events in one seal, more or less: what a seal takes of memory does not grow with a backlog

BEGIN = Timestamp(0, 0)


class Changes(msgspec.Struct, frozen=True):
    """The heads of the streams that have changed, in order of their names, and how many events they grew by."""

    leaves: tuple[Leaf, ...]
    events: int
    until: Timestamp
    looked: Timestamp


def gather(
    database: Database[Any], since: Timestamp, now: Timestamp, known: Mapping[str, int], most: int = MOST
) -> Changes:
    """Return what has changed in events that are stamped from `since` on, up to `now` (or less, if there is much).

    `known`: up to where each stream is sealed, of those that changed since then. Streams of seals are none of them.
    """
    heads: dict[str, Leaf] = {}
    events = 0
    settled = Timestamp(max(now.time - OVERLAP_S, 0), 0)
    for found in stamped(database, since, now):
        for leaf in _leaves(found):
            before = heads.get(leaf.stream)
            if leaf.version > (known.get(leaf.stream, 0) if before is None else before.version):
                heads[leaf.stream] = leaf
                events += 1
        if events >= most:
            looked: Timestamp = found[-1]["ts"]  # and others may be stamped the same: up to the one before
            return _changes(heads, events, min(_before(looked), settled), looked)
    return _changes(heads, events, max(settled, since), now)


def _changes(heads: Mapping[str, Leaf], events: int, until: Timestamp, looked: Timestamp) -> Changes:
    return Changes(tuple(sorted(heads.values(), key=lambda leaf: leaf.data)), events, until, looked)


def _leaves(found: list[Mapping[str, Any]]) -> Iterator[Leaf]:
    """Yield the places that an event of this package can have; whatever else somebody has put there is not sealed."""
    for one in found:
        match one:
            case {"_id": {"stream": str(stream), "version": int(version)}, "hash": bytes(digest)} if (
                len(digest) == 32 and version > 0 and is_sealed(stream)
            ):
                yield Leaf(stream, version, bytes(digest))


def is_sealed(stream: str) -> bool:
    """Whether a stream is one of those that are sealed."""
    return category_of(stream) != CATEGORY and len(stream) <= NAME_MAX and "\x00" not in stream


def _before(ts: Timestamp) -> Timestamp:
    return Timestamp(ts.time, ts.inc - 1) if ts.inc else Timestamp(max(ts.time - 1, 0), 2**32 - 1)
