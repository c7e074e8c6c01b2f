"""The pane of the last failures, the latest first."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.pane import Order, Pane, Short, cell, titled
from eventqueue.model.job import Job
from eventqueue.ports.views import Glance
from eventqueue.telling.words import COLOURS, age


class FailureRow(NamedTuple):
    """A job that failed; `shown`: how an id is."""

    job: Job
    glance: Glance
    shown: Short = str


ORDERS: Mapping[str, Order[FailureRow]] = {
    "AGO": lambda row: row.glance.at - row.job.updated_at,
    "STATE": lambda row: row.job.state,
    "QUEUE": lambda row: row.job.queue,
}


PANE: Pane[FailureRow] = Pane(
    "failures",
    (
        Column("JOB", lambda row: cell(row.shown(row.job.id)), is_text=True),
        Column("STATE", lambda row: cell(row.job.state, COLOURS[row.job.state]), 2),
        Column("QUEUE", lambda row: cell(row.job.queue), 3, is_text=True),
        Column("AGO", lambda row: figure(age(row.glance.at - row.job.updated_at)), 1),
        Column("ERROR", lambda row: cell(row.job.last_error.told if row.job.last_error else ""), is_text=True),
    ),
    lambda row: row.job.id,
    ORDERS,
    nothing="No job is failed or dead.",
)


def shown(glance: Glance, short: Short = str) -> tuple[Sequence[FailureRow], Text]:
    """Return what has failed, and the pane's title."""
    return [FailureRow(job, glance, short) for job in glance.failures], titled("last failures")
