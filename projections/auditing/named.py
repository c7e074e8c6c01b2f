"""What one stream names of another, looked up in the log: jobs as made or taken up, and acts that jobs were part of.

Whoever names one has seen it there, has put it there before, or has made it of that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from eventqueue.audit.rules import Finding, Stored
from eventqueue.model.acts import CATEGORY, ActBegun
from eventqueue.model.deeds import DEEDS
from eventqueue.model.events import Enqueued, Event, OfMany, Recorded, name_in, stream_of, type_of
from eventqueue.model.portions import runs
from eventqueue.model.restarting import successors
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.slices import outlasting
from eventqueue.schedules.events import ScheduleTriggered

AT_ONCE = 500  # jobs in one question
RESTARTS = 50  # of which the whole histories are read


class Named:
    """The jobs that one stream names."""

    def __init__(self, log: MongoLog) -> None:
        self._log = log
        self._named: dict[str, Finding] = {}  # what is to be told if it is not there, by the job's stream
        self._missing: list[Finding] = []

    def heard(self, history: Iterable[Stored]) -> Iterator[Stored]:
        """Yield the events, and take in which jobs they name."""
        for one in history:
            if one.event is not None and isinstance(one.event.event, ScheduleTriggered):
                job = one.event.event.job
                problem = f"it names job {job}, of which the log has nothing"
                self._named[stream_of("job", job)] = Finding(one.event.stream, one.event.version, problem, is_lost=True)
            if len(self._named) >= AT_ONCE:
                self._look()
            yield one

    def missing(self) -> list[Finding]:
        """Return what was not there."""
        self._look()
        return self._missing

    def _look(self) -> None:
        asked, self._named = self._named, {}
        if asked:
            there = outlasting(partial(self._log.find_next, [(stream, 0) for stream in asked]))
            self._missing += [finding for stream, finding in asked.items() if stream not in there]


def restarts(log: MongoLog, histories: Mapping[str, Sequence[Stored]]) -> Iterator[Finding]:
    """Yield what is wrong with those of these jobs that say that they take up another, which had ended by then."""
    begun = [first for history in histories.values() if (first := _restart(history)) is not None]
    for some in runs(begun, RESTARTS):
        of = {_old(one) for one in some}
        read = outlasting(partial(log.read_many, of))
        there = read.keys() | outlasting(partial(log.find_next, [(stream, 0) for stream in of - read.keys()]))
        for one in some:
            if (stream := _old(one)) not in there:
                problem = f"it takes up job {name_in(stream)}, of which the log has nothing"
                yield Finding(one.stream, one.version, problem, is_lost=True)
            elif stream in read and not _follows(one, read[stream]):  # what cannot be read is told of that stream
                problem = f"it takes up job {name_in(stream)}, which had not ended so by then"
                yield Finding(one.stream, one.version, problem)


def _restart(history: Sequence[Stored]) -> Recorded | None:
    first = history[0].event if history else None
    is_restart = first is not None and isinstance(first.event, Enqueued) and first.event.restart_of is not None
    return first if is_restart else None


def _old(first: Recorded) -> str:
    assert isinstance(first.event, Enqueued)
    return stream_of("job", str(first.event.restart_of))


def _follows(first: Recorded, history: Sequence[Recorded]) -> bool:
    """Whether this is the event with which the job of a history may have been restarted."""
    earlier = [one for one in history if one.at <= first.at]
    return name_in(first.stream) in successors(earlier)


class NamedActs:
    """The acts that events of jobs name: each is looked up once, and told of once, however many jobs it was done to."""

    def __init__(self, log: MongoLog) -> None:
        self._log = log
        self._seen: set[tuple[str, type[Event]]] = set()

    def faults(self, history: Iterable[Stored]) -> list[Finding]:
        """Return a finding for each act that is named here and is not there, or does something else to jobs."""
        named: dict[tuple[str, type[Event]], Recorded] = {}
        for one in history:
            if one.event is not None and isinstance(event := one.event.event, OfMany) and event.act is not None:
                named.setdefault((stream_of(CATEGORY, event.act), type(event)), one.event)
        new = [place for place in named if place not in self._seen]
        self._seen.update(new)
        asked = {stream for stream, _ in new}
        begun = outlasting(partial(self._log.read_many, asked, 1)) if asked else {}
        unread = asked - begun.keys()
        there = outlasting(partial(self._log.find_next, [(stream, 0) for stream in unread])) if unread else set()
        missing = {stream: named[stream, kind] for stream, kind in reversed(new) if stream in unread - there}
        return [
            *(_unnamed(stream, one) for stream, one in missing.items()),
            *(found for place in new for first in begun.get(place[0], ()) if (found := _misdone(first, named[place]))),
        ]


def _unnamed(act: str, one: Recorded) -> Finding:
    problem = f"it names act {name_in(act)}, of which the log has nothing"
    return Finding(one.stream, one.version, problem, is_lost=True)


def _misdone(first: Recorded, one: Recorded) -> Finding | None:
    """Return what is wrong with an event that names an act with this first event; a deed that is not known may be."""
    deed = DEEDS.get(first.event.what) if isinstance(first.event, ActBegun) else None
    if deed is None or isinstance(one.event, deed.events):
        return None
    act, kinds = name_in(first.stream), " or ".join(str(kind.__struct_config__.tag) for kind in deed.events)
    problem = f"`{type_of(one.event)}` is not what act {act} does to a job, which is to {deed.name} it"
    return Finding(one.stream, one.version, problem, kinds, type_of(one.event))
