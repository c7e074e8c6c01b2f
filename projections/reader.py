"""The views as people read them: what they show, how far behind that is, and catching up when nobody else does.

A busy projector is never robbed of its place by someone who looks: while the checkpoint moves, a reader waits.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bson.max_key import MaxKey
from bson.timestamp import Timestamp
from pymongo.cursor import Cursor

from eventqueue.errors import Fenced, HistoryLost, JobParked, Unavailable, UnknownEventType
from eventqueue.ground import Ground
from eventqueue.job import Job, State
from eventqueue.mongo_errors import translated
from eventqueue.views import Counts, Filter, Lag
from projections import checkpoint, generation
from projections.applier import Applier
from projections.catch_up import catch_up
from projections.checkpoint import Checkpoint, token_time
from projections.freshness import majority_time, measure
from projections.generation import Generation
from projections.jobs import to_job
from projections.lease import Lease, Renewal
from projections.projection import Projection
from projections.projector import check_log, is_in_log
from projections.rebuild import rebuild

WAIT_S = 5.0  # how long a reader waits for a projector at most
STILL_S = 1.0  # how long a checkpoint must stand still before a reader moves it itself
LOOK_S = 0.02
OLD_S = 60  # a checkpoint's token that lags so far behind the database's clock costs every reader a longer scan


class ViewReader:
    """See eventqueue.views.Views; `name` is how this reader is called while it holds the projector's lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._lease = Lease(ground.database, name)
        self._session = ground.database.client.start_session()
        self._at_work = threading.Lock()  # the session and the lease are this reader's, not a thread's

    def refresh(self) -> Lag:
        """See Views.refresh."""
        # Once: what is appended from now on was not asked for, and under a steady stream there is always more.
        asked = majority_time(self._database)
        start = moved = time.monotonic()
        seen: Checkpoint | None = None
        while True:
            held = self._checkpoint()
            lag = self._lag(held, asked)
            now = time.monotonic()
            if lag.is_fresh:
                self._keep_young(held, asked)
            if lag.is_fresh or now - start > WAIT_S:
                return lag
            if seen is None or held is None or held.token != seen.token:
                seen, moved = held, now
            if self._is_idle(held, now - moved) and not self._catch_up(held):
                return lag
            time.sleep(LOOK_S)

    def _keep_young(self, held: Checkpoint | None, asked: Timestamp) -> None:
        """Move a checkpoint that nobody moves over a quiet stretch of the log, for the readers to come."""
        if held is not None and asked.time - token_time(held.token).time > OLD_S and self._is_idle(held, OLD_S):
            self._catch_up(held)

    def _is_idle(self, held: Checkpoint | None, stood_s: float) -> bool:
        holder = self._lease.holder()
        if holder is None:  # nobody ever worked, or the last one left in order
            return True
        return not holder.is_live and (held is None or stood_s > STILL_S)

    def _catch_up(self, held: Checkpoint | None) -> bool:
        """Apply what the log has. False where this process must not, as its code is not that of views and log."""
        mine = {one.name: one.version for one in self._projections}
        if held is not None and held.projections != mine:
            return False
        # With the lease, so that of many readers one works and the others wait for it.
        if self._at_work.acquire(blocking=False):
            try:
                if self._lease.acquire():
                    self._lead(held)
            except Fenced:
                pass  # another process is at work: look again
            except UnknownEventType:
                return False
            finally:
                self._at_work.release()
        return True

    def _lead(self, held: Checkpoint | None) -> None:
        try:
            with Renewal(self._lease):
                if held is not None and is_in_log(held, self._ground.log):
                    self._go_on(held)
                else:
                    rebuild(self._ground, self._projections, self._session)
        finally:
            self._lease.release()

    def _go_on(self, held: Checkpoint) -> None:
        taken = checkpoint.take_over(self._database, held.generation, self._session)
        applier = Applier(self._ground, taken, self._projections, self._session)
        try:
            catch_up(self._ground, applier, majority_time(self._database))
        except HistoryLost:
            rebuild(self._ground, self._projections, self._session)

    def _checkpoint(self) -> Checkpoint | None:
        live = generation.current(self._database)
        found = None if live is None else checkpoint.read(self._database, live.number)
        if found is not None:
            check_log(found, self._ground.log_id)
        return found

    def lag(self) -> Lag:
        """See Views.lag."""
        return self._lag(self._checkpoint(), majority_time(self._database))

    def _lag(self, held: Checkpoint | None, asked: Timestamp) -> Lag:
        if held is None or not is_in_log(held, self._ground.log):
            return Lag(None)
        try:
            return measure(self._database, held, self._ground.clock.now(), asked)
        except HistoryLost:
            return Lag(None)

    def list(self, filter_: Filter) -> Sequence[Job]:
        """See Views.list."""
        with translated():
            return [to_job(document) for document in self._find(filter_) if document.get("version")]

    def _find(self, filter_: Filter) -> Cursor[Any]:
        by = "updated_at" if filter_.state in (State.FAILED, State.DEAD) else "created_at"
        query: dict[str, Any] = {}
        if filter_.state is not None:
            query["state"] = filter_.state.value
        if filter_.queue is not None:
            query["queue"] = filter_.queue
        if filter_.tag is not None:
            query["tags"] = filter_.tag
        if filter_.since is not None:
            query[by] = {"$gte": filter_.since}
        if filter_.error is not None:
            query["last_error.message"] = {"$regex": re.escape(filter_.error)}
        order = [(by, -1)] if by == "updated_at" else [(by, -1), ("_id", -1)]
        return self._generation().jobs.find(query, sort=order, limit=filter_.limit or 0)

    def counts(self) -> Mapping[str, Counts]:
        """See Views.counts."""
        counts: dict[str, dict[State, int]] = defaultdict(lambda: defaultdict(int))
        for key, counters in self.counters("stats", "state"):
            for state, count in counters.items():
                counts[key[1]][State(state)] += count
        return counts

    def counters(self, name: str, kind: str) -> Sequence[tuple[Sequence[Any], Mapping[str, int]]]:
        """Return the counters of a projection whose keys begin with `kind`, each with its key."""
        bounds = {"$gte": {"key": [kind]}, "$lt": {"key": [kind, MaxKey()]}}
        with translated():
            found = self._generation().tally(name).find({"_id": bounds})
            return [(document["_id"]["key"], document["n"]) for document in found]

    def get(self, job_id: str) -> Job | None:
        """See Views.get."""
        with translated():
            found = self._generation().jobs.find_one({"_id": job_id})
        if found is None:
            return None
        if found.get("parked"):
            raise JobParked(f"The view of job {job_id} stands still: {found['parked']}")
        return to_job(found)

    def snapshot(self) -> Mapping[str, Any]:
        """See Views.snapshot."""
        held, holder = self._checkpoint(), self._lease.holder()
        jobs = None if held is None else self._generation().jobs
        with translated():
            parked = [] if jobs is None else jobs.distinct("_id", {"parked": {"$type": "string"}})
            indexes = {} if jobs is None else jobs.index_information()
        wanted = [] if jobs is None else [index.document["name"] for index in generation.JOB_INDEXES]
        return {
            "holder": holder.name if holder and holder.is_live else None,
            "generation": held.generation if held else None,
            "applied": held.applied if held else None,
            "moved_at": held.moved_at if held else None,
            "parked": parked,
            "indexes_missing": [name for name in wanted if name not in indexes],
        }

    def _generation(self) -> Generation:
        live = generation.current(self._database)
        if live is None:
            raise Unavailable("The views are being built: try again in a moment, or run `queuectl projector start`.")
        return live
