"""Work that takes longer than a request may: done in a thread of its own, watched from the page, at most one of a kind.

It is the process's: what is not done when that ends is stopped where it tells how far it is, and is not gone on with.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from eventqueue.errors import QueueError, Refused, redact

RUNNING_MAX = 4  # at a time, of whatever kinds
KEPT_MAX = 50  # outcomes; the oldest go first
STOP_S = 5.0  # for what goes on when the process ends
FAILED = "It failed, with an error of its own: what this process logs has it"

logger = logging.getLogger("eventqueue.web")


class Labour(msgspec.Struct, frozen=True, kw_only=True):
    """A work as it stands: `what` is done, `by` whom, how much of how much; `total`: None where nobody knows.

    `outcome`: what became of it, a sentence, None while it goes on; `is_well`: it did what it was to do. `found`: what
    it has found, a sentence each.
    """

    kind: str
    what: str
    by: str
    began_at: datetime
    done: int = 0
    total: int | None = None
    unit: str = ""
    is_stopping: bool = False
    ended_at: datetime | None = None
    outcome: str | None = None
    is_well: bool = True
    found: Sequence[str] = ()

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None


class _Stopped(Exception):
    """Raised in the work, where it tells how far it is, once it is to stop."""


Tell = Callable[[int], object]  # how much is done by now


class Outcome(NamedTuple):
    """What became of a work; see Labour."""

    outcome: str
    is_well: bool = True
    found: Sequence[str] = ()


Work = Callable[[Tell], Outcome]


class Labours:
    """All works of a process. `clock`: the time, by the database; `ended` is called when one has ended."""

    def __init__(self, clock: Callable[[], datetime], ended: Callable[[], object] = lambda: None) -> None:
        self._clock = clock
        self._ended = ended
        self._found: dict[str, Labour] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._is_over = False

    def start(self, kind: str, what: str, by: str, work: Work, *, total: int | None = None, unit: str = "") -> Labour:
        """Begin a work in a thread. Raises Refused while one of its kind goes on, or too many of others do.

        `work` is given what to tell how much is done, of `total` `unit`s; that raises an exception once it is to end.
        """
        with self._lock:
            self._check(kind)
            begun = Labour(kind=kind, what=what, by=by, began_at=self._clock(), total=total, unit=unit)
            thread = threading.Thread(target=self._do, args=(kind, work), name=f"web {kind}", daemon=True)
            thread.start()  # first: where there is none to be had nothing goes on
            self._found.pop(kind, None)  # the newest is last
            self._found[kind] = begun
            self._threads[kind] = thread
            self._forget()
        return begun

    def get(self, kind: str) -> Labour | None:
        """Return the work of this kind that goes on, or ended last."""
        return self._found.get(kind)

    @property
    def all(self) -> Mapping[str, Labour]:
        """By kind, as `get`."""
        with self._lock:
            return dict(self._found)

    def stop(self, kind: str) -> Labour | None:
        """Have it stop where it tells how far it is; return it, None if there is none that goes on."""
        with self._lock:
            one = self._found.get(kind)
            if one is None or not one.is_running:
                return None
            return self._set(kind, is_stopping=True)

    def end(self) -> None:
        """Stop all, and wait a little for them; what does not stop by then is told, and ends with the process."""
        with self._lock:
            self._is_over = True
            running = {kind: self._threads[kind] for kind, one in self._found.items() if one.is_running}
            for kind in running:
                self._set(kind, is_stopping=True)
        for kind, thread in running.items():
            thread.join(STOP_S)
            one = self._found[kind]
            if one.outcome is None or not one.is_well:
                logger.warning("%s was not done to its end: this process ends", one.what)

    def _check(self, kind: str) -> None:
        running = [one for one in self._found.values() if one.is_running]
        for one in running:
            if one.kind == kind:
                raise Refused(f"{one.what} goes on, begun by {one.by}: wait for its end, or stop it.")
        if self._is_over or len(running) >= RUNNING_MAX:
            raise Refused("This process has enough to do: wait until something of it has ended.")

    def _forget(self) -> None:
        while len(self._found) > KEPT_MAX:
            kind = next(kind for kind, one in self._found.items() if not one.is_running)
            del self._found[kind]

    def _do(self, kind: str, work: Work) -> None:
        with self._lock:  # once it is noted
            at = self._found[kind].began_at
        ended = self._outcome(kind, work)
        with suppress(QueueError):  # where the database does not answer any more
            at = self._clock()
        with self._lock:
            self._set(kind, outcome=ended.outcome, is_well=ended.is_well, found=ended.found, ended_at=at)
            del self._threads[kind]
        self._ended()

    def _outcome(self, kind: str, work: Work) -> Outcome:
        try:
            return work(lambda done: self._tell(kind, done))
        except _Stopped:
            return Outcome("It was stopped", is_well=False)
        except QueueError as error:
            return Outcome(redact(str(error)), is_well=False)
        except Exception:
            logger.exception("%s failed", self._found[kind].what)
            return Outcome(FAILED, is_well=False)

    def _tell(self, kind: str, done: int) -> None:
        with self._lock:
            if self._found[kind].is_stopping:
                raise _Stopped
            self._set(kind, done=done)

    def _set(self, kind: str, **changed: object) -> Labour:
        self._found[kind] = found = replace(self._found[kind], **changed)
        return found
