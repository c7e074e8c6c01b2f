"""The schedules there are, as the log has them, and changing them.

Whoever ticks has seen some of a schedule's stream already, and reads only what came after that.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from functools import reduce
from itertools import groupby
from operator import itemgetter

import msgspec

from eventqueue.errors import LogUnavailable, ScheduleNotFound
from eventqueue.log.insist import Decision, insist
from eventqueue.model.codec import head_of
from eventqueue.model.events import name_in
from eventqueue.model.names import meant
from eventqueue.ports.finder import Signal, SignalFeed
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import PART, EventLog
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
    return later(log, Schedule(name=name))


def later(log: EventLog, seen: Schedule) -> Schedule:
    """As `look`, of a schedule that was seen before: only what came after that is read, PART events at a time."""
    before, there, part = None, seen, [b""] * PART
    while len(part) == PART and there.head != before:  # what the stream never came to leads no further
        before = there.head
        part = log.read_raw(stream_for(seen.name), there.head.version, PART)
        there = schedule.after(there, part)
    return _told(there)


def found(log: EventLog, name: str) -> Schedule:
    """As `look`. Raises ScheduleNotFound where there is none."""
    there = look(log, name)
    if there.definition is None:
        raise _not_found(log, name)
    return there


def _not_found(log: EventLog, name: str) -> ScheduleNotFound:
    return ScheduleNotFound(name, meant(name, (one.name for one in every(log))))


def every(log: EventLog) -> Iterator[Schedule]:
    """Yield all schedules that there are, by name."""
    return (there for there in ever(log, {}) if there.definition is not None)


def ever(log: EventLog, seen: Mapping[str, Schedule]) -> Iterator[Schedule]:
    """Yield all schedules that there ever were; of those that were `seen` before only what came after that is read.

    Those that were removed, too: who looks again is to know them. By name, where none was seen.
    """
    if not seen:
        for stream, parts in groupby(log.scan_parts(CATEGORY), key=itemgetter(0)):
            yield _told(reduce(schedule.after, map(itemgetter(1), parts), Schedule(name=name_in(stream))))
        return
    for stream, last in log.scan_last(CATEGORY):
        head, none = head_of(last), Schedule(name=name_in(stream))
        known = seen.get(none.name, none)
        if known.head.version < head.version:
            yield later(log, known)
        else:  # what is not that, a backup has put in its place
            yield known if known.head.hash == head.hash else later(log, none)


def gone_on(log: EventLog, seen: Iterable[Schedule]) -> Mapping[str, Schedule]:
    """Return, by name, those of the schedules of which more has happened, as they stand now: one question for all."""
    known = {stream_for(one.name): one for one in seen}
    streams = log.find_next((stream, one.head.version) for stream, one in known.items())
    return {known[stream].name: later(log, known[stream]) for stream in streams}


def _told(there: Schedule) -> Schedule:
    if (sentence := schedule.problem_of(there)) is not None:
        warnings.warn(sentence, stacklevel=1)  # from here, whoever asked: so that it is said once
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
        before = later(ground.log, before)
        return before.head, decide(before, command)

    try:
        append = insist(ground.log, stream_for(name), decided, actor=actor, now=ground.clock.now)
    except LogUnavailable as error:
        raise error.about(
            f"schedule {name} is changed", f"`queuectl schedule show {name}` tells, and to ask again is safe."
        ) from error
    except ScheduleNotFound:
        raise _not_found(ground.log, name) from None
    if append is None:
        return Changed(before, is_new=False, before=before)
    signals.publish(Signal(scheduled=(name,)))
    now = before
    for recorded in append.recorded:
        now = schedule.evolve(now, recorded)
    return Changed(now, is_new=True, before=before)
