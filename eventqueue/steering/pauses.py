"""Which queues are paused, as the log has it, and pausing them.

What was seen of a queue is read anew only where its stream has gone on: a look is one question by `_id`, or two where
the log may be another one since, whatever the number of pauses.
"""

import warnings
from collections.abc import Collection, Mapping

import msgspec

from eventqueue.errors import LogCorrupt, LogUnavailable
from eventqueue.log.insist import Decision, insist
from eventqueue.model.codec import version_in
from eventqueue.model.events import name_in, stream_of
from eventqueue.model.pause import (
    CATEGORY,
    OPEN,
    Command,
    Pause,
    PauseQueue,
    Valve,
    decide,
    evolve,
    fold,
    last_good,
    problem_of,
    problems_of,
    valve_after,
)
from eventqueue.model.readable import is_far
from eventqueue.ports.finder import Signal, SignalFeed
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import EventLog


class Pauses:
    """The pauses in one log, with what was seen of each queue's stream at the last look."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._seen: dict[str, Valve] = {}
        self._is_sure = True  # that the log has what was seen

    def among(self, queues: Collection[str]) -> Mapping[str, Pause]:
        """Return the pauses of those of `queues` that are paused now. Raises Unavailable."""
        if not self._is_sure:
            self._make_sure()
        heads = ((stream_of(CATEGORY, name), self._valve(name).head.version) for name in queues)
        for stream in self._log.find_next(heads):
            self._seen[name_in(stream)] = look(self._log, stream)
        return {name: pause for name in queues if (pause := self._valve(name).pause) is not None}

    def all(self) -> Mapping[str, Pause]:
        """Return every queue's pause, also of those that no job was ever in. Raises Unavailable."""
        self._seen = {
            name_in(stream): _valve_of(self._log, stream, last) for stream, last in self._log.scan_last(CATEGORY)
        }
        self._is_sure = True
        return {name: valve.pause for name, valve in self._seen.items() if valve.pause is not None}

    def forget(self) -> None:
        """Believe of what was seen only what the log still has: it may be an older one, restored from a backup."""
        self._is_sure = False

    def _make_sure(self) -> None:
        heads = [(stream_of(CATEGORY, name), valve.head) for name, valve in self._seen.items()]
        still = {name_in(stream) for stream in self._log.holds(heads)}
        self._seen = {name: valve for name, valve in self._seen.items() if name in still}
        self._is_sure = True

    @property
    def problems(self) -> Mapping[str, str]:
        """What could not be read of those queues that were looked at, by queue: a sentence each."""
        return problems_of(self._seen)

    def _valve(self, queue: str) -> Valve:
        return self._seen.get(queue, OPEN)


def look(log: EventLog, stream: str) -> Valve:
    """Return how a queue stands. Where its last event cannot be read, the events before hold, and a warning tells."""
    try:
        last = log.read_last(stream)
        if last is None or not is_far(last.version):
            return OPEN if last is None else evolve(last)
    except LogCorrupt:
        pass
    return _last_good(log, stream)


def _valve_of(log: EventLog, stream: str, last: bytes) -> Valve:
    valve = valve_after([last])
    is_whole = valve.problem is None and valve.head.version == version_in(last)
    return valve if is_whole else _last_good(log, stream)


def _last_good(log: EventLog, stream: str) -> Valve:
    valve = last_good(log.read_raw(stream))
    if (sentence := problem_of(name_in(stream), valve)) is not None:
        warnings.warn(sentence, stacklevel=1)  # from here, whoever asked: so that it is said once
    return valve


class Switched(msgspec.Struct, frozen=True):
    """How a queue stands after a command; `is_new` is False where it stood like that before."""

    queue: str
    version: int  # of the queue's stream
    pause: Pause | None
    is_new: bool


def switch(ground: Footing, signals: SignalFeed, queue: str, command: Command, actor: str) -> Switched:
    """Pause or resume a queue, and tell all workers. Raises LogUnavailable, or InvalidInput for too long a reason."""
    stream, valve = stream_of(CATEGORY, queue), OPEN

    def decided() -> Decision:
        nonlocal valve
        valve = look(ground.log, stream)
        return valve.head, decide(valve, command)

    try:
        append = insist(ground.log, stream, decided, actor=actor, now=ground.clock.now)
    except LogUnavailable as error:
        what = f"queue {queue} is {'paused' if isinstance(command, PauseQueue) else 'resumed'}"
        raise error.about(what, "`queuectl queue list` tells, and to ask again is safe.") from error
    if append is None:
        return Switched(queue, valve.head.version, valve.pause, is_new=False)
    signals.publish(Signal(switched=(queue,)))
    valve = fold(append.recorded, valve)
    return Switched(queue, valve.head.version, valve.pause, is_new=True)
