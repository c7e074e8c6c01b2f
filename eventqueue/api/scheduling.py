"""Schedules as callers have them: set, held back, taken away, run now; and when their ticks come."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from eventqueue.api.arguments import check_limit
from eventqueue.api.enqueueing import Receipt
from eventqueue.errors import InvalidInput, LogCorrupt, LogUnavailable
from eventqueue.log.noting import note
from eventqueue.model.codec import EPOCH
from eventqueue.model.events import stream_of
from eventqueue.model.fields import by_field
from eventqueue.model.job import LEGAL, State
from eventqueue.model.pause import Pause
from eventqueue.model.spec import Request
from eventqueue.ports.log import EventLog
from eventqueue.schedules import asked
from eventqueue.schedules.events import Missed, Overlap, ScheduleTriggered
from eventqueue.schedules.rule import span_of
from eventqueue.schedules.schedule import Command, Schedule, SetSchedule, problem_of
from eventqueue.schedules.ticks import check_schedule, fresh_job_id, job_id, stream_for
from eventqueue.steering import schedules
from eventqueue.steering.schedules import rule_of
from eventqueue.tasks import registry
from eventqueue.ticking.evidence import made_between
from eventqueue.ticking.making import Wanted, make

if TYPE_CHECKING:
    from eventqueue.connect import Connection

# What a job of a schedule is called, and when it runs, its tick says.
NOT_ASKED = ("id", "key", "run_at", "delay", "expires_at", "correlation")
TICKS_MAX = 10_000


class LastRun(msgspec.Struct, frozen=True):
    """The last tick of a schedule that became a job, and how the job stands; None: that cannot be read."""

    tick: datetime
    job: str
    state: State | None


class Scheduled(msgspec.Struct, frozen=True):
    """A schedule as it stands: `cron` by the clocks of `tz` (None: UTC), or `every` so long; `why`: it was set.

    `next_at`: its next tick. None while it is paused, and where `problem` says why its times cannot be told here:
    `every`, too, if it is none. `last`: what the log has of its ticks up to now, however it was defined at that time.
    `unread`: what cannot be read of it, a sentence; it stands as it was before that.
    """

    name: str
    version: int
    fields: Mapping[str, Any]
    cron: str | None
    tz: str | None
    every: timedelta | None
    missed: Missed
    overlap: Overlap
    set_at: datetime
    set_by: str
    why: str | None
    pause: Pause | None
    next_at: datetime | None
    problem: str | None = None
    last: LastRun | None = None
    unread: str | None = None


class Rescheduled(msgspec.Struct, frozen=True):
    """What a command did to a schedule: it stands like that now; None: there is none any more.

    `is_new`: there was none; `is_changed`: something was done, since it did not stand like that before.
    """

    name: str
    version: int
    schedule: Scheduled | None
    is_new: bool
    is_changed: bool


class Scheduling:
    """The schedules of one connection's database; `check`: see Queue.check."""

    def __init__(self, connection: "Connection", check: Callable[[Mapping[str, Any]], Request]) -> None:
        self._ground = connection.ground
        self._log = connection.ground.log
        self._signals = connection.signals
        self._actor = connection.actor
        self._check = check

    def all(self, last_of: Collection[str] | None) -> Sequence[Scheduled]:
        """See Queue.schedules."""
        now = self._ground.clock.now()
        return [
            self._shown(one, now) if last_of is None or one.name in last_of else shown(one, now)
            for one in schedules.every(self._log)
        ]

    def get(self, name: str) -> Scheduled:
        """See Queue.get_schedule."""
        return self._shown(schedules.found(self._log, check_schedule(name)), self._ground.clock.now())

    def put(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        cron: str | None,
        every: float | None,
        tz: str | None,
        missed: str,
        overlap: str,
        why: str | None,
    ) -> Rescheduled:
        """See Queue.schedule."""
        definition = asked.definition(
            self._checked(fields), cron=cron, every=every, tz=tz, missed=missed, overlap=overlap
        )
        rule_of(definition)
        return self.change(name, SetSchedule(definition, why))

    def change(self, name: str, command: Command) -> Rescheduled:
        """Do something to a schedule. Raises InvalidInput, ScheduleNotFound or LogUnavailable."""
        done = schedules.change(self._ground, self._signals, check_schedule(name), command, self._actor)
        there = done.schedule
        now = None if there.definition is None else self._shown(there, self._ground.clock.now())
        return Rescheduled(name, there.head.version, now, done.before.definition is None, done.is_new)

    def trigger(self, name: str, why: str | None) -> Receipt:
        """See Queue.trigger_schedule."""
        there = schedules.found(self._log, check_schedule(name))
        job = fresh_job_id(name, os.urandom(6))
        try:
            (made,) = make(self._ground, [Wanted(there, job)], self._actor, os.environ)
        except LogUnavailable as error:
            raise error.about(f"job {job} was added", f"`queuectl show {job}` tells.") from error
        if made.error is not None:
            raise made.error
        told = ScheduleTriggered(job=job, why=why)
        now = self._ground.clock.now
        note(self._log, stream_for(name), lambda _: [told], actor=self._actor, now=now, seen=there.head)
        return Receipt(job, stream_of("job", job), 1, created=True)

    def next_ticks(self, name: str, number: int) -> Sequence[datetime]:
        """See Queue.next_ticks."""
        if not 0 < number <= TICKS_MAX:
            raise InvalidInput("n", f"must be from 1 to {TICKS_MAX:,}")
        there = schedules.found(self._log, check_schedule(name))
        assert there.definition is not None
        return list(islice(rule_of(there.definition).after(self._ground.clock.now()), number))

    def runs(self, name: str, limit: int) -> Sequence[LastRun]:
        """See Queue.schedule_runs."""
        check_limit(limit)
        there, found = schedules.found(self._log, check_schedule(name)), list[LastRun]()
        before = self._ground.clock.now() + timedelta(seconds=1)
        while len(found) < limit and (run := _last_run(self._log, there, before)) is not None:
            found.append(run)
            before = run.tick
        return found

    def _shown(self, there: Schedule, now: datetime) -> Scheduled:
        return shown(there, now, _last_run(self._log, there, now + timedelta(seconds=1)))

    def _checked(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        fields = by_field(fields)
        for field in NOT_ASKED:
            if fields.get(field) is not None:
                raise InvalidInput(field, "is no field of a schedule's job: its tick says when it runs and what it is")
        request = self._check(fields)
        # It runs where it was asked for, seen from there and not from who ticks.
        place = {} if request.fields.command is None else {"cwd": request.cwd}
        # A `key` is that of a task whose calls are unique: each tick is one anyway.
        asked = {field: value for field, value in request.asked.items() if field != "key"}
        return {**_declared(request.fields.task), **asked, **place}


def _declared(name: str | None) -> dict[str, Any]:
    """Return what a task says of its jobs, as who asks for one says it: who ticks need not know the task."""
    task = None if name is None else registry.find(name)
    if task is None:
        return {}
    said: dict[str, Any] = msgspec.to_builtins(task.policy)
    return {field: value for field, value in said.items() if value not in (None, [], ())}


def shown(schedule: Schedule, now: datetime, last: LastRun | None = None) -> Scheduled:
    """Return a schedule that there is as callers have it."""
    definition = schedule.definition
    assert definition is not None
    assert schedule.set_at is not None
    every, next_at, problem = None, None, None
    try:
        every = None if definition.every is None else span_of(definition.every)
        next_at = None if schedule.pause is not None else next(rule_of(definition).after(now), None)
    except InvalidInput as error:  # a zone that is unknown here, or what somebody has put into the log
        problem = str(error)
    return Scheduled(
        name=schedule.name,
        version=schedule.head.version,
        fields=definition.fields,
        cron=definition.cron,
        tz=definition.tz,
        every=every,
        missed=definition.missed,
        overlap=definition.overlap,
        set_at=schedule.set_at,
        set_by=schedule.set_by or "",
        why=schedule.why,
        pause=schedule.pause,
        next_at=next_at,
        problem=problem,
        last=last,
        unread=problem_of(schedule),
    )


def _last_run(log: EventLog, schedule: Schedule, before: datetime) -> LastRun | None:
    tick = made_between(log, schedule, EPOCH, before)
    if tick is None:
        return None
    job, end = job_id(schedule.name, tick), None
    with suppress(LogCorrupt):
        end = log.read_last(stream_of("job", job))  # all that is in the stream of a job says its state
    return LastRun(tick, job, LEGAL[type(end.event)][1] if end is not None and type(end.event) in LEGAL else None)
