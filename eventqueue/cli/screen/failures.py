"""The pane of the last failures, the latest first."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.ranked import Column, cell
from eventqueue.cli.render.words import COLOURS, age
from eventqueue.cli.screen.board import titled
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.model.job import Job
from eventqueue.ports.views import Glance


class FailureRow(NamedTuple):
    """A job that failed."""

    job: Job
    glance: Glance


COLUMNS = (
    Column("JOB", is_loose=True, keeps_end=True),
    Column("STATE", 2),
    Column("QUEUE", 3, is_loose=True),
    Column("AGO", 1, is_figure=True),
    Column("ERROR", 0, is_loose=True),
)
ORDERS: Mapping[str, Order[FailureRow]] = {
    "AGO": lambda row: row.glance.at - row.job.updated_at,
    "STATE": lambda row: row.job.state,
    "QUEUE": lambda row: row.job.queue,
}


def rows() -> Rows[FailureRow]:
    """Return the pane."""
    return Rows(COLUMNS, _drawn, lambda row: row.job.id, ORDERS, nothing="No job is failed or dead.", id="failures")


def show(pane: Rows[FailureRow], glance: Glance) -> None:
    """Show what has failed by now."""
    pane.show_rows([FailureRow(job, glance) for job in glance.failures], titled("last failures"))


def _drawn(row: FailureRow) -> Sequence[Text]:
    job = row.job
    return (
        cell(job.id),
        cell(job.state, COLOURS[job.state]),
        cell(job.queue),
        cell(age(row.glance.at - job.updated_at)),
        cell(job.last_error.told if job.last_error else ""),
    )
