"""What a screen shows by itself is read again and again while it is open, by how long that takes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from eventqueue.cli.screen.asking import Pace

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.cli.screen.board import Board

T = TypeVar("T")

SHARE = 4  # it is read again after so many times what it took
SHARE_REFUSED, LATEST_S = 20, 30.0  # as SHARE, where nothing was shown


class Reading(Generic[T]):
    """Reads what `board` shows, every `every_s` seconds at the most, and has it shown while the board is there."""

    def __init__(
        self, board: "Board", read: "Callable[[Queue], T]", show: Callable[[T], object], every_s: float = 1.0
    ) -> None:
        self._board = board
        self._read = read
        self._show_found = show
        self._every_s = every_s
        self._part = f"reading {id(self)}"
        self._next = self._asked = 0.0
        self._pace = Pace()
        self._problem: str | None = None

    def go_on(self) -> None:
        """Have it read if it is time, and nothing is on its way."""
        asking, queue = self._board.top.asking, self._board.top.queue
        if time.monotonic() >= self._next and not asking.is_asked(self._part):
            self._asked = time.monotonic()
            asking.ask(self._part, lambda: self._timed(queue), self._show, self._fail)

    def _timed(self, queue: "Queue") -> tuple[T, float]:
        began = time.monotonic()
        return self._read(queue), time.monotonic() - began

    def _show(self, answer: tuple[T, float]) -> None:
        found, took_s = answer
        self._problem = None
        self._next = time.monotonic() + max(self._every_s, SHARE * self._pace.usual(took_s))
        if self._board.is_attached:
            self._show_found(found)

    def _fail(self, problem: str) -> None:
        """Say it, but not again and again over what else is said."""
        # What was refused after very many jobs in vain would be so again: it costs as much as what is shown, and more.
        took_s = self._pace.usual(time.monotonic() - self._asked)
        self._next = time.monotonic() + max(self._every_s, min(SHARE_REFUSED * took_s, LATEST_S))
        if problem != self._problem:
            self._problem = problem
            self._board.top.say(problem, "red")
