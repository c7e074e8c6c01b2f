"""Jobs that other streams name as made, looked up in the log: whoever names one has seen it there."""

from collections.abc import Iterable, Iterator
from functools import partial

from eventqueue.audit.rules import Finding, Stored
from eventqueue.model.events import stream_of
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.slices import outlasting
from eventqueue.schedules.events import ScheduleTriggered

AT_ONCE = 500  # jobs in one question


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
