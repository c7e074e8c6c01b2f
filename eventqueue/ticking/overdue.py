"""Schedules of which the last tick became no job, though its time is well past: nobody ticks, it seems."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.events import stream_of
from eventqueue.mongo.ground import Ground
from eventqueue.schedules.events import Overlap
from eventqueue.schedules.missed import LATE
from eventqueue.schedules.rule import latest
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import job_id
from eventqueue.steering.schedules import every, rule_of


class Overdue(msgspec.Struct, frozen=True):
    """How the schedules stand: how many there are, those with a tick that nobody has made, and those that no machine
    like this one can make, each with why.
    """

    number: int
    unmade: Sequence[tuple[str, datetime]]
    unknown: Sequence[tuple[str, str]]


def overdue(ground: Ground) -> Overdue:
    """Look for what should have been made. Raises Unavailable."""
    there, now = list(every(ground.log)), ground.clock.now()
    due: dict[str, tuple[str, datetime]] = {}
    unknown = []
    for one in there:
        try:
            due |= _due(one, now - LATE)
        except InvalidInput as error:
            unknown.append((one.name, str(error)))
    made = ground.log.find_next((stream, 0) for stream in due)
    return Overdue(len(there), [tick for stream, tick in due.items() if stream not in made], unknown)


def _due(schedule: Schedule, until: datetime) -> dict[str, tuple[str, datetime]]:
    """Return the stream of the job that should be there by then, with schedule and tick; empty: none need be."""
    if schedule.definition is None or schedule.since is None:
        return {}
    rule = rule_of(schedule.definition)
    # One that skips for a job that has not ended tells of the first tick alone.
    if not schedule.is_active or schedule.definition.overlap is Overlap.SKIP or schedule.since >= until:
        return {}
    ticks = latest(rule, schedule.since, until, 1)
    return {stream_of("job", job_id(schedule.name, at)): (schedule.name, at) for at in ticks}
