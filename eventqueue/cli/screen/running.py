"""The pane of what runs: each job with its worker, the longest first; then workers that have nothing to do."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.heads import busy_of
from eventqueue.cli.render.ranked import Column, cell
from eventqueue.cli.render.words import age, count, far
from eventqueue.cli.screen.board import titled
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.model.events import task_of
from eventqueue.model.job import Job
from eventqueue.ports.views import Glance, Worker


class RunRow(NamedTuple):
    """A job that runs, or a worker that has none."""

    worker: Worker
    job: Job | None
    glance: Glance

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"worker {self.worker.id}" if self.job is None else self.job.id

    @property
    def seconds(self) -> float:
        """For how long it runs."""
        begun = None if self.job is None else self.job.claimed_at
        return 0.0 if begun is None else (self.glance.at - begun).total_seconds()


COLUMNS = (
    Column("JOB", is_loose=True, keeps_end=True),
    Column("FOR", is_figure=True),
    Column("QUEUE", 2, is_loose=True),
    Column("WORKER", 1, is_loose=True),
    Column("HOST", 3, is_loose=True),
    Column("COMMAND", 0, is_loose=True),
)
ORDERS: Mapping[str, Order[RunRow]] = {
    "FOR": lambda row: (-row.seconds, row.key),
    "QUEUE": lambda row: ("" if row.job is None else row.job.queue, row.key),
    "WORKER": lambda row: (row.worker.name, row.key),
    "HOST": lambda row: (row.worker.host, row.key),
}


def rows() -> Rows[RunRow]:
    """Return the pane."""
    return Rows(
        COLUMNS,
        _drawn,
        lambda row: row.key,
        ORDERS,
        first=lambda row: row.job is None,
        nothing="No worker is alive: `queuectl worker start` starts some.",
        id="running",
    )


def show(pane: Rows[RunRow], glance: Glance) -> None:
    """Show what runs now."""
    found = [RunRow(worker, job, glance) for worker, jobs in glance.workers for job in (jobs or (None,))]
    busy, slots = busy_of(glance)
    title = f"{busy:,} of {count(slots, 'slot')} at work", count(len(glance.workers), "worker")
    pane.show_rows(found, titled("what runs", *title))


def _drawn(row: RunRow) -> Sequence[Text]:
    name = cell(row.worker.name, "" if row.worker.stop_by is None else "yellow")
    if row.job is None:
        return (cell("idle", "dim"), cell(""), cell(""), name, cell(row.worker.host), cell(""))
    begun = row.job.claimed_at
    progress = row.glance.progress.get(row.job.id)
    doing = row.job.run.text if progress is None else far(progress, task_of(row.job.run) or row.job.run.text)
    ago = "" if begun is None else age(row.glance.at - begun)
    return (cell(row.job.id), cell(ago), cell(row.job.queue), name, cell(row.worker.host), cell(doing))
