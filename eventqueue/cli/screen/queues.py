"""The pane of queues: those with a backlog first, in whatever order the others are."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.heads import rate
from eventqueue.cli.render.ranked import Column, cell, number
from eventqueue.cli.render.words import COLOURS, age, count, span
from eventqueue.cli.screen.board import titled
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.model.job import State
from eventqueue.model.pause import Pause
from eventqueue.ports.views import Counts, Glance, QueueStats


class QueueRow(NamedTuple):
    """A queue as it is seen."""

    name: str
    counts: Counts
    due: int
    later: int
    stats: QueueStats | None
    pause: Pause | None
    glance: Glance

    @property
    def has_backlog(self) -> bool:
        """Whether a job of it is due."""
        return bool(self.due or self.oldest)

    @property
    def oldest(self) -> float:
        """For how many seconds the job is due that waits longest; 0 where none waits."""
        return (self.stats.oldest_pending or 0.0) if self.stats else 0.0

    @property
    def rates(self) -> tuple[float, float]:
        """How many jobs come in and go out a minute."""
        return (self.stats.in_per_minute, self.stats.out_per_minute) if self.stats else (0.0, 0.0)


COLUMNS = (
    Column("QUEUE", is_loose=True),
    Column("DUE", is_figure=True),
    Column("LATER", 4, is_figure=True),
    Column("RUNS", 2, is_figure=True),
    Column("FAILED", 3, is_figure=True),
    Column("DEAD", 1, is_figure=True),
    Column("OLDEST", 2, is_figure=True),
    Column("OUT/MIN", 5, is_figure=True),
    Column("IN/MIN", 6, is_figure=True),
    Column("WAIT P95", 7, is_figure=True),
    Column("PAUSED", 1, is_figure=True),
)


def _of(state: State) -> Order[QueueRow]:
    return lambda row: (-row.counts.get(state, 0), row.name)


ORDERS: Mapping[str, Order[QueueRow]] = {
    "DUE": lambda row: (-row.due, -row.oldest, row.name),
    "OLDEST": lambda row: (-row.oldest, row.name),
    "RUNS": _of(State.PROCESSING),
    "FAILED": _of(State.FAILED),
    "DEAD": _of(State.DEAD),
    "OUT/MIN": lambda row: (-row.rates[1], row.name),
    "PAUSED": lambda row: (row.pause is None, row.name),
    "QUEUE": lambda row: row.name,
}


def rows() -> Rows[QueueRow]:
    """Return the pane."""
    return Rows(
        COLUMNS,
        _drawn,
        lambda row: row.name,
        ORDERS,
        first=lambda row: not row.has_backlog,
        nothing="No queue has had a job yet.",
        id="queues",
    )


def show(pane: Rows[QueueRow], glance: Glance) -> None:
    """Show what is in which queue now."""
    names = {*glance.queues, *glance.paused}
    found = [
        QueueRow(
            name,
            glance.queues.get(name, {}),
            glance.due(name),
            glance.later.get(name, 0),
            glance.stats.queues.get(name),
            glance.paused.get(name),
            glance,
        )
        for name in names
    ]
    backlog = sum(row.has_backlog for row in found)
    pane.show_rows(found, titled(count(len(found), "queue"), f"{backlog:,} with a backlog" if backlog else ""))


def _drawn(row: QueueRow) -> Sequence[Text]:
    states = (State.PROCESSING, State.FAILED, State.DEAD)
    runs, failed, dead = (number(row.counts.get(state, 0), COLOURS[state]) for state in states)
    into, out = row.rates
    wait = row.stats.wait if row.stats else None
    return (
        cell(row.name, "yellow" if row.pause else ""),
        number(row.due, COLOURS[State.PENDING]),
        number(row.later),
        runs,
        failed,
        dead,
        cell(age(timedelta(seconds=row.oldest)) if row.oldest else "-", "" if row.oldest else "dim"),
        cell(rate(out), "" if out else "dim"),
        cell(rate(into), "" if into else "dim"),
        cell("-", "dim") if wait is None else cell(span(wait.p95)),
        cell("") if row.pause is None else cell(age(row.glance.at - row.pause.since), "yellow"),
    )
