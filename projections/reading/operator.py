"""What an operator does with the views: see eventqueue.ports.views.Operator."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

from bson.max_key import MaxKey

from eventqueue.errors import Fenced, Refused
from eventqueue.model.upkeep import ParkedRetried
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import LENGTH
from eventqueue.ports.views import Counters, Difference, ParkedJob, ViewHealth
from eventqueue.system.tuning import tuned
from projections.folds.projection import Projection, rebuilding, unlike, versions
from projections.keeping import checkpoint
from projections.keeping.applier import Applier
from projections.keeping.checkpoint import Checkpoint
from projections.keeping.generation import Generation
from projections.keeping.provenance import recorded
from projections.keeping.rebuild import rebuild
from projections.keeping.signals import Signals
from projections.keeping.upkeep import Told, record
from projections.reading import health
from projections.reading.verify import sample, verify, verify_jobs

PATIENCE = LENGTH + timedelta(seconds=1)
AGAIN_S = 0.2
TRIES = 10  # at what others move meanwhile


class ViewOperator:
    """See eventqueue.ports.views.Operator."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], actor: str) -> None:
        self._ground = ground
        self._actor = actor
        self._projections = projections

    def projections(self) -> Sequence[ViewHealth]:
        """See Operator.projections."""
        return health.projections(self._ground)

    def counters(self, name: str, *prefix: str | int) -> Counters:
        """See Operator.counters."""
        held = self._live()
        self._check_name(name, held)
        bounds = {"$gte": {"key": list(prefix)}, "$lt": {"key": [*prefix, MaxKey()]}}
        with translated():
            found = (
                Generation(self._ground.database, held.generation).tally(name).find({"_id": bounds}, sort=[("_id", 1)])
            )
            return [(one["_id"]["key"], one["n"]) for one in found]

    def rebuild(
        self,
        name: str | None,
        progress: Callable[[int], object],
        without: Collection[str] = (),
        why: str | None = None,
    ) -> int:
        """See Operator.rebuild."""
        held = recorded(self._ground)
        mine = versions(self._projections)
        live = {} if held is None else held.projections
        for one in without:
            if one in mine:
                raise Refused(f"Projection {one} is installed here: take its package out first.")
            if one not in live:
                raise Refused(f"No projection {one!r}: the live views have {', '.join(live)}.")
        if missing := live.keys() - mine.keys() - set(without):
            raise Refused(
                f"The live views have {', '.join(sorted(missing))}, which is not installed here: install its package, "
                f"or run `{rebuilding(live, mine)}` to give it up."
            )
        if name is not None and name not in mine:
            raise Refused(f"No projection {name!r}: there are {', '.join(mine)}.")
        # Never ended, as every session that a checkpoint names.
        session = self._ground.database.client.start_session()
        told = Told(self._actor, why, is_asked=True)
        give_up = time.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                return rebuild(self._ground, self._projections, session, progress, told=told).number
            except Fenced:  # by a builder that was killed, perhaps, whose lease runs out
                if time.monotonic() > give_up:
                    raise
            time.sleep(AGAIN_S)

    def retry(self, name: str, job_id: str, why: str | None = None) -> ParkedJob | None:
        """See Operator.retry."""
        held = self._live()
        self._check_mine(held)
        self._check_name(name, held)
        parked = health.parked_job(Generation(self._ground.database, held.generation), job_id)
        if parked is None or parked.projection != name:
            by = "not parked" if parked is None else f"parked by {parked.projection}, not by {name}"
            raise Refused(f"Job {job_id} is {by}: `queuectl projections list` shows which are.")
        record(self._ground, ParkedRetried(projection=name, job=job_id, why=why), self._actor)
        for tries_left in reversed(range(TRIES)):
            try:
                return self._retry(job_id)
            except Fenced:  # by a projector at work, which takes its place back
                if not tries_left:
                    raise
        raise AssertionError("returned or raised above")

    def _retry(self, job_id: str) -> ParkedJob | None:
        session = self._ground.database.client.start_session()
        taken = checkpoint.take_over(self._ground.database, self._live().generation, session)
        applier = Applier(self._ground, taken, self._projections, session)
        seats, signal = applier.retry({job_id}, self._ground.clock.now())
        Signals(self._ground.database).publish(signal)
        parked = seats[job_id].parked
        return None if parked is None else ParkedJob(job_id, parked.projection, parked.problem)

    def verify(self, name: str | None, count: int | None, progress: Callable[[int], object]) -> Iterator[Difference]:
        """See Operator.verify."""
        held = self._live()
        self._check_mine(held)
        if name is not None:
            self._check_name(name, held)
        with tuned():
            found = self._differences(count, progress)
        yield from (one for one in found if name in (None, one.projection))

    def _differences(self, count: int | None, progress: Callable[[int], object]) -> list[Difference]:
        for tries_left in reversed(range(TRIES)):
            found = (
                verify(self._ground, self._projections, progress)
                if count is None
                else verify_jobs(self._ground, self._projections, sample(self._ground, count), progress)
            )
            try:
                # All of it first: what was found of views that were switched meanwhile is worth nothing.
                return list(found)
            except Fenced:
                if not tries_left:
                    raise
        raise AssertionError("returned or raised above")

    def log_size(self) -> int:
        """See Operator.log_size."""
        with translated():
            return self._ground.database["events"].estimated_document_count()

    def _live(self) -> Checkpoint:
        held = recorded(self._ground)
        if held is None:
            raise Refused("There are no views yet: `queuectl projector start` builds them.")
        return held

    def _check_mine(self, held: Checkpoint) -> None:
        mine = versions(self._projections)
        if held.projections != mine:
            problem, remedy = unlike(held.projections, mine)
            raise Refused(f"{problem[:1].upper()}{problem[1:]}: {remedy}.")

    def _check_name(self, name: str, held: Checkpoint) -> None:
        if name not in held.projections:
            raise Refused(f"No projection {name!r}: there are {', '.join(held.projections)}.")
