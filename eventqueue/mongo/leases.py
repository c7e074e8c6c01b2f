"""Leases: until when something is somebody's, on the database's clock alone.

One document a role in `leases`: who works, of all who are started for it, and what he tells of it. A lease is a
courtesy: what keeps two holders apart in the end is a fence, or the version of an append. (A worker's lease is in its
own document, since its death is noted there too: see `incarnations.py`.)
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Self

import msgspec
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced, QueueError
from eventqueue.model.codec import CODEC, EPOCH
from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import DURABLE, MAJORITY

logger = logging.getLogger(__name__)

LENGTH = timedelta(seconds=3)
RENEWAL = timedelta(seconds=1)
PROJECTING, BUILDING, SEALING = "projector", "builder", "sealer"  # the roles that there are
RATE_OVER = 5  # renewals
FREE = EPOCH
"""The end of a lease that nobody holds, or ever held."""


def until(length: timedelta) -> Mapping[str, Any]:
    """Return, as the server computes it, the end of a lease that is taken or renewed now, on the database's clock."""
    return {"$add": ["$$NOW", length // timedelta(milliseconds=1)]}


def is_over(field: str) -> Mapping[str, Any]:
    """Return, as the server computes it, whether the lease that ends at `field` has ended."""
    return {"$lt": [f"${field}", "$$NOW"]}


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lease, and whether it has run out."""

    name: str
    is_live: bool


class Progress(msgspec.Struct, frozen=True):
    """How far a holder has come: so much was done since it took its place, and all up to `caught_up_at`."""

    applied: int
    caught_up_at: datetime | None


class Told(msgspec.Struct, frozen=True):
    """What the last holder told of itself: how much is done a second, and why it left, if it left for a reason."""

    rate: float | None = None
    caught_up_at: datetime | None = None
    left: str | None = None


class Lease:
    """The lease of a role, as `name` sees it."""

    def __init__(self, database: Database[Any], role: str, name: str) -> None:
        self._leases = database.get_collection("leases", CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)
        self._name = name
        self._the = {"_id": role}

    def acquire(self) -> bool:
        """Take or renew the lease; False while another holds it."""
        held = self.holder()
        if held is not None and held.is_live and held.name != self._name:
            return False  # a standby asks several times a second: that should cost no write
        free = {"$or": [{"$eq": ["$holder", self._name]}, is_over("until")]}
        taken = {"holder": {"$literal": self._name}, "until": until(LENGTH), "rate": None, "left": None}
        with translated():
            # Apart, since an upsert cannot ask for `$$NOW`.
            self._leases.update_one(self._the, {"$setOnInsert": {"holder": None, "until": FREE}}, upsert=True)
            changed = self._leases.update_one({**self._the, "$expr": free}, [{"$set": taken}])
        return changed.matched_count == 1

    def renew(self, told: Told | None = None) -> bool:
        """Renew the lease, and tell how it goes; False if it is another's by now."""
        news = {} if told is None else {"rate": told.rate, "caught_up_at": told.caught_up_at}
        with translated():
            # Not one that was released meanwhile: an heir is to have it at once.
            held = {**self._the, "holder": self._name, "until": {"$gt": FREE}}
            changed = self._leases.update_one(held, [{"$set": {"until": until(LENGTH), **news}}])
        return changed.matched_count == 1

    def release(self, left: str | None = None) -> None:
        """Let an heir take over at once; `left`: for what reason, if an operator should know."""
        with translated():
            self._leases.update_one(
                {**self._the, "holder": self._name}, {"$set": {"until": FREE, "rate": None, "left": left}}
            )

    def holder(self) -> Holder | None:
        """Return who holds it, live or not; None if nobody ever did, or the last one released it."""
        live = {"$set": {"live": {"$not": [is_over("until")]}}}
        with translated():
            found = next(self._leases.aggregate([{"$match": {**self._the, "until": {"$gt": FREE}}}, live]), None)
        return None if found is None else Holder(found["holder"], found["live"])

    def told(self) -> Told:
        """Return what the last holder told of itself."""
        with translated():
            found = self._leases.find_one(self._the)
        try:
            return Told() if found is None else msgspec.convert(found, Told)
        except msgspec.ValidationError:  # somebody has altered it: it tells nothing
            return Told()


class Renewal:
    """Renews a lease in a thread of its own, since a batch may take longer than the lease; a context manager."""

    def __init__(self, held: Lease) -> None:
        self._lease = held
        self._done = threading.Event()
        self._lost = threading.Event()
        self._progress: Callable[[], Progress] | None = None
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_OVER + 1)
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether the last renewal found the lease still ours."""
        return not self._lost.is_set()

    def check(self) -> None:
        """Raise Fenced where the lease is lost."""
        if not self.is_held:
            raise Fenced("Another process has taken the lease.")

    def tell(self, progress: Callable[[], Progress]) -> None:
        """Tell, with each renewal from now on, how it goes."""
        self._progress = progress

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._done.wait(RENEWAL.total_seconds()):
            try:
                if not self._lease.renew(self._told()):
                    break
            except Exception as error:  # whatever it is: if this ended, who works would take the lease for held
                why = str(error) if isinstance(error, QueueError) else f"{type(error).__name__}: {error}"
                logger.warning("the lease was not renewed: %s", why)
        else:
            return
        self._lost.set()

    def _told(self) -> Told | None:
        if self._progress is None:
            return None
        now = self._progress()
        self._marks.append((time.monotonic(), now.applied))
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        rate = (last - first) / (end - start) if end > start else None
        return Told(rate, now.caught_up_at)
