"""Who has made a job that is called as a tick's: its id says nothing of that, its first event does."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import bson

from eventqueue.model.codec import LENIENT
from eventqueue.model.events import stream_of
from eventqueue.ports.log import PART, EventLog
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import job_id, stream_for, tick_of

BATCH = 500  # jobs in one question


def foreign(log: EventLog, jobs: Iterable[tuple[Schedule, str]]) -> set[str]:
    """Return those of these jobs that are there, and were not made by their schedule.

    What a schedule has made names as its cause the event that had defined it, which nobody can who only enqueues.
    """
    asked = [(schedule, job) for schedule, job in jobs]
    parts = (asked[start : start + BATCH] for start in range(0, len(asked), BATCH))
    return {job for part in parts for job in _foreign(log, part)}


def made_between(log: EventLog, schedule: Schedule, after: datetime, before: datetime) -> datetime | None:
    """Return the last tick behind `after`, and before `before`, of which the schedule has made a job: by its name."""
    name = schedule.name
    least, most = (stream_of("job", job_id(name, at)) for at in (after, before))
    while (stream := log.find_between(least, most)) is not None:
        job = stream.removeprefix("job-")
        made = tick_of(job, stream_for(name))
        if made is not None and made[1] is not None and not foreign(log, [(schedule, job)]):
            return made[1]
        most = stream  # somebody else's, or one that was triggered
    return None


def _foreign(log: EventLog, jobs: Iterable[tuple[Schedule, str]]) -> set[str]:
    asked = {stream_of("job", job): (schedule, job) for schedule, job in jobs}
    causes = {stream: found[0].cause for stream, found in log.read_many(asked, most=1).items()}
    for stream in asked.keys() - causes.keys():
        if first := log.read_raw(stream, most=1):  # it cannot be read here, and is a newer eventqueue's perhaps
            causes[stream] = _field(first[0], "cause")
    # As it was defined before, perhaps: its stream is read only for what is odd at first sight.
    odd = [(*asked[stream], cause) for stream, cause in causes.items() if cause != asked[stream][0].set_id]
    wanted: dict[str, set[Any]] = defaultdict(set)
    for schedule, _, cause in odd:
        wanted[schedule.name].add(cause)
    defined = {name: _defined(log, name, causes) for name, causes in wanted.items()}
    return {job for schedule, job, cause in odd if cause is None or cause not in defined[schedule.name]}


def _defined(log: EventLog, name: str, causes: set[Any]) -> set[Any]:
    """Return those of the causes that are ids of events which have happened to a schedule, however many have."""
    there: set[Any] = set()
    after, part = 0, [b""] * PART
    while len(part) == PART and there != causes:
        part = log.read_raw(stream_for(name), after, PART)
        there |= causes & {_field(raw, "id") for raw in part}
        after += len(part)
    return there


def _field(raw: bytes, name: str) -> Any:
    return bson.decode(raw, LENIENT).get(name)
