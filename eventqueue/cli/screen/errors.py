"""The screen of errors: the kinds of the newest failures, the largest first, and what may be done to all of a kind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from textual.app import ComposeResult

from eventqueue.api.queue import Queue
from eventqueue.audit.errors import ErrorGroup
from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.acts import Intent, ToAll
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.pane import Order, Pane, cell, number, titled
from eventqueue.cli.screen.reading import Reading
from eventqueue.cli.screen.rows import Rows
from eventqueue.model.deeds import CANCEL, RETRY
from eventqueue.model.job import State
from eventqueue.ports.views import Filter, Glance
from eventqueue.telling.words import age, count

NEWEST = 1_000  # failures of each state of which the kinds are shown
EVERY_S = 2.0
ONLY_IGNORED = "Nothing but what is ignored: `queuectl errors --ignored` shows it."
TROUBLED = (State.FAILED, State.DEAD)


class KindRow(NamedTuple):
    """Failures of one kind."""

    group: ErrorGroup
    now: datetime


class Found(NamedTuple):
    """What was read; `failures`: of so many; `ignored`: kinds that are left out."""

    rows: Sequence[KindRow]
    failures: int
    ignored: int


ORDERS: Mapping[str, Order[KindRow]] = {
    "COUNT": lambda row: (-row.group.count, row.group.fingerprint),
    "LAST": lambda row: row.now - row.group.last,
    "FIRST": lambda row: row.group.first,
}

PANE: Pane[KindRow] = Pane(
    "errors",
    (
        Column("COUNT", lambda row: number(row.group.count)),
        Column("LAST", lambda row: figure(age(row.now - row.group.last)), 1),
        Column("FIRST", lambda row: figure(age(row.now - row.group.first)), 4),
        Column("QUEUES", lambda row: cell(", ".join(row.group.queues)), 2, is_text=True),
        Column("ERROR", lambda row: cell(row.group.example.message), is_text=True),
        Column("FINGERPRINT", lambda row: cell(row.group.fingerprint, "dim"), 3),
    ),
    lambda row: row.group.fingerprint,
    ORDERS,
    nothing="No job is failed or dead.",
)


class Errors(Board):
    """What jobs that are failed or dead failed with."""

    KEYS = (("Enter", "its jobs"), ("r", "retry all of it"), ("c", "cancel all of it"), ("s", "sort"), ("Esc", "back"))

    def __init__(self) -> None:
        super().__init__()
        self._reading = Reading(self, read, self._show, EVERY_S)

    def body(self) -> ComposeResult:
        """See Board."""
        yield Rows(PANE)

    def draw(self, glance: Glance) -> None:  # noqa: ARG002 - they are read by themselves
        """See Board."""
        self._reading.go_on()

    def _show(self, found: Found) -> None:
        of = f"of the newest {found.failures:,} failures" if found.failures else ""
        ignored = f"{found.ignored:,} more ignored" if found.ignored else ""
        title = titled(count(len(found.rows), "kind"), of, ignored)
        self.query_one(Rows).show_rows(found.rows, title, ONLY_IGNORED if ignored else None)

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows: the jobs of the kind."""
        fingerprint = event.row.group.fingerprint
        self.app.push_screen(Jobs(Filter(fingerprint=fingerprint), states=TROUBLED))

    def deed(self, kind: str) -> Intent | None:
        """See Board."""
        row = None if self.pane is None else self.pane.selected
        if row is None or kind == "pause":
            return None
        of = {"retry": RETRY, "cancel": CANCEL.of(State.FAILED)}[kind]
        return ToAll(of, Filter(fingerprint=row.group.fingerprint), f"the kind {row.group.fingerprint}")


def read(queue: Queue) -> Found:
    """Return the kinds of the newest failures. Raises QueueError."""
    found, now = queue.errors(newest=NEWEST), queue.connection.ground.clock.now()
    heeded = [KindRow(one, now) for one in found.groups if one.ignored is None]
    return Found(heeded, found.failures, len(found.groups) - len(heeded))
