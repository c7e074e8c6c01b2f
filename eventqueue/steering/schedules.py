"""The schedules there are, as the log has them, and changing them.

Whoever ticks has seen some of a schedule's stream already, and reads only what came after that.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC

import msgspec

from eventqueue.errors import LogUnavailable, ScheduleNotFound
from eventqueue.log.insist import Decision, insist
from eventqueue.ports.finder import Signal, SignalFeed
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import EventLog
from eventqueue.schedules import rule, schedule
from eventqueue.schedules.events import CATEGORY
from eventqueue.schedules.rule import Rule
from eventqueue.schedules.schedule import Command, Definition, Schedule, decide
from eventqueue.schedules.ticks import stream_for
from eventqueue.system.zones import zone


def rule_of(definition: Definition) -> Rule:
    """Return when the ticks of a definition are. Raises InvalidInput, also for a zone that is not known here."""
    if definition.cron is not None:
        return rule.cron(definition.cron, UTC if definition.tz is None else zone(definition.tz))
    return rule.every(rule.span_of(definition.every or 0))


def look(log: EventLog, name: str) -> Schedule:
    """Return how a schedule stands. Where its last event cannot be read those before it hold, and a warning tells."""
    return _told(schedule.of_stream(stream_for(name), log.read_raw(stream_for(name))))


def found(log: EventLog, name: str) -> Schedule:
    """As `look`. Raises ScheduleNotFound where there is none."""
    there = look(log, name)
    if there.definition is None:
        raise ScheduleNotFound(name)
    return there


def every(log: EventLog) -> Iterator[Schedule]:
    """Yield all schedules that there are, by name."""
    for stream, history in log.scan_raw(CATEGORY):
        there = _told(schedule.of_stream(stream, history))
        if there.definition is not None:
            yield there


def gone_on(log: EventLog, seen: Iterable[Schedule]) -> Mapping[str, Schedule]:
    """Return, by name, those of the schedules of which more has happened, as they stand now: one question for all."""
    known = {stream_for(one.name): one for one in seen}
    streams = log.find_next((stream, one.head.version) for stream, one in known.items())
    return {
        known[stream].name: _told(schedule.after(known[stream], log.read_raw(stream, known[stream].head.version)))
        for stream in streams
    }


def _told(there: Schedule) -> Schedule:
    if there.problem is not None:
        warnings.warn(
            f"Schedule {there.name} stays as it was before an event that is passed over: {there.problem} "
            "`queuectl schedule add`, `pause` or `resume` makes it sure.",
            stacklevel=1,  # from here, whoever asked: so that it is said once
        )
    return there


class Changed(msgspec.Struct, frozen=True):
    """How a schedule stands after a command; `is_new` is False where it stood like that before."""

    schedule: Schedule
    is_new: bool
    before: Schedule


def change(ground: Footing, signals: SignalFeed, name: str, command: Command, actor: str) -> Changed:
    """Do what is asked to a schedule, and tell all who tick.

    Raises ScheduleNotFound, LogUnavailable, or InvalidInput for what is too large.
    """
    before = Schedule(name=name)

    def decided() -> Decision:
        nonlocal before
        before = look(ground.log, name)
        return before.head, decide(before, command)

    try:
        append = insist(ground.log, stream_for(name), decided, actor=actor, now=ground.clock.now)
    except LogUnavailable as error:
        raise error.about(
            f"schedule {name} is changed", f"`queuectl schedule show {name}` tells, and to ask again is safe."
        ) from error
    if append is None:
        return Changed(before, is_new=False, before=before)
    signals.publish(Signal(scheduled=(name,)))
    now = before
    for recorded in append.recorded:
        now = schedule.evolve(now, recorded)
    return Changed(now, is_new=True, before=before)
