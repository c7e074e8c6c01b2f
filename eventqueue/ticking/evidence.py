"""Who has made a job that is called as a tick's: its id says nothing of that, its first event does."""

from collections.abc import Iterable
from typing import Any

import bson

from eventqueue.model.codec import LENIENT
from eventqueue.model.events import stream_of
from eventqueue.ports.log import EventLog
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import stream_for

BATCH = 500  # jobs in one question


def foreign(log: EventLog, jobs: Iterable[tuple[Schedule, str]]) -> set[str]:
    """Return those of these jobs that are there, and were not made by their schedule.

    What a schedule has made names as its cause the event that had defined it, which nobody can who only enqueues.
    """
    asked = [(schedule, job) for schedule, job in jobs]
    parts = (asked[start : start + BATCH] for start in range(0, len(asked), BATCH))
    return {job for part in parts for job in _foreign(log, part)}


def _foreign(log: EventLog, jobs: Iterable[tuple[Schedule, str]]) -> set[str]:
    asked = {stream_of("job", job): (schedule, job) for schedule, job in jobs}
    causes = {stream: found[0].cause for stream, found in log.read_many(asked, most=1).items()}
    for stream in asked.keys() - causes.keys():
        if first := log.read_raw(stream, most=1):  # it cannot be read here, and is a newer eventqueue's perhaps
            causes[stream] = _field(first[0], "cause")
    # As it was defined before, perhaps: its stream is read only for what is odd at first sight.
    odd = [(*asked[stream], cause) for stream, cause in causes.items() if cause != asked[stream][0].set_id]
    return {job for schedule, job, cause in odd if cause is None or cause not in _defined(log, schedule.name)}


def _defined(log: EventLog, name: str) -> set[Any]:
    """Return the ids of the events that have ever happened to a schedule."""
    return {_field(raw, "id") for raw in log.read_raw(stream_for(name))}


def _field(raw: bytes, name: str) -> Any:
    return bson.decode(raw, LENIENT).get(name)
