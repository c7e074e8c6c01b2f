"""What has changed since the last seal: which streams, and up to where. What it costs follows what has changed.

An event is stamped before it can be read, so one with a smaller `ts` may come to light after one with a larger. Hence
two bounds: up to `until` nothing is missing; up to `looked` all that was there is in. Between the two the next seal
looks again, and passes over what it knows to be sealed.
"""

from collections.abc import Iterator, Mapping

import msgspec
from bson.timestamp import Timestamp

from eventqueue.audit.leaves import Leaf
from eventqueue.audit.seals import CATEGORY
from eventqueue.model.codec import NAME_MAX
from eventqueue.model.envelope import hash_in, place_in
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.mongo.timeline import Timeline, stamp_of

MOST = 10_000  # events in one seal, or somewhat more: what a seal takes does not grow with a backlog

BEGIN = Timestamp(0, 0)
_OURS = f"{CATEGORY}-".encode()


class Changes(msgspec.Struct, frozen=True):
    """The heads of the streams that have changed, in order of their names, and how many events they grew by."""

    leaves: tuple[Leaf, ...]
    events: int
    until: Timestamp
    looked: Timestamp


def settled(now: Timestamp) -> Timestamp:
    """Return up to which `ts` nothing comes to light any more at `now`, the log's time."""
    return Timestamp(max(now.time - VISIBLE_S, 0), 0)


def gather(
    timeline: Timeline,
    since: Timestamp,
    last: Timestamp,
    known: Mapping[bytes, int],
    *,
    sure: Timestamp,
    most: int = MOST,
) -> Changes:
    """Return what has changed in events that are stamped from `since` on, up to `last` (or less, if there is much).

    `known`: up to where each stream is sealed, of those that changed since then. `sure`: up to when nothing more comes
    to light. Streams of seals are none of them.
    """
    heads: dict[bytes, tuple[int, bytes]] = {}  # version and event
    events = 0
    for event in timeline.stamps({"ts": {"$gte": since, "$lte": last}}):
        stream, version = place_in(event) or (_OURS, 0)
        before = heads[stream][0] if stream in heads else known.get(stream, 0)
        if version > before and not stream.startswith(_OURS):
            heads[stream] = version, event
            events += 1
        if events >= most:
            looked = stamp_of(event)  # and others may be stamped the same: up to the one before
            return Changes(tuple(_leaves(heads)), events, min(_before(looked), sure), looked)
    return Changes(tuple(_leaves(heads)), events, max(min(sure, last), since), last)


def _leaves(heads: Mapping[bytes, tuple[int, bytes]]) -> Iterator[Leaf]:
    """Yield the heads that this package can have made; whatever else somebody has put there is not sealed."""
    for stream in sorted(heads):
        version, event = heads[stream]
        try:
            name, digest = stream.decode(), hash_in(event)
        except UnicodeDecodeError:
            continue
        if digest is not None and len(name) <= NAME_MAX and "\x00" not in name:
            yield Leaf(name, version, digest)


def _before(ts: Timestamp) -> Timestamp:
    return Timestamp(ts.time, ts.inc - 1) if ts.inc else Timestamp(max(ts.time - 1, 0), 2**32 - 1)
