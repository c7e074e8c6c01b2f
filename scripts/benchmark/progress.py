"""How far log and views of a database have come, asked for so cheaply that the asking is not measured with it."""

import time
from collections.abc import Callable
from typing import Any

from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import DURABLE
from projections.keeping import checkpoint, generation

LOOK_S, LOOK_MAX_S = 0.01, 0.25
PATIENCE_S = 120.0  # without any progress


OTHERS = ("seal", "views", "worker")  # categories of which there are events in every run


def _of(category: str) -> dict[str, Any]:
    return {"_id": {"$gte": {"stream": f"{category}-"}, "$lt": {"stream": f"{category}."}}}


class Progress:
    """Of one database."""

    def __init__(self, ground: Ground) -> None:
        self._database = ground.database

    def events(self) -> int:
        """Return how many events of jobs the log has: a number that the server keeps, less the few that are counted."""
        events = self._database["events"]
        return events.estimated_document_count() - sum(events.count_documents(_of(other)) for other in OTHERS)

    def applied(self) -> int | None:
        """Return how many events are in the views; None while no projector keeps them."""
        live = generation.current(self._database)
        held = None if live is None else checkpoint.read(self._database, live.number)
        return held.applied if held is not None and held.fence else None

    def await_durable(self, count: int) -> None:
        """Return once the log has `count` events, all of them durable."""
        _await(self.events, count)
        # What the server counts may not be in its journal yet; with what is written after it, it is.
        self._database.get_collection("bench", write_concern=DURABLE).insert_one({})

    def await_applied(self, count: int) -> None:
        """Return once `count` events are in the views."""
        _await(lambda: self.applied() or 0, count)

    def await_projector(self) -> None:
        """Return once a projector keeps the views."""
        _await(lambda: int(self.applied() is not None), 1)


def _await(ask: Callable[[], int], count: int) -> None:
    """Return once `ask` returns `count` or more. Raises TimeoutError where what it returns changes no more."""
    first, start = ask(), time.monotonic()
    seen, since = first, start
    while (found := ask()) < count:
        now = time.monotonic()
        if found != seen:
            seen, since = found, now
        elif now - since > PATIENCE_S:
            raise TimeoutError(f"stands still at {found}")
        # The nearer the more often: to ask a hundred times a second all along takes 3 % of two processors.
        left_s = (count - found) * (now - start) / (found - first) if found > first else 0.0
        time.sleep(min(max(LOOK_S, left_s / 4), LOOK_MAX_S))
