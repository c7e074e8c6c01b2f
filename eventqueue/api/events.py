"""Reading the log event by event, whatever stream they are in: what is there, and what comes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from bson.timestamp import Timestamp

from eventqueue.audit.fitting import failed_so
from eventqueue.audit.wanted import Wanted, job_stream_of
from eventqueue.model.events import Enqueued, Failed, Recorded, name_in, task_of
from eventqueue.model.moments import between
from eventqueue.model.readable import Read
from eventqueue.mongo.log import OWN_VISIBLE_S, VISIBLE_S
from eventqueue.mongo.slices import outlasting
from eventqueue.mongo.timeline import Following, Stored, Tell, Timeline, place_of
from eventqueue.ports.views import Failure, Filter

if TYPE_CHECKING:
    from eventqueue.connect import Connection

AT_ONCE = 500  # events of which the jobs are asked for together
KNOWN_MAX = 20_000  # jobs that are remembered

T = TypeVar("T")


class Events:
    """The events of one connection's log."""

    def __init__(self, connection: "Connection") -> None:
        self._log = connection.ground.log
        self._timeline = Timeline(connection.ground.database, self._log)
        self._known: dict[str, Enqueued | None] = {}

    def read(self, wanted: Wanted, *, reverse: bool = False, tell: Tell = lambda _: None) -> Iterator[Read]:
        """See Queue.events."""
        wanted.check()
        return self._fitting(self._found(wanted, reverse=reverse, tell=tell), wanted, _itself)

    def _found(self, wanted: Wanted, *, reverse: bool, tell: Tell) -> Iterator[Read]:
        if wanted.streams:
            return self._timeline.of_streams(wanted.streams, reverse=reverse)
        bounds, query = between(wanted.since, wanted.until), wanted.query()
        if wanted.categories:  # a handful among millions
            return self._timeline.of_categories(wanted.categories, bounds, query, reverse=reverse)
        return self._timeline.read(bounds, query, reverse=reverse, tell=tell)

    def stored(self, wanted: Wanted) -> Iterator[bytes]:
        """See Queue.stored_events."""
        wanted.check()
        whole = self._timeline.read_whole(between(wanted.since, wanted.until), wanted.query())
        yield from (raw for _, raw in self._fitting(whole, wanted, _read_of))
        if wanted == Wanted():
            yield from (raw for _, raw in self._timeline.read_timeless())

    def failures(self, wanted: Filter) -> Iterator[Failure]:
        """Yield the attempts that failed and fit, by failing.OF_THE_PAST, each with its job's queue."""
        found = self.read(Wanted(since=wanted.since, until=wanted.until, queue=wanted.queue, types=("failed",)))
        while some := list(islice(found, AT_ONCE)):
            jobs = self._enqueued({one.stream for one in some})
            for one in some:
                enqueued = jobs.get(one.stream)
                if not isinstance(one, Recorded) or not isinstance(one.event, Failed) or enqueued is None:
                    continue
                if wanted.task in (None, task_of(enqueued.run)) and failed_so(one.event.error.told, wanted):
                    yield Failure(name_in(one.stream), enqueued.queue, one.at, one.event.error.told)

    def follow(self, wanted: Wanted, last: int | None) -> Iterator[Read | None]:
        """See Queue.follow_events."""
        wanted.check()
        with self._timeline.follow() as coming:
            told = _Told(coming.since)
            yield from told.passing(self._past(wanted, last))
            yield None
            while True:
                yield from self._next(coming, wanted, told)

    def _past(self, wanted: Wanted, last: int | None) -> Iterable[Read]:
        if last is None:
            return self.read(wanted)
        return reversed(list(islice(self.read(wanted, reverse=True), last)))

    def _next(self, coming: Following, wanted: Wanted, told: "_Told") -> Iterator[Read | None]:
        one = coming.read()
        if one is None:
            yield None
        elif not told.has(one):
            yield from self._fitting([one], wanted, _itself)

    def _fitting(self, found: Iterable[T], wanted: Wanted, read: Callable[[T], Read]) -> Iterator[T]:
        fitting = (one for one in found if wanted.fits(read(one)))
        if not wanted.needs_jobs:
            yield from fitting
            return
        while some := list(islice(fitting, AT_ONCE)):
            jobs = self._enqueued({stream for one in some if (stream := job_stream_of(read(one))) is not None})
            yield from (one for one in some if wanted.fits_job(read(one), jobs.get(job_stream_of(read(one)) or "")))

    def _enqueued(self, streams: Iterable[str]) -> Mapping[str, Enqueued | None]:
        """Return, by the streams of jobs, how they were enqueued; None where that cannot be read."""
        if unknown := [stream for stream in streams if stream not in self._known]:
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
                unknown = list(streams)
            found = outlasting(partial(self._log.read_many, unknown, most=1))
            self._known |= {stream: _first(found.get(stream, ())) for stream in unknown}
        return self._known


class _Told:
    """Which events of the past were told already that may come again as new: those that were appended just before.

    Of others than begin a stream, as one does that comes in a transaction, that is a much shorter time, which counts
    where thousands come a second.
    """

    def __init__(self, since: Timestamp) -> None:
        self._since = Timestamp(max(0, since.time - OWN_VISIBLE_S), 0)
        self._since_first = Timestamp(max(0, since.time - VISIBLE_S), 0)
        self._places: set[tuple[str, int]] = set()

    def passing(self, past: Iterable[Read]) -> Iterator[Read]:
        for one in past:
            # What stands at no version has no place by which one of it could be told from another.
            since = self._since_first if one.version == 1 else self._since
            if one.stream and place_of(one)[0] >= since:
                self._places.add((one.stream, one.version))
            yield one

    def has(self, one: Read) -> bool:
        return (one.stream, one.version) in self._places


def _itself(one: Read) -> Read:
    return one


def _read_of(one: Stored) -> Read:
    return one[0]


def _first(history: Sequence[Read]) -> Enqueued | None:
    event = getattr(history[0], "event", None) if history else None
    return event if isinstance(event, Enqueued) else None
