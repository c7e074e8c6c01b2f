"""Schedules of which the last tick became no job, though its time is well past: nobody ticks, it seems."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.events import stream_of
from eventqueue.model.figures import moment
from eventqueue.mongo.ground import Ground
from eventqueue.schedules.events import Overlap
from eventqueue.schedules.missed import LATE
from eventqueue.schedules.rule import latest
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import job_id
from eventqueue.steering.schedules import every, rule_of
from eventqueue.ticking.evidence import foreign

NEXT = 10  # ticks of each schedule that are looked ahead

Tick = tuple[Schedule, datetime]


class Overdue(msgspec.Struct, frozen=True):
    """How the schedules stand: how many there are, those with a tick that nobody has made, and those that no machine
    like this one can make, or of which something is odd, each with why.

    `taken`: jobs that are called as one of a schedule's last tick, or of one of the next, and that it has not made.
    """

    number: int
    unmade: Sequence[tuple[str, datetime]]
    unknown: Sequence[tuple[str, str]]
    taken: Sequence[tuple[str, str]] = ()


def overdue(ground: Ground) -> Overdue:
    """Look for what should have been made. Raises Unavailable."""
    there, now = list(every(ground.log)), ground.clock.now()
    due: list[Tick] = []
    coming: list[Tick] = []
    told: list[tuple[str, str]] = []
    unknown = []
    for one in there:
        try:
            last = _last(one, now - LATE)
            told += [(one.name, one.taken)] if one.taken is not None and one.is_active and not last else []
            # One that skips for a job that has not ended tells of the first tick alone.
            due += [] if _skips(one) else last
            coming += _coming(one, now)
        except InvalidInput as error:
            unknown.append((one.name, str(error)))
        if one.is_active and one.since is not None and one.since > now + LATE:
            unknown.append((one.name, f"the date of what happened to it, {moment(one.since)}, is yet to come"))
    streams = {stream_of("job", job_id(one.name, at)): (one, at) for one, at in [*due, *coming]}
    made = ground.log.find_next((stream, 0) for stream in streams)
    unmade = [(one.name, at) for one, at in due if stream_of("job", job_id(one.name, at)) not in made]
    return Overdue(len(there), unmade, unknown, [*told, *_taken(ground, streams, made)])


def _skips(schedule: Schedule) -> bool:
    return schedule.definition is not None and schedule.definition.overlap is Overlap.SKIP


def _last(schedule: Schedule, until: datetime) -> list[Tick]:
    """Return the last tick up to then of which a job should be there, and nothing is told; empty: there is none."""
    if schedule.definition is None or schedule.since is None:
        return []
    rule = rule_of(schedule.definition)
    if not schedule.is_active or schedule.since >= until:
        return []
    return [(schedule, at) for at in latest(rule, schedule.since, until, 1)]


def _coming(schedule: Schedule, now: datetime) -> list[Tick]:
    """Return the next ticks: of those that somebody else's job stands in the way of, it is well to know before."""
    if schedule.definition is None or not schedule.is_active:
        return []
    return [(schedule, at) for at in islice(rule_of(schedule.definition).after(now), NEXT)]


def _taken(ground: Ground, streams: Mapping[str, Tick], made: Collection[str]) -> list[tuple[str, str]]:
    jobs = [(one, job_id(one.name, at)) for stream, (one, at) in streams.items() if stream in made]
    others = foreign(ground.log, jobs)
    return [(one.name, job) for one, job in jobs if job in others]
