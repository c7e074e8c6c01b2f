"""Whether the views are at the end of the log, exactly, and if not, how far behind.

The change stream itself is asked: opened at the checkpoint's token, does it hold an event, or has it passed, without
one, the time up to which the log was majority-committed when the question was put?
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import CODEC
from eventqueue.mongo.log import MAJORITY
from eventqueue.ports.views import Lag
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.tail import check_alive, history_translated

_PIPELINE: list[Mapping[str, Any]] = [
    {"$match": {"operationType": "insert"}},
    {"$project": {"documentKey": 1, "wallTime": 1}},
]


def passed(checkpoint: Checkpoint | None, asked: Timestamp) -> Lag:
    """Return whether the views have passed the time `asked`, as far as the checkpoint alone tells; else unknown."""
    # Not at the same time: from 8.0 on, the events of one batch share it, and the checkpoint may lie between them.
    return Lag(0.0 if checkpoint is not None and token_time(checkpoint.token) > asked else None)


def measure(database: Database[Any], checkpoint: Checkpoint, now: datetime, asked: Timestamp) -> Lag:
    """Return how far the views at `checkpoint` are behind the log as it stood at the majority time `asked`.

    `now` is on the database's clock. Raises HistoryLost where the oplog no longer tells.
    """
    if passed(checkpoint, asked).is_fresh:
        return Lag(0.0)
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    with (
        history_translated(is_far=True),
        events.watch(_PIPELINE, resume_after=checkpoint.token, batch_size=1, max_await_time_ms=1) as stream,
    ):
        while True:
            change = stream.try_next()
            if change is not None and token_time(change["_id"]) > asked:
                return Lag(0.0)
            if change is not None:
                return Lag(max(0.001, (now - change["wallTime"]).total_seconds()))
            check_alive(stream)
            position = stream.resume_token
            if position is not None and token_time(position) >= asked:
                return Lag(0.0)
