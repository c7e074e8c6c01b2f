"""The views as people read them: what they show, how far behind that is, and catching up when nobody else does.

A busy projector is never robbed of its place by someone who looks: while the checkpoint moves, a reader waits.
"""

import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

import bson
import msgspec
from bson.max_key import MaxKey
from bson.timestamp import Timestamp
from pymongo.collection import Collection
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import AccessDenied, Fenced, HistoryLost, JobParked, Refused, Unavailable, ViewsDamaged
from eventqueue.model.codec import EPOCH
from eventqueue.model.job import Job, State
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease, Renewal
from eventqueue.mongo.slices import outlasting, slices
from eventqueue.ports.finder import Signal
from eventqueue.ports.views import Building, Compared, Counts, Filter, Lag, Stats
from eventqueue.steering.pauses import Pauses
from projections.folds.agreement import ShownJob, differences, standing
from projections.folds.jobs import to_job
from projections.folds.projection import Key, Projection, unlike, versions
from projections.folds.report import LENGTHS, report
from projections.folds.stats import Stats as StatsView
from projections.keeping import checkpoint, generation
from projections.keeping.applier import Applier
from projections.keeping.catch_up import catch_up
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import Generation
from projections.keeping.integrity import check_taken, damage
from projections.keeping.projector import is_in_log, is_newer, recorded
from projections.keeping.rebuild import rebuild
from projections.keeping.rescan import rescan
from projections.keeping.signals import Signals
from projections.keeping.upgrade import let_go_on
from projections.reading.freshness import measure, passed
from projections.reading.health import missing, parked, skipped
from projections.reading.listing import listed
from projections.reading.snapshot import show

WAIT_S = 5.0  # how long a reader waits for a projector at most
STILL_S = 1.0  # how long a checkpoint must stand still before a reader moves it itself
LOOK_S = 0.02
LONG = 10_000  # events that are missing: to apply them takes so long that it is shown
ANEW = 6  # times as fast views are built anew as events are applied to them
OLD_S = 60  # a checkpoint's token that lags so far behind the database's clock costs every reader a longer scan


class ViewReader:
    """See eventqueue.ports.views.Views; `name` is how this reader is called while it holds the projector's lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._lease = Lease(ground.database, PROJECTING, name)
        self._session = ground.database.client.start_session()
        self.building: Building = lambda: nullcontext(lambda _: None)
        self._at_work = threading.Lock()  # the session and the lease are this reader's, not a thread's

    def refresh(self) -> Lag:
        """See Views.refresh."""
        # Once: what is appended from now on was not asked for, and under a steady stream there is always more.
        asked = majority_time(self._database)
        start = moved = ask_at = time.monotonic()
        seen: Checkpoint | None = None
        while True:
            held = recorded(self._ground)
            now = time.monotonic()
            if seen is None or held is None or held.token != seen.token:
                seen, moved = held, now
            # To ask the log's tail costs a projector at work its pace: soon again at first, then ever less often.
            is_asked = now >= ask_at or now - start > WAIT_S
            lag = self._lag(held, asked) if is_asked else passed(held, asked)
            if is_asked:
                ask_at = now + max(LOOK_S, now - start)
            if lag.is_fresh or now - start > WAIT_S:
                lag = self._of_whole(held, lag)
            if lag.is_fresh:
                self._keep_young(held, asked)
            if lag.is_fresh or now - start > WAIT_S:
                return lag
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
        """Apply what the log has. False where this process must not, as its code is not that of the views."""
        mine = versions(self._projections)
        if held is not None and held.projections != mine and not is_newer(mine, held.projections):
            return False
        # With the lease, so that of many readers one works and the others wait for it.
        if self._at_work.acquire(blocking=False):
            try:
                if self._lease.acquire():
                    self._lead(held)
            except Fenced:
                pass  # another process is at work: look again
            except AccessDenied:
                return False  # who may only read sees what there is, and how old it is
            finally:
                self._at_work.release()
        return True

    def _lead(self, held: Checkpoint | None) -> None:
        try:
            with Renewal(self._lease):
                if held is not None and not is_in_log(held, self._ground.log):
                    generation.retract(self._database)  # the views of another past: nobody may claim from them
                    held = None
                if held is not None and damage(self._database, held) is not None:
                    held = None
                if held is not None and held.projections == versions(self._projections):
                    self._go_on(held)
                else:
                    self._build()
        finally:
            self._lease.release()

    def _build(self) -> None:
        with self.building() as tell:
            rebuild(self._ground, self._projections, self._session, tell)

    def _go_on(self, held: Checkpoint) -> None:
        left = missing(self._ground, held)
        if left > LONG and left * ANEW > self._log_size():
            self._build()
            return
        try:
            with self.building() if left > LONG else nullcontext(lambda _: None) as show:
                self._apply(held, show)
        except ViewsDamaged:
            self._build()

    def _log_size(self) -> int:
        with translated():
            return (
                self._database["events"].with_options(read_preference=ReadPreference.PRIMARY).estimated_document_count()
            )

    def _apply(self, held: Checkpoint, show: Callable[[int], object]) -> None:
        taken = checkpoint.take_over(self._database, held.generation, self._session)
        check_taken(self._database, taken)
        applier = Applier(self._ground, taken, self._projections, self._session)
        applier.paused = Pauses(self._ground.log).all()
        signals = Signals(self._database)

        def tell(signal: Signal) -> None:
            signals.publish(signal)
            show(applier.held.applied)

        try:
            let_go_on(self._ground, applier)
            catch_up(self._ground, applier, majority_time(self._database), tell=tell)
        except HistoryLost:
            rescan(self._ground, applier, tell)

    def lag(self) -> Lag:
        """See Views.lag."""
        held = recorded(self._ground)
        return self._of_whole(held, self._lag(held, majority_time(self._database)))

    def _of_whole(self, held: Checkpoint | None, lag: Lag) -> Lag:
        """Return the lag, unknown where a part of the views is missing."""
        return lag if held is None or lag.seconds is None or damage(self._database, held) is None else Lag(None)

    def _lag(self, held: Checkpoint | None, asked: Timestamp) -> Lag:
        if held is None or not is_in_log(held, self._ground.log):
            return Lag(None)
        try:
            return measure(self._database, held, self._ground.clock.now(), asked)
        except HistoryLost:
            return Lag(None)

    def jobs(self, filter_: Filter) -> Iterator[Job]:
        """See Views.jobs."""
        with translated():
            yield from islice(filter(None, map(_readable, self._listed(filter_))), filter_.limit)

    def ids(self, filter_: Filter) -> Iterator[str]:
        """See Views.ids."""
        with translated():
            for document in islice(self._listed(filter_, {"_id": 1}), filter_.limit):
                yield document["_id"]

    def _listed(self, filter_: Filter, fields: Mapping[str, int] | None = None) -> Iterator[Mapping[str, Any]]:
        return listed(self._generation(), filter_, lambda: self._waiting(filter_.queue), fields)

    def _waiting(self, queue: str | None) -> int:
        counters = self.counters("stats", "state") if queue is None else self.counters("stats", "state", queue)
        return sum(counts.get(state, 0) for _, counts in counters for state in (State.PENDING, State.FAILED))

    def counts(self) -> Mapping[str, Counts]:
        """See Views.counts."""
        counts: dict[str, dict[State, int]] = defaultdict(lambda: defaultdict(int))
        for key, counters in self.counters("stats", "state"):
            for state, count in counters.items():
                counts[key[1]][State(state)] += count
        return counts

    def counters(self, name: str, *prefix: str) -> Sequence[tuple[Sequence[Any], Mapping[str, int]]]:
        """Return the counters of a projection whose keys begin with `prefix`, each with its key."""
        bounds = {"$gte": {"key": [*prefix]}, "$lt": {"key": [*prefix, MaxKey()]}}
        with translated():
            found = self._generation().tally(name).find({"_id": bounds})
            return [(document["_id"]["key"], document["n"]) for document in found]

    def stats(self, window: timedelta) -> Stats:
        """See Views.stats. Raises Refused where the live view counts otherwise than this code reads it."""
        held = recorded(self._ground)
        shown = None if held is None else held.projections.get(StatsView.name)
        if shown not in (None, StatsView.version):
            raise Refused(
                f"The stats are kept in version {shown}, this queuectl reads {StatsView.version}: upgrade the older of "
                "the two, or run `queuectl projections rebuild`."
            )
        now, counters = self._ground.clock.now(), self._generation().tally("stats")
        since = max(now - window, EPOCH) if window < now - EPOCH else EPOCH
        first: Key | None = None
        for kind in LENGTHS:  # the finest first: what is coarser is older
            with translated():
                oldest = counters.find_one({"_id": _keys_from(kind, 0)}, {"_id": 1}, sort=[("_id", 1)])
            first = tuple(oldest["_id"]["key"]) if oldest else first
        return report(_counted(counters, since), since, now, first, self._oldest())

    def _oldest(self) -> dict[str, datetime]:
        """Return, for each queue where a job waits to be claimed, since when the oldest one is due."""
        # One question, for which a key is read for each queue where jobs wait.
        first = {"$group": {"_id": "$queue", "due_at": {"$first": "$due_at"}}}
        now = self._ground.clock.now()
        with translated():
            found = self._generation().due.aggregate([{"$sort": {"queue": 1, "due_at": 1}}, first])
            return {one["_id"]: one["due_at"] for one in found if one["due_at"] <= now}

    def get(self, job_id: str) -> Job | None:
        """See Views.get."""
        for document in self._generation().find_jobs([job_id]):
            if document.get("parked"):
                raise JobParked(f"The view of job {job_id} stands still: {document['parked']['problem']}")
            try:
                return to_job(document)
            except msgspec.ValidationError as error:  # somebody has altered it
                raise JobParked(f"The view of job {job_id} cannot be read: {error}") from None
        return None

    def compare(self, folds: Sequence[Job], fold_to: Callable[[str, int], Job | None]) -> Mapping[str, Compared]:
        """See Views.compare."""
        while True:
            live = self._generation()
            shown = outlasting(partial(show, live, {"$in": [job.id for job in folds]}))
            if self._generation().number == live.number:  # else some of it was dropped, perhaps, while it was read
                now = self._ground.clock.now()
                return {job.id: _compared(shown.of(job.id), job, partial(fold_to, job.id), now) for job in folds}

    def parked(self) -> Mapping[str, str]:
        """See Views.parked."""
        live = generation.current(self._database)
        return {} if live is None else {one.job: one.problem for one in parked(live)}

    def snapshot(self) -> Mapping[str, Any]:
        """See Views.snapshot."""
        held, holder = recorded(self._ground), self._lease.holder()
        mine = versions(self._projections)
        still = [] if held is None else [one.job for one in parked(self._generation())]
        with translated():
            missing = [] if held is None else self._generation().indexes_missing()
        return {
            "holder": holder.name if holder and holder.is_live else None,
            "generation": held.generation if held else None,
            "applied": held.applied if held else None,
            "moved_at": held.moved_at if held else None,
            "parked": still,
            "indexes_missing": missing,
            "skipped": skipped(self._ground),
            "unlike": None if held is None or held.projections == mine else unlike(held.projections, mine),
            "damage": None if held is None else damage(self._database, held),
        }

    def _generation(self) -> Generation:
        live = generation.current(self._database)
        if live is None:
            raise Unavailable("The views are being built: try again in a moment, or run `queuectl projector start`.")
        return live


def _readable(document: Mapping[str, Any]) -> Job | None:
    """Return the job in a document; of one that somebody has altered a warning tells, since the others are listed."""
    try:
        return to_job(document)
    except msgspec.ValidationError as error:
        warnings.warn(
            f"Job {document['_id']} is passed over: its view cannot be read ({error}). `queuectl projections verify` "
            "names what was altered, and `queuectl projections rebuild` mends it.",
            stacklevel=1,
        )
        return None


def _compared(shown: ShownJob, job: Job, fold_to: Callable[[int], Job | None], now: datetime) -> Compared:
    try:
        if shown.version > job.version:
            return Compared()
        seen = job if shown.version == job.version else fold_to(shown.version)
        found = [*standing(shown, job.version), *differences(shown, seen, now)]
        is_behind = shown.version < job.version and not shown.parked
    except Exception as error:  # of what somebody has altered anything may be wrong
        return Compared([f"the view cannot be read: {type(error).__name__}: {error}"])
    return Compared([one.problem for one in found], is_behind=is_behind)


def _counted(counters: Collection[Any], since: datetime) -> Iterator[tuple[Key, Mapping[str, int]]]:
    """Yield the counters of all minutes, hours and days that reach beyond `since`."""
    # In one snapshot: else what is merged into a day meanwhile would come twice.
    with counters.database.client.start_session(snapshot=True) as session:
        for kind, length in LENGTHS.items():
            begin = int(since.timestamp()) // length * length
            for stored in slices(counters, {"_id": _keys_from(kind, begin)}, session=session):
                for one in bson.decode_all(stored):
                    yield tuple(one["_id"]["key"]), one["n"]


def _keys_from(kind: str, start: int) -> dict[str, Any]:
    return {"$gte": {"key": [kind, start]}, "$lt": {"key": [kind, MaxKey()]}}
