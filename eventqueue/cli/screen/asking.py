"""Asking the database from a screen, which waits for nothing: each question in a thread, its answer when it comes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from eventqueue.errors import QueueError, Refused, Unavailable

if TYPE_CHECKING:
    from textual.app import App

    from eventqueue.api.queue import Queue
    from eventqueue.ports.views import Glance

T = TypeVar("T")

EVERY_S = 0.25  # between two pictures at least: faster than anybody reads
SHARE = 3  # a picture is asked for again after so many times what it took: of many queues it takes a while
IDLE_S = 1.8  # between two pictures where nothing has moved: only times go on then, and workers tell that they live
SILENT_S = 4.0  # without an answer, after which it is said; at least
FAILURES = 30  # the last ones that are shown


class Pace:
    """What an answer takes, by which it is told when to ask again."""

    def __init__(self) -> None:
        self._last_s = 0.0

    def usual(self, took_s: float) -> float:
        """Return what an answer takes after one that took so long: as long as the quicker of the last two.

        One that came late was held up, perhaps, by a database that was silent; two tell how long it takes.
        """
        quicker, self._last_s = min(self._last_s, took_s), took_s
        return quicker


class Asking:
    """Asks for whatever a part of the screen shows: of each part one question at a time, and then the newest."""

    def __init__(self, app: "App[Any]") -> None:
        self._app = app
        self._asked: set[str] = set()
        self._next: dict[str, Callable[[], None]] = {}

    def ask(
        self, part: str, question: Callable[[], T], then: Callable[[T], object], failed: Callable[[str], object]
    ) -> None:
        """Have `then` called with the answer, or `failed` with why there is none, a sentence; both by the screen."""
        if part in self._asked:
            self._next[part] = lambda: self.ask(part, question, then, failed)
            return
        self._asked.add(part)
        in_thread(lambda: self._answer(part, question, then, failed))

    def is_asked(self, part: str) -> bool:
        """Whether an answer is still to come."""
        return part in self._asked

    def _answer(
        self, part: str, question: Callable[[], T], then: Callable[[T], object], failed: Callable[[str], object]
    ) -> None:
        try:
            answer = question()
        except QueueError as error:
            sentence = str(error)
            tell(self._app, lambda: self._over(part, lambda: failed(sentence)))
        except Exception as error:  # of no kind that is expected: the screen ends by it, and it is told then
            tell(self._app, raising(error))
        else:
            tell(self._app, lambda: self._over(part, lambda: then(answer)))

    def _over(self, part: str, show: Callable[[], object]) -> None:
        self._asked.discard(part)
        show()
        if (again := self._next.pop(part, None)) is not None:
            again()


class Looking:
    """Looks at everything again and again, whenever the views have moved, until the screen is gone."""

    def __init__(self, app: "App[Any]", queue: "Queue", first: "Glance", show: "Callable[[Glance], object]") -> None:
        self._app = app
        self._queue = queue
        self._show = show
        self.glance = first
        self.problem: str | None = None  # why there is no newer picture, where the database answers so
        self._answered = time.monotonic()
        self._pace = Pace()
        self._took = 0.0

    def start(self) -> None:
        """Begin, in a thread of its own."""
        in_thread(self._watch)

    def silent_s(self) -> float | None:
        """Return for how many seconds the database has not answered; None: it does."""
        silent = time.monotonic() - self._answered
        return silent if silent > max(SILENT_S, 2 * SHARE * self._took) else None

    def _watch(self) -> None:
        try:
            self._look_on()
        except Exception as error:  # as Asking has it
            tell(self._app, raising(error))

    def _look_on(self) -> None:
        self._look()
        for has_moved in self._queue.follow():
            # A signal that comes too soon after a picture is seen in the next, two seconds later at most.
            since = time.monotonic() - self._answered
            if since > max(EVERY_S if has_moved else IDLE_S, SHARE * self._took) and not self._look():
                return

    def _look(self) -> bool:
        began = time.monotonic()
        with suppress(Unavailable):  # what was seen last stays, and tells since when
            try:
                self.glance, self.problem = self._queue.glance(failures=FAILURES), None
            except Refused as error:
                self.problem = str(error)
            self._answered = time.monotonic()
            self._took = self._pace.usual(self._answered - began)
        return tell(self._app, lambda: self._show(self.glance))


def raising(error: Exception) -> Callable[[], object]:
    """Return what raises it, where the screen is told of it."""

    def act() -> None:
        raise error

    return act


def in_thread(act: Callable[[], object]) -> None:
    """Do it beside all else; what is still at it when the process ends, ends with it."""
    # In the context that it is asked in: with the zone in which times are shown.
    threading.Thread(target=copy_context().run, args=(act,), name="asking", daemon=True).start()


def tell(app: "App[Any]", act: Callable[[], object]) -> bool:
    """Have the screen do something, from another thread; return whether there still is one."""
    return app.call_later(act)
