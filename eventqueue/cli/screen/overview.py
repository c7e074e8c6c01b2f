"""The first screen: queues, what runs, the last failures; on a low terminal the pane that the cursor is in alone."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from eventqueue.cli.screen.acts import Intent, Pausing, ToAll, ToSome
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.job import OneJob
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.picture import PANES, parts
from eventqueue.cli.screen.queues import QueueRow
from eventqueue.cli.screen.rows import Rows
from eventqueue.model.deeds import CANCEL, RETRY
from eventqueue.ports.views import Filter, Glance

LOW = 18  # lines, in which three panes have no room
FRAME = 4  # lines of head and foot
TITLES = 2  # lines of a pane before its rows
LEAST = 4  # lines of a pane


class Overview(Board):
    """Everything at once."""

    KEYS = (
        *(("Enter", "open"), ("Tab", "pane"), ("/", "filter"), ("p", "pause"), ("r", "retry"), ("c", "cancel")),
        *(("w", "workers"), ("e", "errors"), ("s", "sort")),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "pane(1)", show=False),
        Binding("shift+tab", "pane(-1)", show=False),
    ]

    def body(self) -> ComposeResult:
        """See Board."""
        yield from map(Rows, PANES)

    def draw(self, glance: Glance) -> None:
        """See Board."""
        for pane, (rows, title) in zip(self.query(Rows), parts(glance), strict=True):
            pane.show_rows(rows, title)
        self._fit()

    def action_pane(self, by: int) -> None:
        """Go to the next pane, seen or not."""
        if not (panes := [*self.query(Rows)]):  # nothing is drawn yet
            return
        pane = panes[(panes.index(self.rows) + by) % len(panes) if self.rows in panes else 0]
        pane.display = True
        self.set_focus(pane)  # at once: the next Tab may be there already
        self._fit(pane)

    def _fit(self, here: Rows[Any] | None = None) -> None:
        first, second, third = self.query(Rows)
        here = here or self.rows or first
        for pane in (first, second, third):
            pane.display = self.size.height >= LOW or pane is here
        if self.size.height < LOW:
            here.styles.height = "1fr"
            return
        backlog = sum(row.has_backlog for row in first.items)
        room = self.size.height - FRAME
        for pane, height in zip((first, second, third), heights(room, backlog, len(second.items)), strict=True):
            pane.styles.height = height

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows: a queue's jobs, a job, or what a worker runs."""
        row = event.row
        if isinstance(row, QueueRow):
            self.app.push_screen(Jobs(Filter(queue=row.name), _paused(row)))
        elif row.job is not None:
            self.app.push_screen(OneJob(row.job.id))
        else:
            self.app.push_screen(Jobs(Filter(worker=row.worker.id)))

    def deed(self, kind: str) -> Intent | None:
        """See Board."""
        row = None if self.rows is None else self.rows.selected
        if self.rows is None or row is None:
            return None
        if isinstance(row, QueueRow):
            if kind == "pause":
                return Pausing(row.name, row.due + row.later, is_paused=row.pause is not None)
            of = RETRY if kind == "retry" else CANCEL
            return ToAll(of, Filter(queue=row.name), f"queue {row.name}")
        ids = [one.job.id for one in self.rows.chosen if one.job is not None]
        return ToSome({"retry": RETRY, "cancel": CANCEL}[kind], ids) if ids and kind != "pause" else None


def heights(room: int, backlog: int, running: int) -> tuple[int, int, int]:
    """Return how high the panes are, of queues, of what runs and of failures: the more queues have a backlog the more.

    `backlog`: how many these are; `running`: how many rows there are of what runs.
    """
    queues = min(max(backlog + TITLES, room // 2), room - 2 * LEAST)
    runs = max(LEAST, min(running + TITLES + 1, (room - queues) // 2))
    return queues, runs, room - queues - runs


def _paused(row: QueueRow) -> str:
    if row.pause is None:
        return ""
    return f"paused by {row.pause.by}{f': {row.pause.why}' if row.pause.why else ''}"
