"""The log of a TestQueue: the log in memory, with the order in which it took its events, and replies that get lost."""

from collections.abc import Callable, Sequence

from eventqueue.errors import LogUnavailable
from eventqueue.log.memory import MemoryLog
from eventqueue.model.codec import EPOCH, Sealed
from eventqueue.model.events import Recorded
from eventqueue.ports.footing import Clock
from eventqueue.ports.log import Append, Appended

_TS = slice(-52, -44)  # where an event's bytes have the server's stamp, see model/envelope.py


class TakenLog(MemoryLog):
    """An EventLog in memory. Each event is stamped as it is taken, as a server would, with what `clock` shows then.

    `taken`: all events in that order. `loses`: asked after each append whether its reply is lost, which is the fault
    that LogUnavailable is for.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.taken: list[Recorded] = []
        self.loses: Callable[[], bool] = lambda: False
        self._clock = clock
        self._stamps = 0

    def append(self, appends: Sequence[Append]) -> list[Appended]:
        """See EventLog.append."""
        done = super().append(appends)
        if appends and self.loses():
            why = "since the reply was lost (a fault that this test asked for)."
            raise LogUnavailable(f"Whether it was appended is unknown {why}", [one.stream for one in appends], why=why)
        return done

    def _append_one(self, append: Append) -> Appended:
        there = len(self._streams.get(append.stream, ()))
        done = super()._append_one(Append(tuple(map(self._stamped, append.events))))
        self.taken += [one.recorded for one in self._streams[append.stream][there:]]
        return done

    def _stamped(self, sealed: Sealed) -> Sealed:
        self._stamps += 1
        seconds = int((self._clock.now() - EPOCH).total_seconds())
        stamp = (seconds << 32 | self._stamps).to_bytes(8, "little")
        return Sealed(sealed.recorded, sealed.raw[: _TS.start] + stamp + sealed.raw[_TS.stop :])
