"""The screen of workers: who is alive, for which queues, and how much of each is at work."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult

from eventqueue.cli.render.ranked import Column, cell
from eventqueue.cli.render.words import age, count
from eventqueue.cli.screen.board import Board, titled
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.ports.views import Filter, Glance, Worker


class WorkerRow(NamedTuple):
    """A worker that is alive."""

    worker: Worker
    busy: int
    glance: Glance


COLUMNS = (
    Column("WORKER", is_loose=True),
    Column("HOST", 2, is_loose=True),
    Column("PID", 6, is_figure=True),
    Column("QUEUES", 1, is_loose=True),
    Column("AT WORK", 0, is_figure=True),
    Column("SLOTS", 0, is_figure=True),
    Column("AGE", 3, is_figure=True),
    Column("SEEN", 4, is_figure=True),
    Column("STATE", 1),
    Column("BY", 5, is_loose=True),
)
ORDERS: Mapping[str, Order[WorkerRow]] = {
    "AT WORK": lambda row: (-row.busy, row.worker.id),
    "WORKER": lambda row: (row.worker.name, row.worker.id),
    "HOST": lambda row: (row.worker.host, row.worker.id),
    "AGE": lambda row: row.worker.started_at,
    "SEEN": lambda row: (row.worker.renewed_at or row.glance.at, row.worker.id),
}


class Workers(Board):
    """The workers that are alive."""

    KEYS = (("Enter", "its jobs"), ("s", "sort"), ("e", "errors"), ("Esc", "back"))

    def body(self) -> ComposeResult:
        """See Board."""
        nothing = "No worker is alive: `queuectl worker start` starts some."
        yield Rows(COLUMNS, _drawn, lambda row: row.worker.id, ORDERS, nothing=nothing, id="workers")

    def draw(self, glance: Glance) -> None:
        """See Board."""
        found = [WorkerRow(worker, len(jobs), glance) for worker, jobs in glance.workers]
        self.query_one(Rows).show_rows(found, titled(count(len(found), "worker")))

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows: what it runs."""
        self.app.push_screen(Jobs(Filter(worker=event.row.worker.id)))


def _drawn(row: WorkerRow) -> Sequence[Text]:
    one, now = row.worker, row.glance.at
    return (
        cell(one.name),
        cell(one.host),
        cell(one.pid),
        cell(", ".join(one.queues) or "all"),
        cell(row.busy, "" if row.busy else "dim"),
        cell(one.concurrency),
        cell(age(now - one.started_at)),
        cell("" if one.renewed_at is None else age(now - one.renewed_at)),
        cell("serving", "green") if one.stop_by is None else cell("stopping", "yellow"),
        cell(one.by or ""),
    )
