"""The projector's lease: who works, of all the projectors that are started.

It lies in a document of its own: in the checkpoint's, its renewals would abort the batches. It is on the
database's clock alone, and it is a courtesy: what keeps two projectors apart is the fence.
"""

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import msgspec
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import QueueError
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE, MAJORITY

logger = logging.getLogger(__name__)

LENGTH = timedelta(seconds=3)
RENEWAL = timedelta(seconds=1)
_THE = {"_id": "projector"}
_UNTIL = {"$add": ["$$NOW", LENGTH // timedelta(milliseconds=1)]}
_FREE = datetime(1970, 1, 1, tzinfo=UTC)


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lease, and whether it has run out."""

    name: str
    is_live: bool


class Lease:
    """The one lease of a database's views, as `name` sees it."""

    def __init__(self, database: Database[Any], name: str) -> None:
        self._leases = database.get_collection("leases", None, ReadPreference.PRIMARY, DURABLE, MAJORITY)
        self._name = name

    def acquire(self) -> bool:
        """Take or renew the lease; False while another holds it."""
        held = self.holder()
        if held is not None and held.is_live and held.name != self._name:
            return False  # a standby asks every second: that should cost no write
        free = {"$or": [{"$eq": ["$holder", self._name]}, {"$lt": ["$until", "$$NOW"]}]}
        with translated():
            # Apart, since an upsert cannot ask for `$$NOW`.
            self._leases.update_one(_THE, {"$setOnInsert": {"holder": None, "until": _FREE}}, upsert=True)
            changed = self._leases.update_one(
                {**_THE, "$expr": free}, [{"$set": {"holder": {"$literal": self._name}, "until": _UNTIL}}]
            )
        return changed.matched_count == 1

    def renew(self) -> bool:
        """Renew the lease; False if it is another's by now."""
        with translated():
            changed = self._leases.update_one({**_THE, "holder": self._name}, [{"$set": {"until": _UNTIL}}])
        return changed.matched_count == 1

    def release(self) -> None:
        """Let an heir take over at once."""
        with translated():
            self._leases.update_one({**_THE, "holder": self._name}, {"$set": {"until": _FREE}})

    def holder(self) -> Holder | None:
        """Return who holds it, live or not; None if nobody ever did, or the last one released it."""
        live = {"$gte": ["$until", "$$NOW"]}
        with translated():
            found = next(
                self._leases.aggregate([{"$match": {**_THE, "until": {"$gt": _FREE}}}, {"$set": {"live": live}}]),
                None,
            )
        return None if found is None else Holder(found["holder"], found["live"])


class Renewal:
    """Renews a lease in a thread of its own, since a batch may take longer than the lease; a context manager."""

    def __init__(self, held: Lease) -> None:
        self._lease = held
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether the last renewal found the lease still ours."""
        return not self._lost.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._done.wait(RENEWAL.total_seconds()):
            try:
                if not self._lease.renew():
                    break
            except QueueError as error:
                logger.warning("the lease was not renewed: %s", error)
        else:
            return
        self._lost.set()
