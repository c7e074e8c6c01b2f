"""How much happened, as a drawing: steps, one for each part of a window. Pure; a script draws it livelier."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from eventqueue.ports.views import Rate

WIDTH, HEIGHT = 600, 120
LEAST_S = 5.0  # of the part that has just begun: of less there is no rate, and it is drawn with the one before it
AMOUNTS = ("enqueued", "completed", "failed", "dead", "cancelled")

LINES: Mapping[str, Callable[[Rate], int]] = {
    "in": lambda one: one.enqueued,
    "done": lambda one: one.completed,
    "failed": lambda one: one.failed,
}


class Line(msgspec.Struct, frozen=True):
    """One line of a chart: its name, its path in a box of WIDTH by HEIGHT, and how much it is of in all."""

    name: str
    path: str
    sum: int


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of amounts a second; `points`: the same as JSON, x in unix time, where each step begins, and its end."""

    since: datetime
    until: datetime
    top: float
    lines: Sequence[Line]
    points: str


def chart(rates: Sequence[Rate]) -> Chart | None:
    """Return the chart of a window's parts, None where there are none."""
    if len(rates) > 1 and rates[-1].seconds < LEAST_S:
        rates = [*rates[:-2], _together(rates[-2], rates[-1])]
    rates = [one for one in rates if one.seconds > 0]
    if not rates:
        return None
    values = {name: [amount(one) / one.seconds for one in rates] for name, amount in LINES.items()}
    top = max(max(line) for line in values.values())
    edges = [one.since.timestamp() for one in rates] + [rates[-1].until.timestamp()]
    sums = {name: sum(map(amount, rates)) for name, amount in LINES.items()}
    return Chart(
        since=rates[0].since,
        until=rates[-1].until,
        top=top,
        lines=[Line(name, _path(edges, line, top), sums[name]) for name, line in values.items()],
        points=msgspec.json.encode({"x": edges} | values).decode(),
    )


def _together(one: Rate, next_: Rate) -> Rate:
    amounts = {name: getattr(one, name) + getattr(next_, name) for name in AMOUNTS}
    return Rate(since=one.since, until=next_.until, **amounts)


def _path(edges: Sequence[float], line: Sequence[float], top: float) -> str:
    begin, span = edges[0], edges[-1] - edges[0]
    across = [round((one - begin) / span * WIDTH, 1) for one in edges]
    down = [round(HEIGHT - (one / top * (HEIGHT - 2) if top else 0), 1) for one in line]
    steps = (f"V{y}H{x}" for y, x in zip(down, across[1:], strict=True))
    return f"M{across[0]} {down[0]}{''.join(steps)}"
