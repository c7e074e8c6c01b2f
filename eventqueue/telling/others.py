"""Events of other streams than a job's, in a person's words."""

from datetime import datetime
from typing import Any

import msgspec

from eventqueue.audit.leaves import unpack
from eventqueue.audit.seals import LeavesSealed, LogSealed
from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.events import ConfigSet, ConfigUnset, Event, LateResult, Paused, Resumed
from eventqueue.model.ignoring import Ignored, Unignored
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.model.upkeep import Lost, ParkedRetried, ViewsRebuilt
from eventqueue.schedules.events import (
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
    TickSkipped,
)
from eventqueue.telling import schedules
from eventqueue.telling.words import count, elapsed, sentence, shortened, span
from eventqueue.telling.zone import moment

NAMED_MAX = 3  # of the jobs that a lost worker held
VALUE_MAX = 60  # characters of a value
LIKE_MAX = 80  # characters of a message
KEY_SHOWN = 8  # hex digits of a key


def describe(event: Event, at: datetime) -> str:
    """Return what happened, in one line; of an event of no category told of here, its fields."""
    match event:
        case LateResult(claim=claim, worker=worker, outcome=outcome):
            return f"{outcome} by {worker}, after its claim {claim} had ended"
        case ConfigSet() | ConfigUnset():
            return _setting(event)
        case WorkerStarted() | WorkerStopAsked() | WorkerLeft() | WorkerLost():
            return _life(event, at)
        case ScheduleSet() | ScheduleTriggered() | TickSkipped():
            return schedules.describe(event)
        case Ignored(like=like, until=until, why=why):
            ends = None if until is None else f"until {moment(until)}"
            return sentence(f"those like: {shortened(like, LIKE_MAX)}", ends, why)
        case Unignored() | Paused() | Resumed() | SchedulePaused() | ScheduleResumed() | ScheduleRemoved():
            return event.why or ""
        case ViewsRebuilt(generation=number, projections=projections, why=why, lost=lost):
            return sentence(f"generation {number} of {', '.join(projections)}", why, None if not lost else told(lost))
        case ActBegun() | ActEnded():
            return _act(event)
        case ParkedRetried(projection=projection, job=job, why=why):
            return sentence(f"job {job}, parked by {projection}", why)
        # Told in a line however quiet the log: who audits it must not wonder what was left out.
        case LogSealed(number=number, events=events, key=key):
            signed = None if key is None else f"signed by {key.hex()[:KEY_SHOWN]}…"
            return sentence(f"seal {number} of {count(events, 'event')}", signed)
        case LeavesSealed(seal=seal, leaves=leaves):
            return f"{count(sum(1 for _ in unpack(leaves)), 'leaf', 'leaves')} of seal {seal}"
        case _:
            return sentence(*(f"{name} {_value(getattr(event, name))}" for name in event.__struct_fields__))


def _setting(event: ConfigSet | ConfigUnset) -> str:
    if isinstance(event, ConfigUnset):
        return sentence(f"{event.name} is as built in", event.why)
    return sentence(f"{event.name} is {'none' if event.value is None else event.value}", event.why)


_OTHERS = {"already": "were so already", "refused": "refused", "untried": "not tried", "in_doubt": "in doubt"}


def _act(event: ActBegun | ActEnded) -> str:
    if isinstance(event, ActEnded):
        others = [f"{number:,} {words}" for name, words in _OTHERS.items() if (number := getattr(event, name))]
        return sentence(f"done to {count(event.done, 'job')}", *others)
    number = "jobs" if event.jobs is None else count(event.jobs, "job")
    which = {None: "that were named", "": "that it is for"}.get(event.filter, f"that fit {event.filter}")
    return sentence(f"{event.what} {number} {which}", ", ".join(event.fields), event.why)


def told(lost: Lost) -> str:
    """Return what views had that the log had not, in words."""
    first = f"the views before had {lost.stream} version {lost.version}, which the log had not"
    return f"{first}, and of {count(lost.jobs, 'job')} more than it: {_jobs(lost.such)}" if lost.jobs else first


def _life(event: WorkerStarted | WorkerStopAsked | WorkerLeft | WorkerLost, at: datetime) -> str:
    match event:
        case WorkerStarted(name=name, host=host, pid=pid, concurrency=slots, queues=queues, by=by):
            of = f"of {', '.join(queues)}" if queues else "of all queues"
            started = None if by is None else f"started by {by}"
            return sentence(f"worker {name} on {host} (pid {pid})", f"{count(slots, 'slot')}, {of}", started)
        case WorkerStopAsked(grace=grace, why=why):
            return sentence("to leave" if grace is None else f"to leave within {span(grace)}", why)
        case WorkerLeft():
            return "in order, holding nothing"
        case WorkerLost(seen_dead=seen_dead, renewed_at=renewed_at, held=held):
            silent = None if renewed_at is None else f"silent for {span(elapsed(renewed_at, at))}"
            return sentence("seen dead" if seen_dead else None, silent, f"it held {_jobs(held)}")


def _jobs(held: tuple[str, ...]) -> str:
    if not held:
        return "nothing"
    more = f" and {len(held) - NAMED_MAX:,} more" if len(held) > NAMED_MAX else ""
    return ", ".join(held[:NAMED_MAX]) + more


def _value(value: Any) -> str:
    if isinstance(value, bytes):
        return shortened(value.hex(), VALUE_MAX)
    if isinstance(value, datetime):
        return moment(value)
    return shortened(value if isinstance(value, str) else msgspec.json.encode(value).decode(), VALUE_MAX)
