"""Why a job is in its state: what `audit/why.py` needs beside its history, asked of the log, the views, the workers."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from eventqueue.api.connected import Connected
from eventqueue.api.jobs import Jobs, stream_for
from eventqueue.api.overview import Overview
from eventqueue.api.restarting import Restarting
from eventqueue.audit.clauses import Around, Holder, Place, Why
from eventqueue.audit.standstill import known, served, serving
from eventqueue.audit.why import TAIL, explain
from eventqueue.errors import InvalidInput, Unavailable
from eventqueue.model import lives, readable
from eventqueue.model.events import Amending, Claimed, Recorded, Released, stream_of
from eventqueue.model.job import FINAL, Job, State, fold
from eventqueue.model.pause import CATEGORY
from eventqueue.model.waits import Kind, waits_of
from eventqueue.ports.views import Worker
from eventqueue.steering.pauses import look

AHEAD_MAX = 1000  # jobs that are counted before one


class Explaining:
    """The explanations of one database's jobs; see Queue."""

    def __init__(self, connection: Connected, jobs: Jobs, overview: Overview, restarting: Restarting) -> None:
        self._connection = connection
        self._jobs = jobs
        self._overview = overview
        self._restarting = restarting
        self._log = connection.ground.log
        self._views = connection.views

    def why(self, job_id: str) -> Why:
        """See Queue.why."""
        self._views.refresh()
        job = self._jobs.get(job_id)
        # One with very many events is not read whole for its last ones.
        tail = self._log.read(stream_for(job_id), max(0, job.version - TAIL))
        back = TAIL
        while len(tail) < job.version and isinstance(tail[0].event, Amending):  # which say not how it came to wait
            back *= 2
            tail = self._log.read(stream_for(job_id), max(0, job.version - back))
        moved_on = fold([one for one in tail if one.version > job.version], job)
        return self._explain(moved_on or job, tail)

    def explain(self, history: Sequence[Recorded]) -> Why:
        """See Queue.explain."""
        if (job := fold(history)) is None:
            raise InvalidInput("history", "is empty; it must be a job's events, from the first on")
        return self._explain(job, history)

    def _explain(self, job: Job, history: Sequence[Recorded]) -> Why:
        now = self._connection.ground.clock.now()  # for all: what is to come is not past in the same paragraph
        around = {"restarts": self._restarts(job), **self._around(job, history, now)}
        return explain(job, history, Around(now=now, **around))

    def _around(self, job: Job, history: Sequence[Recorded], now: datetime) -> Mapping[str, Any]:
        if job.due_at is not None:
            return {**self._waiting(job, now), "life": self._life_of_who_released(history)}
        if job.worker is not None:
            return {"holder": self._holder(job.worker), "life": self._life(job.worker)}
        if job.state is State.CANCELLED and (ending := self._jobs.ending(job.id)) is not None:
            return {"ending": ending, "ends_by": job.updated_at + self._lease()}
        return {}

    def _restarts(self, job: Job) -> Sequence[str]:
        return self._restarting.taking_up(job) if job.state in FINAL else ()

    def _lease(self) -> timedelta:
        lease = self._connection.settings["lease"].value
        assert isinstance(lease, int | float)
        return timedelta(seconds=lease)

    def _holder(self, worker: str) -> Holder | None:
        found = self._connection.incarnations.get([worker]).get(worker)
        if found is None:
            return None
        return Holder(renewed_at=found.renewed_at, is_live=found.is_live, stop_by=found.stop_by)

    def _life(self, worker: str) -> Sequence[Recorded]:
        return readable.read(self._log.read_raw(stream_of(lives.CATEGORY, worker))).events

    def _life_of_who_released(self, history: Sequence[Recorded]) -> Sequence[Recorded]:
        if len(history) < 2 or not isinstance(history[-1].event, Released):
            return ()
        claimed = history[-2].event
        return self._life(claimed.worker) if isinstance(claimed, Claimed) else ()

    def _waiting(self, job: Job, now: datetime) -> Mapping[str, Any]:
        valve, workers = look(self._log, stream_of(CATEGORY, job.queue)), self._overview.live_workers()
        paused = {} if valve.pause is None else {job.queue: valve.pause}
        tasks = known(workers, job.queue)
        waits = [*waits_of(job, now, paused, served(workers), self._views.parked(), tasks=tasks)]
        kinds = {one.kind for one in waits}
        crew = serving([(one, ()) for one in workers], job.queue)
        # Of the last event of the queue's stream only where it is the one that paused it, beyond doubt.
        by = Place(stream_of(CATEGORY, job.queue), valve.head.version) if valve.problem is None else None
        found: dict[str, Any] = {"waits": waits, "paused_by": by}
        with suppress(Unavailable):  # there may be no views just now
            if Kind.DUE in kinds:
                found |= self._turn(job, [one for one, _ in crew])
            if Kind.UNSERVED in kinds:
                found["claimed_at"] = self._views.last_claimed(job.queue)
        return found

    def _turn(self, job: Job, serving: Sequence[Worker]) -> Mapping[str, Any]:
        held = self._connection.finder.held_by([one.id for one in serving]) if serving else {}
        # Who serves all queues takes what is first in all of them.
        ahead = self._views.ahead(job, AHEAD_MAX, is_everywhere=any(not one.queues for one in serving))
        return {"crew": [(one, held[one.id]) for one in serving], "ahead": ahead}
