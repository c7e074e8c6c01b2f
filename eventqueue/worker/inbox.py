"""What other threads tell the engine, in the order in which they told it."""

import threading
from collections import deque
from collections.abc import Iterator

import msgspec

from eventqueue.ports.finder import Signal
from eventqueue.worker.life.heartbeat import Beat, Buried
from eventqueue.worker.running.reports import Ended, Started


class Stop(msgspec.Struct, frozen=True):
    """Claim nothing more; what still runs after `grace` seconds is handed back."""

    grace: float


Message = Started | Ended | Signal | Beat | Buried | Stop


class Inbox:
    """Messages for one engine, which alone takes them out and waits for them."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._news = threading.Condition()
        self._ends = 0  # of runs, of which the engine waits for the last

    def put(self, message: Message) -> None:
        """Add a message, and wake the engine if that is worth it. Safe across threads."""
        with self._news:
            self._messages.append(message)
            match message:
                case Started():  # for later, when it ends
                    return
                case Ended():
                    self._ends -= 1
                    if self._ends > 0:
                        return
                case _:
                    pass
            self._news.notify()

    def take(self) -> Iterator[Message]:
        """Yield the messages there are, until there is none."""
        while self._messages:
            yield self._messages.popleft()

    def wait(self, seconds: float) -> None:
        """Return when there is a message, or after so many seconds."""
        with self._news:
            self._news.wait_for(lambda: self._messages, seconds)

    def gather(self, runs: int, seconds: float) -> None:
        """Return when all `runs`, as many as run, have ended, when there is another message, or after so many seconds.

        Not at each end, as `wait` does: of many short runs the engine would do little else than wake.
        """
        with self._news:
            self._ends = runs - sum(1 for message in self._messages if isinstance(message, Ended))
            self._news.wait_for(lambda: self._ends <= 0 or any(map(_is_news, self._messages)), seconds)
            self._ends = 0


def _is_news(message: Message) -> bool:
    return not isinstance(message, Started | Ended)
