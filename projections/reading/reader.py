"""The views as people read them: jobs, lists, counters, and what an operator wants to know of it all."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import bson
import msgspec
from bson.max_key import MaxKey

from eventqueue.errors import AccessDenied, JobParked, Refused, Unavailable
from eventqueue.model.job import Job, State
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease
from eventqueue.mongo.slices import slices
from eventqueue.ports.views import Ahead, Building, Counted, Counts, Failure, Filter, Lag, Rate, Stats, Totals, Trait
from projections.folds.jobs import to_job
from projections.folds.projection import Projection, unlike, versions
from projections.folds.report import totals
from projections.folds.stats import TOTAL
from projections.folds.stats import Stats as StatsView
from projections.keeping import generation
from projections.keeping.generation import Generation
from projections.keeping.integrity import damage
from projections.keeping.provenance import recorded
from projections.reading import queues, windows
from projections.reading.health import parked, skipped
from projections.reading.listing import BRIEF, FAILURE, TRAITS, ending, failure, listed, trait
from projections.reading.nets import counted_near
from projections.reading.refreshing import Refreshing

T = TypeVar("T")


class ViewReader:
    """See eventqueue.ports.views.Views; `name` is how this reader is called while it holds the projector's lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._refreshing = Refreshing(ground, projections, name)

    @property
    def building(self) -> Building:
        """See Views.building."""
        return self._refreshing.building

    @building.setter
    def building(self, entered: Building) -> None:
        self._refreshing.building = entered

    def refresh(self) -> Lag:
        """See Views.refresh."""
        return self._refreshing.refresh()

    def lag(self) -> Lag:
        """See Views.lag."""
        return self._refreshing.lag()

    def applied(self) -> int | None:
        """See Views.applied."""
        with translated():
            held = recorded(self._ground)
        return None if held is None else held.applied

    def jobs(self, filter_: Filter, *, is_brief: bool = False) -> Iterator[Job]:
        """See Views.jobs."""
        with translated():
            found = self._listed(filter_, BRIEF if is_brief else None)
            yield from islice(filter(None, (_readable(one, to_job) for one in found)), filter_.limit)

    def ids(self, filter_: Filter) -> Iterator[str]:
        """See Views.ids."""
        with translated():
            for document in islice(self._listed(filter_, {"_id": 1}), filter_.limit):
                yield document["_id"]

    def ending(self, end: str, most: int) -> Sequence[str]:
        """See Views.ending."""
        live = generation.current(self._database)
        with translated():
            return [] if live is None else ending(live, end, most)

    def failures(self, filter_: Filter) -> Iterator[Failure]:
        """See Views.failures."""
        with translated():
            found = map(failure, self._listed(filter_, FAILURE))
            yield from islice((one for one in found if one is not None), filter_.limit)

    def traits(self, filter_: Filter, by: str) -> Iterator[Trait]:
        """See Views.traits."""
        with translated():
            found = (_readable(one, partial(trait, filter_)) for one in self._listed(filter_, TRAITS[by]))
            yield from islice(filter(None, found), filter_.limit)

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

    def counted_near(self, moment: datetime) -> Counted | None:
        """See Views.counted_near."""
        live = generation.current(self._database)
        return None if live is None else counted_near(live, moment)

    def stats(self, window: timedelta, until: datetime | None = None) -> Stats:
        """See Views.stats. Raises Refused where the live view counts otherwise than this code reads it."""
        self._check_stats()
        counters = self._generation().tally("stats")
        if until is None:
            return windows.latest(counters, window, self._ground.clock.now(), self.due_since())
        return windows.earlier(self._ground, counters, window, until)

    def rates(self, window: timedelta, until: datetime | None = None, queue: str | None = None) -> Sequence[Rate]:
        """See Views.rates. Raises Refused as `stats`."""
        self._check_stats()
        counters, end = self._generation().tally("stats"), until or self._ground.clock.now()
        return windows.course(counters, window, end, queue, is_past=until is not None)

    def totals(self) -> Mapping[str, Totals]:
        """See Views.totals. Raises Refused as `stats`."""
        if (live := generation.current(self._database)) is None:
            return {}
        self._check_stats()
        keys = {"_id": {"$gte": {"key": [TOTAL]}, "$lt": {"key": [TOTAL, MaxKey()]}}}
        return {
            str(one["_id"]["key"][1]): totals(one["n"])
            for stored in slices(live.tally("stats"), keys)
            for one in bson.decode_all(stored)
        }

    def _check_stats(self) -> None:
        held = recorded(self._ground)
        shown = None if held is None else held.projections.get(StatsView.name)
        if shown not in (None, StatsView.version):
            raise Refused(
                f"The stats are kept in version {shown}, this queuectl reads {StatsView.version}: upgrade the older of "
                "the two, or run `queuectl projections rebuild`."
            )

    def due_since(self) -> Mapping[str, datetime]:
        """See Views.due_since."""
        return queues.due_since(self._generation(), self._ground.clock.now())

    def count_due(self, most: int) -> int:
        """See Views.count_due."""
        return queues.count_due(self._generation(), self._ground.clock.now(), most)

    def count_later(self, most: int) -> Mapping[str, int]:
        """See Views.count_later."""
        return queues.count_later(self._generation(), self._ground.clock.now(), most)

    def scheduled(self, most: int) -> Mapping[str, int] | None:
        """See Views.scheduled."""
        return queues.scheduled(self._generation(), self._ground.clock.now(), most)

    def ahead(self, job: Job, most: int, *, is_everywhere: bool) -> Ahead:
        """See Views.ahead."""
        return queues.ahead(self._generation(), job, most, is_everywhere=is_everywhere)

    def last_claimed(self, queue: str) -> datetime | None:
        """See Views.last_claimed."""
        return queues.last_claimed(self._generation(), queue, self._ground.clock.now())

    def moving(self, of: Collection[str]) -> Collection[str]:
        """See Views.moving."""
        return queues.moving(self._generation(), of, self._ground.clock.now())

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

    def parked(self) -> Mapping[str, str]:
        """See Views.parked."""
        live = generation.current(self._database)
        return {} if live is None else {one.job: one.problem for one in parked(live)}

    def snapshot(self) -> Mapping[str, Any]:
        """See Views.snapshot."""
        held, holder = recorded(self._ground), Lease(self._database, PROJECTING, "nobody").holder()
        mine = versions(self._projections)
        still = [] if held is None else [one.job for one in parked(self._generation())]
        missing: Sequence[str] = []
        with suppress(AccessDenied):  # who may only find is shown all that can be found: `doctor` says what he lacks
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


def _readable(document: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> T | None:
    """Return what `read` makes of a job's document; of one that somebody has altered a warning tells.

    The others are listed.
    """
    try:
        return read(document)
    except msgspec.ValidationError as error:
        warnings.warn(
            f"Job {document['_id']} is passed over: its view cannot be read ({error}). `queuectl projections verify` "
            "names what was altered, and `queuectl projections rebuild` mends it.",
            stacklevel=1,
        )
        return None
