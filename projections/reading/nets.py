"""How many jobs were in which state at a time that is past: the counters of now, less what moved since.

What moved is kept by minute, then by hour and by day, so this is known at the edges of those alone: who asks for a time
between two of them reads the log from the nearer one on. Counters, what moved and the checkpoint are read in one
snapshot, so on a busy queue they belong together. What the views have not applied yet is no part of either: only edges
are told before which they hold all that the log took. An event is visible some seconds after its `ts` at the latest, so
that is so of all that is older than the checkpoint's token by that.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import bson
from bson.max_key import MaxKey
from pymongo.client_session import ClientSession

from eventqueue.model.codec import CODEC, EPOCH
from eventqueue.model.job import State
from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.mongo.slices import slices
from eventqueue.ports.views import Counted
from projections.folds.projection import Key
from projections.folds.stats import NET_LENGTHS, Stats
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import PARKED, Generation

SECOND = timedelta(seconds=1)


def counted_near(live: Generation, moment: datetime) -> Counted | None:
    """See Views.counted_near."""
    with translated(), live.database.client.start_session(snapshot=True) as session:
        held = _checkpoint(live, session)
        if held is None or held.projections.get(Stats.name) != Stats.version:
            return None
        edge = _edge_near(live, moment, EPOCH + (token_time(held.token).time - VISIBLE_S) * SECOND, session)
        sums: dict[str, dict[State, int]] = defaultdict(lambda: defaultdict(int))
        for times, counters in ((1, _since(live, "state", "", session)), (-1, _moved_since(live, edge, session))):
            for key, counts in counters:
                for state, amount in counts.items():
                    sums[str(key[-1])][State(state)] += times * amount
        still = live.jobs.find(PARKED, {"version": 1}, session=session)
        return Counted(edge, sums, {one["_id"]: one.get("version", 0) for one in still})


def _checkpoint(live: Generation, session: ClientSession) -> Checkpoint | None:
    found = (
        live.database["checkpoints"]
        .with_options(CODEC)
        .find_one({"_id": live.number, "is_retired": None}, session=session)
    )
    return None if found is None else checkpoint.parsed(found)


def _edge_near(live: Generation, moment: datetime, whole_until: datetime, session: ClientSession) -> datetime:
    """Return the edge nearest to `moment` of what is counted together, `whole_until` at the latest."""
    at = min(moment, whole_until)
    begin, length = _around(live, at, session)
    end = begin + length
    return end if end <= whole_until and end - moment < moment - begin else begin


def _around(live: Generation, at: datetime, session: ClientSession) -> tuple[datetime, timedelta]:
    """Return the beginning and the length of what is counted together around a time: the longest there is."""
    for kind, seconds in reversed(NET_LENGTHS.items()):
        start = int(at.timestamp()) // seconds * seconds
        around = {"_id": {"$gte": {"key": [kind, start]}, "$lt": {"key": [kind, start, MaxKey()]}}}
        if kind == "net-minute" or live.tally(Stats.name).find_one(around, {"_id": 1}, session=session) is not None:
            return EPOCH + start * SECOND, seconds * SECOND
    raise AssertionError("a minute is around every time")


def _moved_since(live: Generation, edge: datetime, session: ClientSession) -> Iterator[tuple[Key, Mapping[str, int]]]:
    for kind in NET_LENGTHS:
        yield from _since(live, kind, int(edge.timestamp()), session)


def _since(
    live: Generation, kind: str, start: int | str, session: ClientSession
) -> Iterator[tuple[Key, Mapping[str, int]]]:
    keys = {"_id": {"$gte": {"key": [kind, start]}, "$lt": {"key": [kind, MaxKey()]}}}
    for stored in slices(live.tally(Stats.name), keys, session=session):
        for one in bson.decode_all(stored):
            yield tuple(one["_id"]["key"]), one["n"]
