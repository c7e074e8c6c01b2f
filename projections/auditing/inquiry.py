"""One run of an audit: all that there is, one job, or what has changed, held against the log while traffic flows.

A stream's history is held against the rules before anything is held against the stream. Nothing is written anywhere,
and nobody is made to write: where the views are behind, what they have not seen is not held against them, and told.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from bson.timestamp import Timestamp

from eventqueue.audit import attempts
from eventqueue.audit.rules import Finding, Stored, check
from eventqueue.audit.verdict import Account
from eventqueue.audit.wanted import OF_JOBS
from eventqueue.errors import DatabaseFailed, JobNotFound
from eventqueue.model import portions
from eventqueue.model.events import CATEGORIES, Recorded, category_of, name_in, stream_of
from eventqueue.model.moments import between
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.layout import is_part
from eventqueue.mongo.slices import outlasting
from eventqueue.mongo.timeline import Timeline
from eventqueue.ports.views import Difference
from eventqueue.system.ahead import ahead
from projections.auditing.collection import of_collection
from projections.auditing.histories import Run, misplaced, of_streams, one_by_one, runs
from projections.auditing.named import Named, NamedActs, restarts
from projections.auditing.outputs import Found, KeptOutputs
from projections.auditing.standing import await_projector, of_views
from projections.folds.decoding import read
from projections.folds.projection import Projection
from projections.keeping.integrity import AHEAD_S
from projections.reading.point import CHECKPOINT, Point
from projections.reading.snapshot import Shown

AT_ONCE = 1000  # events, about: more of them are out of the processor's cache before they are looked at again
PASSES = 4  # over what was appended during the one before
OUTSIDE_MAX = 1000
LONG = frozenset({"seal"})  # categories of few streams, of which one has about as many events as the log has seals
STREAMS = 200  # that are asked for together
UNTOLD = "the views, which are to be brought to the end of the log first, as `queuectl status` does ({})."
_UNSEEN = "events that the views have not seen yet were"
_Looked = tuple[Future[Shown] | None, Future[Found]]

Progress = Callable[[int], object]


class Inquiry:
    """One run of an audit; a context manager. `lost`: why the views cannot be held against the log."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], lost: str | None = None) -> None:
        self.account = Account()
        self._ground = ground
        self._projections = projections
        self._lost = lost
        self._outputs = KeptOutputs(ground)
        self._is_part = is_part(ground.database)  # of another log, in which there is what this one lacks
        self._acts = NamedActs(ground.log)
        self._point: Point | None = None
        self._open = ExitStack()
        self._pool = self._open.enter_context(ThreadPoolExecutor(2, thread_name_prefix="looking"))

    def __enter__(self) -> "Inquiry":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # Everything

    def all(self, progress: Progress) -> None:
        """Hold everything against the log."""
        of_collection(self._ground, self.account)
        is_fresh = self._await_views()
        self._look_at_views()
        self._all_jobs(progress)
        if self._point is not None:
            self._of_jobs(self._point.strays())
            self._held_back(is_fresh=is_fresh)
        for run in runs(self._ground.log.scan_batches("late"), AT_ONCE):
            self._histories(run, progress)
            self._late(run)
        for category in sorted(CATEGORIES.keys() - OF_JOBS):
            self._streams(self._ground.log.scan_batches(category), progress)
        self._outside()
        if self._point is not None:
            self.account.find(map(partial(_of_counter, self._point.number), self._point.counters()))
        self._tell_what_was_not_held()

    def _all_jobs(self, progress: Progress) -> None:
        low = ""
        # Each pass no further than to what is the last job then: those who append may be faster, and there would be no
        # end. What is left after these is read job by job, where the views have it.
        for _ in range(PASSES):
            last = self._ground.log.last_stream("job")
            batches = self._ground.log.scan_batches("job", stream_of("job", low) if low else None, last)
            with closing(ahead(batches)) as read_ahead:
                low = self._jobs_in(runs(read_ahead, AT_ONCE), low, progress)
        self._jobs(self._look(low, None), Run({}, {}, []))

    def _jobs_in(self, found: Iterable[Run], low: str, progress: Progress) -> str:
        """Hold all jobs of these runs, and those between them, against the log; return the id of the last one."""
        before: tuple[_Looked, Run] | None = None
        for run in found:
            looked = self._look(low, high := name_in(run.last) if run.stored else low)
            self._histories(run, progress)
            if before is not None:
                self._jobs(*before)
            before, low = (looked, run), high
        if before is not None:
            self._jobs(*before)
        return low

    def _look(self, low: str, high: str | None) -> "_Looked":
        """Have it looked up what there is of some jobs beside the log, while their histories are proven."""
        shown = None if self._point is None else self._pool.submit(self._point.shown_between, low, high)
        return shown, self._pool.submit(self._outputs.kept_between, low, high)

    def _jobs(self, looked: "_Looked", run: Run) -> None:
        shown, kept = looked
        self.account.jobs += len(run.stored)
        self.account.find(self._outputs.hold(kept.result(), run.events))
        if self._point is not None and shown is not None:
            self._of_jobs(self._point.jobs_between(shown.result(), run.events))

    def _latest(self) -> Timestamp:
        # Nothing that is read by now can be of a later time, but where the clocks of machines differ.
        now = outlasting(partial(majority_time, self._ground.database))
        return Timestamp(now.time + AHEAD_S, 0)

    def _streams(self, batches: Iterable[bytes], progress: Progress) -> None:
        """Hold streams of which there are no views against the rules."""
        strange: list[Any] = []
        latest, until = self._latest(), self.account.events + AT_ONCE
        for stream, history in one_by_one(batches, strange.append):
            named = Named(self._ground.log)
            self.account.find(check(stream, named.heard(self._counted(history, progress)), latest))
            self.account.find(named.missing())
            if self.account.events >= until:
                latest, until = self._latest(), self.account.events + AT_ONCE
        self.account.find(misplaced(strange))
        progress(self.account.events)

    def _counted(self, history: Iterable[Stored], progress: Progress) -> Iterator[Stored]:
        for one in history:
            self.account.events += 1
            if self.account.events % AT_ONCE == 0:
                progress(self.account.events)
            yield one

    def _histories(self, run: Run, progress: Progress = lambda _: None) -> None:
        latest = self._latest()
        for stream, history in run.stored.items():
            self.account.find(check(stream, history, latest))
        found = (
            *restarts(self._ground.log, run.stored),
            *self._acts.faults(chain.from_iterable(run.stored.values())),
        )
        self.account.find(one for one in found if not (self._is_part and one.is_lost))
        self.account.find(misplaced(run.misplaced))
        self.account.events += run.count
        progress(self.account.events)

    def _late(self, run: Run) -> None:
        for stream, history in run.events.items():
            self.account.find(self._of_late(stream, [one for one in history if isinstance(one, Recorded)]))
        if self._point is not None and run.events:
            self._of_jobs(self._point.late_results(run.events))

    def _of_late(self, stream: str, late: Sequence[Recorded]) -> Iterator[Finding]:
        job = outlasting(partial(read, self._ground.log, stream_of("job", name_in(stream))))
        claims = attempts.attempts(one.event if isinstance(one, Recorded) else None for one in job)
        yield from attempts.of_late(stream, late, claims)

    def _outside(self) -> None:
        self.account.find(misplaced(self._ground.log.find_misplaced(OUTSIDE_MAX)))
        found = self._ground.log.find_outside(OUTSIDE_MAX)
        streams = dict.fromkeys(str(one.get("stream")) for one in found)
        self.account.find(_unknown(streams))

    # One job

    def job(self, job_id: str) -> None:
        """Hold one job against the log. Raises JobNotFound where nothing knows of it."""
        is_fresh = self._await_views()
        self._look_at_views(counts=False)
        if not self._jobs_of([job_id]):
            self._check_is_known(job_id)
        self._held_back(is_fresh=is_fresh)
        self._tell_what_was_not_held()

    def _jobs_of(self, job_ids: Sequence[str], progress: Progress = lambda _: None) -> bool:
        """Hold some jobs, with all that there is of them, against the log; return whether it has anything."""
        run, late = (
            of_streams(outlasting(partial(self._ground.log.read_whole, [stream_of(category, one) for one in job_ids])))
            for category in ("job", "late")
        )
        self._histories(run, progress)
        self._histories(late, progress)
        self.account.jobs += len(run.stored)
        self.account.find(self._outputs.hold(self._outputs.kept_of(job_ids), run.events))
        self._late(late)
        if self._point is not None:
            self._of_jobs(self._point.jobs_of(job_ids, run.events))
        return bool(run.stored)

    # What has changed

    def since(self, moment: datetime, progress: Progress) -> None:
        """Hold the streams of which the log took an event since `moment` against it, each whole.

        It keeps their names in memory.
        """
        of_collection(self._ground, self.account)
        is_fresh = self._await_views()
        self._look_at_views(counts=False)
        marks = Timeline(self._ground.database, self._ground.log).skim(between(moment, None), {})
        touched = sorted({one.stream for one in marks})
        for some in portions.runs(sorted({name_in(one) for one in touched if category_of(one) in OF_JOBS}), STREAMS):
            self._jobs_of(some, progress)
        for category in sorted({category_of(one) for one in touched} - OF_JOBS):
            self._since_of(category, [one for one in touched if category_of(one) == category], progress)
        self._held_back(is_fresh=is_fresh)
        self._outside()
        self.account.pass_over("streams in which nothing has happened since then, and counters.")
        self._tell_what_was_not_held()

    def _since_of(self, category: str, touched: Sequence[str], progress: Progress) -> None:
        if category in LONG:
            self._streams(self._ground.log.scan_batches(category), progress)
            return
        for some in portions.runs(touched, STREAMS):
            self._streams(outlasting(partial(self._ground.log.read_whole, some)), progress)

    def _check_is_known(self, job_id: str) -> None:
        if self._point is None or not list(self._point.jobs_of([job_id])):
            raise JobNotFound(job_id)

    # Views

    def _await_views(self) -> bool:
        """Wait for who projects; whether the views are at the end of the log."""
        return self._lost is None and await_projector(self._ground)

    def _look_at_views(self, *, counts: bool = True) -> None:
        if self._lost is not None:
            self.account.pass_over(UNTOLD.format(self._lost.rstrip(".")))
        elif of_views(self._ground, self._projections, self.account):
            try:
                self._point = self._open.enter_context(Point(self._ground, self._projections, counts=counts))
            except DatabaseFailed as error:  # of its place in the log nothing can be made, it may be
                self.account.find([_unheld(str(error))])

    def _of_jobs(self, differences: Iterable[Difference]) -> None:
        self.account.find(map(_of_job, differences))

    def _held_back(self, *, is_fresh: bool) -> None:
        # Else a pause has ended, perhaps, of which the views do not know.
        if self._point is not None and is_fresh:
            self._of_jobs(self._point.held_back())

    def _tell_what_was_not_held(self) -> None:
        if self._is_part:
            self.account.pass_over("This log is a part of another, brought in: what that one has besides.")
        if self._point is not None and (beyond := self._point.beyond):
            events = "event that the views have not seen yet was" if beyond == 1 else _UNSEEN
            self.account.pass_over(f"{beyond:,} {events} not held against them.")
        if missing := self._outputs.missing:
            outputs = "output that is young is" if missing == 1 else "outputs that are young are"
            self.account.pass_over(f"{missing:,} {outputs} not there: dropped, or never kept.")


def _unheld(why: str) -> Finding:
    return Finding("views", 0, f"the views could not be held against the log ({why.rstrip('.')})")


def _unknown(streams: Iterable[str]) -> Iterator[Finding]:
    for stream in streams:
        yield Finding(stream, 1, f"its category `{category_of(stream)}` is none that this eventqueue knows")


def _of_job(one: Difference) -> Finding:
    return Finding(stream_of("job", one.where), 0, one.problem, one.expected, one.found, one.is_lost)


def _of_counter(generation: int, one: Difference) -> Finding:
    name = "checkpoints" if one.projection == CHECKPOINT else f"{one.projection}-{generation}"
    return Finding(name, 0, f"{one.where}: {one.problem}", one.expected, one.found, one.is_lost)
