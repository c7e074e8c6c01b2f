"""The screen of errors: the kinds of the newest failures, the largest first, and what may be done to all of a kind."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult

from eventqueue.api.queue import Queue
from eventqueue.audit.errors import ErrorGroup
from eventqueue.cli.render.ranked import Column, cell, number
from eventqueue.cli.render.words import age, count
from eventqueue.cli.screen.acts import Intent, ToAll
from eventqueue.cli.screen.asking import Pace
from eventqueue.cli.screen.board import Board, titled
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.model.deeds import CANCEL, RETRY
from eventqueue.model.job import State
from eventqueue.ports.views import Filter, Glance

NEWEST = 1_000  # failures of each state of which the kinds are shown
EVERY_S = 2.0
SHARE = 4  # see jobs
TROUBLED = (State.FAILED, State.DEAD)


class KindRow(NamedTuple):
    """Failures of one kind."""

    group: ErrorGroup
    now: datetime


class Found(NamedTuple):
    """What was read, and how long that took."""

    rows: Sequence[KindRow]
    failures: int
    took_s: float


COLUMNS = (
    Column("COUNT", 0, is_figure=True),
    Column("LAST", 1, is_figure=True),
    Column("FIRST", 4, is_figure=True),
    Column("QUEUES", 2, is_loose=True),
    Column("ERROR", 0, is_loose=True),
    Column("FINGERPRINT", 3),
)
ORDERS: Mapping[str, Order[KindRow]] = {
    "COUNT": lambda row: (-row.group.count, row.group.fingerprint),
    "LAST": lambda row: row.now - row.group.last,
    "FIRST": lambda row: row.group.first,
}


class Errors(Board):
    """What jobs that are failed or dead failed with."""

    KEYS = (("Enter", "its jobs"), ("r", "retry all of it"), ("c", "cancel all of it"), ("s", "sort"), ("Esc", "back"))

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._pace = Pace()

    def body(self) -> ComposeResult:
        """See Board."""
        yield Rows(COLUMNS, _drawn, lambda row: row.group.fingerprint, ORDERS, nothing="reading …", id="errors")

    def draw(self, glance: Glance) -> None:  # noqa: ARG002 - they are read by themselves
        """See Board."""
        if time.monotonic() >= self._next and not self.top.asking.is_asked("errors"):
            self.top.asking.ask("errors", lambda: read(self.top.queue), self._show, self._fail)

    def _show(self, found: Found) -> None:
        self._next = time.monotonic() + max(EVERY_S, SHARE * self._pace.usual(found.took_s))
        if self.is_attached:
            pane = self.query_one(Rows)
            pane.nothing = "No job is failed or dead."
            of = f"of the newest {found.failures:,} failures" if found.failures else ""
            pane.show_rows(found.rows, titled(count(len(found.rows), "kind"), of))

    def _fail(self, problem: str) -> None:
        self._next = time.monotonic() + EVERY_S
        self.top.say(problem, "red")

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows: the jobs of the kind."""
        fingerprint = event.row.group.fingerprint
        self.app.push_screen(Jobs(Filter(fingerprint=fingerprint), states=TROUBLED))

    def deed(self, kind: str) -> Intent | None:
        """See Board."""
        row = self.query_one(Rows).selected
        if row is None or kind == "pause":
            return None
        of = {"retry": RETRY, "cancel": CANCEL.of(State.FAILED)}[kind]
        return ToAll(of, Filter(fingerprint=row.group.fingerprint), f"the kind {row.group.fingerprint}")


def read(queue: Queue) -> Found:
    """Return the kinds of the newest failures. Raises QueueError."""
    began = time.monotonic()
    found, now = queue.errors(newest=NEWEST), queue.connection.ground.clock.now()
    return Found([KindRow(one, now) for one in found.groups], found.failures, time.monotonic() - began)


def _drawn(row: KindRow) -> Sequence[Text]:
    one = row.group
    return (
        number(one.count),
        cell(age(row.now - one.last)),
        cell(age(row.now - one.first)),
        cell(", ".join(one.queues)),
        cell(one.example.message),
        cell(one.fingerprint, "dim"),
    )
