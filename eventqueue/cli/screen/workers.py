"""The screen of workers: who is alive, for which queues, and how much of each is at work."""

from collections.abc import Mapping
from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult

from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.pane import Order, Pane, cell, number, titled
from eventqueue.cli.screen.rows import Rows
from eventqueue.ports.views import Filter, Glance, Worker
from eventqueue.telling.words import age, count


class WorkerRow(NamedTuple):
    """A worker that is alive."""

    worker: Worker
    busy: int
    glance: Glance


ORDERS: Mapping[str, Order[WorkerRow]] = {
    "AT WORK": lambda row: (-row.busy, row.worker.id),
    "WORKER": lambda row: (row.worker.name, row.worker.id),
    "HOST": lambda row: (row.worker.host, row.worker.id),
    "AGE": lambda row: row.worker.started_at,
    "SEEN": lambda row: (row.worker.renewed_at or row.glance.at, row.worker.id),
}


def _seen(row: WorkerRow) -> Text:
    renewed = row.worker.renewed_at
    return figure("" if renewed is None else age(row.glance.at - renewed))


def _serving(row: WorkerRow) -> Text:
    return cell("serving", "green") if row.worker.stop_by is None else cell("stopping", "yellow")


PANE = Pane(
    "workers",
    (
        Column("WORKER", lambda row: cell(row.worker.name), is_text=True),
        Column("HOST", lambda row: cell(row.worker.host), 3, is_text=True),
        Column("PID", lambda row: figure(str(row.worker.pid)), 7),
        Column("QUEUES", lambda row: cell(", ".join(row.worker.queues) or "all"), 2, is_text=True),
        Column("AT WORK", lambda row: number(row.busy)),
        Column("SLOTS", lambda row: number(row.worker.concurrency)),
        Column("AGE", lambda row: figure(age(row.glance.at - row.worker.started_at)), 4),
        Column("SEEN", _seen, 5),
        Column("STATE", _serving, 1),
        Column("BY", lambda row: cell(row.worker.by or ""), 6, is_text=True),
    ),
    lambda row: row.worker.id,
    ORDERS,
    nothing="No worker is alive: `queuectl worker start` starts some.",
)


class Workers(Board):
    """The workers that are alive."""

    KEYS = (("Enter", "its jobs"), ("s", "sort"), ("e", "errors"), ("Esc", "back"))

    def body(self) -> ComposeResult:
        """See Board."""
        yield Rows(PANE)

    def draw(self, glance: Glance) -> None:
        """See Board."""
        found = [WorkerRow(worker, len(jobs), glance) for worker, jobs in glance.workers]
        self.query_one(Rows).show_rows(found, titled(count(len(found), "worker")))

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows: what it runs."""
        self.app.push_screen(Jobs(Filter(worker=event.row.worker.id)))
