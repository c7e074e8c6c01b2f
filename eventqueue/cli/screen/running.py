"""The pane of what runs: each job with its worker, the longest first; then workers that have nothing to do."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.heads import busy_of
from eventqueue.cli.screen.pane import Order, Pane, Short, cell, titled
from eventqueue.model.events import task_of
from eventqueue.model.job import Job
from eventqueue.ports.views import Glance, Worker
from eventqueue.telling.words import age, count, far


class RunRow(NamedTuple):
    """A job that runs, or a worker that has none; `shown`: how an id is."""

    worker: Worker
    job: Job | None
    glance: Glance
    shown: Short = str

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"worker {self.worker.id}" if self.job is None else self.job.id

    @property
    def seconds(self) -> float:
        """For how long it runs."""
        begun = None if self.job is None else self.job.claimed_at
        return 0.0 if begun is None else (self.glance.at - begun).total_seconds()


ORDERS: Mapping[str, Order[RunRow]] = {
    "FOR": lambda row: (-row.seconds, row.key),
    "QUEUE": lambda row: ("" if row.job is None else row.job.queue, row.key),
    "WORKER": lambda row: (row.worker.name, row.key),
    "HOST": lambda row: (row.worker.host, row.key),
}


def _job(row: RunRow) -> Text:
    return cell("idle", "dim") if row.job is None else cell(row.shown(row.job.id))


def _for(row: RunRow) -> Text:
    begun = None if row.job is None else row.job.claimed_at
    return figure("" if begun is None else age(row.glance.at - begun))


def _worker(row: RunRow) -> Text:
    one = row.worker
    return cell(one.name) if one.stop_by is None else cell(f"{one.name} (stopping)", "yellow")


def _doing(row: RunRow) -> Text:
    if row.job is None:
        return cell("")
    progress, run = row.glance.progress.get(row.job.id), row.job.run
    return cell(run.text if progress is None else far(progress, task_of(run) or run.text))


PANE = Pane(
    "running",
    (
        Column("JOB", _job, is_text=True),
        Column("FOR", _for),
        Column("QUEUE", lambda row: cell("" if row.job is None else row.job.queue), 2, is_text=True),
        Column("WORKER", _worker, 1, is_text=True),
        Column("HOST", lambda row: cell(row.worker.host), 3, is_text=True),
        Column("COMMAND", _doing, is_text=True),
    ),
    lambda row: row.key,
    ORDERS,
    nothing="No worker is alive: `queuectl worker start` starts some.",
    first=lambda row: row.job is None,
)


def shown(glance: Glance, short: Short = str) -> tuple[Sequence[RunRow], Text]:
    """Return what runs, and the pane's title."""
    found = [RunRow(worker, job, glance, short) for worker, jobs in glance.workers for job in (jobs or (None,))]
    busy, slots = busy_of(glance)
    figures = f"{busy:,} of {count(slots, 'slot')} at work", count(len(glance.workers), "worker")
    return found, titled("what runs", *figures)
