"""The pane of queues: those with a backlog first, in whatever order the others are."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from rich.text import Text

from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.heads import rate
from eventqueue.cli.screen.pane import Order, Pane, cell, number, titled
from eventqueue.model.job import State
from eventqueue.model.pause import Pause
from eventqueue.ports.views import Counts, Glance, QueueStats
from eventqueue.telling.words import COLOURS, age, count, span


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


def _number(title: str, state: State, rank: int) -> Column[QueueRow]:
    return Column(title, lambda row: number(row.counts.get(state, 0), COLOURS[state]), rank)


def _rate(amount: float) -> Text:
    return figure(rate(amount), "" if amount else "dim")


def _oldest(row: QueueRow) -> Text:
    return figure(age(timedelta(seconds=row.oldest))) if row.oldest else figure("-", "dim")


def _wait(row: QueueRow) -> Text:
    wait = row.stats.wait if row.stats else None
    return figure("-", "dim") if wait is None else figure(span(wait.p95))


def _paused(row: QueueRow) -> Text:
    return figure("") if row.pause is None else figure(age(row.glance.at - row.pause.since), "yellow")


PANE = Pane(
    "queues",
    (
        Column("QUEUE", lambda row: cell(row.name, "yellow" if row.pause else ""), is_text=True),
        Column("DUE", lambda row: number(row.due, COLOURS[State.PENDING])),
        Column("LATER", lambda row: number(row.later), 6),
        _number("RUNS", State.PROCESSING, 4),
        _number("FAILED", State.FAILED, 5),
        _number("DEAD", State.DEAD, 2),
        Column("OLDEST", _oldest, 3),
        Column("OUT/MIN", lambda row: _rate(row.rates[1]), 7),
        Column("IN/MIN", lambda row: _rate(row.rates[0]), 8),
        Column("WAIT P95", _wait, 9),
        Column("PAUSED", _paused, 1),
    ),
    lambda row: row.name,
    ORDERS,
    nothing="No queue has had a job yet.",
    first=lambda row: not row.has_backlog,
)


def shown(glance: Glance) -> tuple[Sequence[QueueRow], Text]:
    """Return what is in which queue, and the pane's title."""
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
    return found, titled(count(len(found), "queue"), f"{backlog:,} with a backlog" if backlog else "")
