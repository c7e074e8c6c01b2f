"""What happened in a span of time, as tables for people."""

from collections.abc import Sequence

from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table, figure
from eventqueue.ports.views import QueueStats, Spread, Stats
from eventqueue.telling.words import span
from eventqueue.telling.zone import moment

TROUBLE = 0.05  # of the attempts: from here on failures are worth a colour
ALL = "all queues"
NOTHING = figure("-", "dim")

Row = tuple[str, QueueStats]


def stats(found: Stats, only: str | None) -> list[Table | Text]:
    """What went in and out, then how long it took: a line a queue, and one of all where there are several."""
    rows: list[Row] = [(name, one) for name, one in found.queues.items() if only in (None, name)]
    if only is None and len(rows) > 1:
        rows.append((ALL, found.total))
    title = Text.assemble(
        ("From ", "dim"), moment(found.since, "seconds"), (" to ", "dim"), moment(found.until, "seconds")
    )
    if not rows:
        return [title, Text(""), Text("Nothing happened.")]
    return [title, Text(""), _flow(rows), Text(""), _durations(rows)]


def _flow(rows: Sequence[Row]) -> Table:
    cells: list[list[Cell]] = [
        [
            _name(name),
            figure(_rate(one.in_per_minute)),
            figure(_rate(one.out_per_minute)),
            one.enqueued,
            one.completed,
            _failures(one),
            one.retried,
            figure(f"{one.dead:,}", "red" if one.dead else ""),
            figure(f"{one.late:,}", "yellow" if one.late else ""),
        ]
        for name, one in rows
    ]
    titles = ["QUEUE", "IN/MIN", "OUT/MIN", "ENQUEUED", "COMPLETED", "FAIL %", "RETRIED", "DIED", "LATE"]
    return Table(titles, cells, loose=0, ranks=(0, 0, 0, 3, 2, 0, 5, 1, 4))


def _durations(rows: Sequence[Row]) -> Table:
    cells: list[list[Cell]] = [
        [
            _name(name),
            *_spread(one.wait),
            *_spread(one.run),
            NOTHING if one.oldest_pending is None else figure(span(one.oldest_pending)),
        ]
        for name, one in rows
    ]
    titles = ["QUEUE", "WAIT P50", "P95", "P99", "RUN P50", "P95", "P99", "OLDEST PENDING"]
    return Table(titles, cells, loose=0, ranks=(0, 0, 3, 1, 0, 4, 2, 0))


def _name(name: str) -> Cell:
    return Text(name, "dim") if name == ALL else name


def _spread(one: Spread | None) -> list[Cell]:
    return [NOTHING] * 3 if one is None else [figure(span(seconds)) for seconds in (one.p50, one.p95, one.p99)]


def _failures(one: QueueStats) -> Text:
    if one.failure_ratio is None:
        return NOTHING
    return figure(f"{one.failure_ratio:.1%}", "yellow" if one.failure_ratio >= TROUBLE else "")


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
