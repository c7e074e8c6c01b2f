"""Group commit: appends of several threads that come while one is on its way go together in the next.

A durable append takes a millisecond and more of waiting, however few its events are; so threads that enqueue one job
each share it, and none waits longer for that. (As databases do with their journals; DeWitt and others, 1984.)
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from eventqueue.errors import LogUnavailable
from eventqueue.ports.log import Append, Appended, EventLog, check_one_each

EVENTS_MAX = 1000  # in one append


@dataclass(slots=True)
class _Asked:
    """What one thread asks for, and what becomes of it."""

    appends: Sequence[Append]
    streams: frozenset[str]
    woken: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    results: Sequence[Appended] = ()
    error: BaseException | None = None


class GroupCommit:
    """Appends to `log`. Safe across threads."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._waiting: list[_Asked] = []
        self._is_busy = False

    def append(self, appends: Sequence[Append]) -> Sequence[Appended]:
        """See EventLog.append."""
        check_one_each(appends)
        mine = _Asked(appends, frozenset(one.stream for one in appends))
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_busy = not self._is_busy, True
        if not leads:
            self._wait(mine)
        if not mine.is_done:
            self._send()
        if mine.error is not None:
            raise mine.error
        return mine.results

    def _wait(self, mine: _Asked) -> None:
        """Wait until somebody has sent it along, or for one's turn to send."""
        try:
            mine.woken.wait()
        except BaseException:  # Ctrl-C: the others must not wait for a turn that nobody takes
            with self._lock:
                self._waiting = [one for one in self._waiting if one is not mine]
                if mine.woken.is_set() and not mine.is_done:
                    self._pass_on()
            raise

    def _pass_on(self) -> None:
        self._is_busy = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()

    def _send(self) -> None:
        """Send what waits, the first of it among them, and let the next who waits send what comes then."""
        with self._lock:
            group = self._next_group()
        try:
            results = iter(self._log.append([append for one in group for append in one.appends]))
            for one in group:
                one.results = [next(results) for _ in one.appends]
        except LogUnavailable as error:
            for one in group:  # each is told of what he asked for himself
                one.error = LogUnavailable(str(error), [append.stream for append in one.appends], why=error.why)
        except BaseException as error:
            for one in group:
                one.error = error
        for one in group:
            one.is_done = True
            one.woken.set()
        with self._lock:
            self._pass_on()

    def _next_group(self) -> list[_Asked]:
        """Take from those who wait as many as go together: no stream twice."""
        group: list[_Asked] = []
        left: list[_Asked] = []
        streams: set[str] = set()
        for one in self._waiting:
            if group and (streams & one.streams or len(streams) + len(one.streams) > EVENTS_MAX):
                left.append(one)
            else:
                group.append(one)
            streams |= one.streams  # also of those who are left: whoever comes later for one stays behind them
        self._waiting = left
        return group
