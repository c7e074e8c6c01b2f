"""One point of the live views, their checkpoint, and everything that differs there from the fold of the log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice

import bson
from pymongo.client_session import ClientSession

from eventqueue.errors import Fenced, QueueError, Refused
from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded, name_in, stream_of
from eventqueue.model.job import Job, evolve
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.slices import outlasting, slices
from eventqueue.ports.views import HELD_FOR_NOTHING, Difference
from projections.folds import jobs
from projections.folds.agreement import (
    Disagreement,
    ShownJob,
    differences,
    is_plainly,
    named_in,
    needs_a_pause,
    standing,
    strays,
)
from projections.folds.decoding import Poison, read
from projections.folds.projection import Projection, versions
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint
from projections.keeping.generation import Generation, current
from projections.reading.beyond import Beyond
from projections.reading.excess import Excess
from projections.reading.held_back import HeldBack, PausedLately
from projections.reading.snapshot import ENTRIES, Shown, find, show

Events = Sequence[Recorded | Poison]

CHECKPOINT = "checkpoint"


class Point:
    """The live views' checkpoint, and what can be said of them from there; a context manager.

    `counts`: whether their counters are to be compared, all of which are read for that.
    """

    def __init__(self, ground: Ground, projections: Sequence[Projection], *, counts: bool = True) -> None:
        self._ground = ground
        self._projections = projections
        self._generation = _live(ground)
        self._excess = Excess(projections, ground.clock.now())
        self._unread = 0  # events that the views are said to have, are in the log, and cannot be folded here
        with translated(), ground.database.client.start_session(snapshot=True) as session:
            self.held = self._checkpoint(session)
            if counts:
                self._excess.read(self._generation, session)
        self._held_back = HeldBack(ground, self._generation, PausedLately(ground.log))
        self._beyond = Beyond(ground.database, self.held.token)

    def __enter__(self) -> "Point":
        return self

    def __exit__(self, *_: object) -> None:
        self._beyond.close()

    def _checkpoint(self, session: ClientSession) -> Checkpoint:
        document = (
            self._ground.database["checkpoints"]
            .with_options(CODEC)
            .find_one({"_id": self._generation.number, "is_retired": None}, session=session)
        )
        if document is None:
            raise Fenced("The views were switched meanwhile.")
        held = checkpoint.parsed(document)
        if held.projections != versions(self._projections):
            raise Refused(f"The views are projected by {held.projections}, which this process does not have.")
        return held

    @property
    def number(self) -> int:
        """The generation that it is a point of."""
        return self._generation.number

    @property
    def beyond(self) -> int:
        """How many events of the log lie beyond the checkpoint, as far as was learnt: nothing is held against them."""
        return self._beyond.count

    # Jobs

    def jobs_between(self, shown: Shown, streams: Mapping[str, Events]) -> Iterator[Difference]:
        """Compare the jobs between two ids; `shown`: as `shown_between` returned, `streams`: what the log has of them.

        Which of the two was read first does not matter.
        """
        yield from self._compare({name_in(stream): events for stream, events in streams.items()}, shown)

    def shown_between(self, low: str, high: str | None) -> Shown:
        """Return what the views show of the jobs whose ids are above `low` and up to `high`; safe in another thread."""
        bounds = {"$gt": low} if high is None else {"$gt": low, "$lte": high}
        return outlasting(lambda: show(self._generation, bounds))

    def jobs_of(self, ids: Sequence[str], streams: Mapping[str, Events] | None = None) -> Iterator[Difference]:
        """Compare some jobs, without counting them; `streams`: what the log has of them, if it was read already."""
        shown = outlasting(lambda: show(self._generation, {"$in": list(ids)}))
        found = {stream: self._read(name_in(stream)) for stream in map(_stream, ids)} if streams is None else streams
        yield from self._compare({job_id: found.get(_stream(job_id), ()) for job_id in ids}, shown)

    def _read(self, job_id: str, category: str = "job") -> Events:
        return outlasting(partial(read, self._ground.log, stream_of(category, job_id)))

    def _compare(self, histories: Mapping[str, Events], shown: Shown) -> Iterator[Difference]:
        outlasting(self._beyond.learn)
        now = self._ground.clock.now()
        found = [
            Difference(one.projection, job_id, one.problem, one.expected, one.found, one.is_lost)
            for job_id in sorted({*histories, *shown.ids})
            for one in self._disagreements(job_id, histories.get(job_id, ()), shown.of(job_id), now)
        ]
        if found:
            self._check_live()
        yield from found

    def _check_live(self) -> None:
        if outlasting(lambda: _live(self._ground)).number != self._generation.number:
            raise Fenced("The views were switched meanwhile.")

    def _disagreements(self, job_id: str, history: Events, shown: ShownJob, now: datetime) -> Sequence[Disagreement]:
        try:
            return list(self._job(job_id, history, shown, now))
        except QueueError:
            raise
        except Exception as error:  # of what somebody has altered anything may be wrong
            return [Disagreement(f"the view cannot be read: {type(error).__name__}: {error}")]

    def _job(self, job_id: str, history: Events, shown: ShownJob, now: datetime) -> Iterator[Disagreement]:
        if shown.version > len(history):  # it moved on after the log was read
            history = self._read(job_id)
        if shown.version > len(history):  # which an election can make seem so for a moment
            outlasting(self._ground.log.await_acknowledged)
            history = self._read(job_id)
        covered = self._beyond.covered(stream_of("job", job_id), len(history))
        counted = min(covered, shown.version) if shown.parked else covered
        job, problem = self._fold(history, shown.version, counted)
        if problem is None and covered <= shown.version == len(history) and is_plainly(shown, job):
            return
        if problem is not None and not shown.parked:
            yield Disagreement(problem)
        else:
            yield from standing(shown, covered, len(history))
        if shown.version > len(history):
            return
        yield from self._lost_late(job_id, shown)
        yield from differences(shown, job, now)
        if needs_a_pause(shown, job, now):
            self._held_back.suspect(job_id, shown)

    def _lost_late(self, job_id: str, shown: ShownJob) -> Iterator[Disagreement]:
        seen = shown.document.get("late_version") if shown.document else None
        if seen and (last := len(self._read(job_id, "late"))) < seen:
            problem = (
                f"{seen} late results seen, the log has {last}: events are missing from it, or the view was altered"
            )
            yield Disagreement(problem, jobs.NAME, str(last), str(seen), is_lost=True)

    def _fold(self, history: Events, version: int, counted: int) -> tuple[Job | None, str | None]:
        """Return the job at `version`, and what kept it from getting there; count what the checkpoint covers."""
        job: Job | None = None
        at: Job | None = None
        for before, event in enumerate(history[: max(version, counted)]):
            if isinstance(event, Poison):
                self._unread += max(0, counted - before)
                return at, event.problem
            try:
                after = evolve(job, event)
                if event.version <= counted:
                    self._excess.take_off(job, after, event)
            except Exception as error:  # whatever a projection may raise
                return at, f"version {event.version}: {type(error).__name__}: {error}"
            job = after
            at = job if event.version <= version else at
        return at, None

    def strays(self) -> Iterator[Difference]:
        """Name the jobs that workers are shown in an entry where they have no place."""
        due = self._ground.database[self._generation.name_of("due")]
        stored = chain.from_iterable(bson.decode_all(batch, CODEC) for batch in slices(due, {}))
        ids = (entry["_id"] for entry in stored)
        while some := list(islice(ids, ENTRIES)):
            found = outlasting(partial(self._strays_in, some))
            if found:
                self._check_live()
            for job_id, entry in found:
                problem = f"is shown to workers in entry {entry}, where it has no place"
                yield Difference(jobs.NAME, job_id, problem)

    def _strays_in(self, entry_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        with translated(), self._ground.database.client.start_session(snapshot=True) as session:
            entries = find(self._generation, "due", {"_id": {"$in": entry_ids}}, session).values()
            named = [job_id for one in entries for job_id in named_in(one)]
            there = find(self._generation, "jobs", {"_id": {"$in": named}}, session)
        return list(strays(entries, there))

    def held_back(self) -> Iterator[Difference]:
        """Name the jobs that are held back, and were before, though nobody has paused their queue."""
        for job_id in self._held_back.left():
            yield Difference(jobs.NAME, job_id, HELD_FOR_NOTHING)

    # Late results

    def late_results(self, streams: Mapping[str, Events]) -> Iterator[Difference]:
        """Compare how many late results were counted for each of these jobs."""
        ids = [name_in(stream) for stream in streams]
        shown = outlasting(lambda: show(self._generation, {"$in": ids})).jobs
        outlasting(self._beyond.learn)
        for stream, history in streams.items():
            job_id = name_in(stream)
            covered = self._beyond.covered(stream, len(history))
            document = shown.get(job_id, {})
            if document.get("parked"):
                covered = min(covered, document.get("late_version", 0))
            elif document.get("late_version", 0) < covered:
                self._check_live()
                yield Difference(jobs.NAME, job_id, f"{document.get('late_version', 0)} of {covered} late results seen")
            job, _ = self._fold(self._read(job_id), 2**62, 0)
            for event in history[:covered]:
                if job is not None and isinstance(event, Recorded):
                    self._excess.take_off(job, job, event)
                else:
                    self._unread += 1

    # Counters

    def counters(self) -> Iterator[Difference]:
        """Compare the counters, once all jobs and late results have been."""
        applied, taken = self.held.applied, self._excess.taken + self._unread
        # What is there and can be read elsewhere, by a newer eventqueue perhaps, is no loss.
        may_be_lost = not self._unread or applied > taken
        for name, counter, amount in self._excess.left(self._ground.clock.now()):
            problem = f"the view counts {abs(amount):,} {'more' if amount > 0 else 'fewer'} than the log"
            yield Difference(name, counter, problem, is_lost=amount > 0 and may_be_lost)
        for name, counter in self._excess.spoilt():
            yield Difference(name, counter, "is no counter: somebody has altered it, or put it there")
        if applied != taken:
            problem = f"{applied:,} events are said to be in the views, the log has {taken:,} up to there"
            yield Difference(CHECKPOINT, "applied", problem, str(taken), str(applied), is_lost=applied > taken)


def _stream(job_id: str) -> str:
    return stream_of("job", job_id)


def _live(ground: Ground) -> Generation:
    live = current(ground.database)
    if live is None:
        raise Fenced("There are no views.")
    return live
