"""The overview: how much comes in and goes out, what waits and for how long, who works, and what failed last."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from eventqueue.model.job import State
from eventqueue.telling.unknown import no_queue
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.chart import chart
from eventqueue.web.glances import by_latency, glance
from eventqueue.web.page import Shown

QUEUES_MAX = 20
NAME_MAX = 300  # characters of a queue's name that there is not
SPANS = {
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "14d": timedelta(days=14),
}
SPAN = "1h"


def rates_of(asked: Asked, queue: str | None = None, among: Sequence[str] = ()) -> dict[str, object]:
    """Return what `chart.html` shows: how much happened in the span that is asked for, in a queue, chosen `among` some.

    `no_span`: what there is to say of one that there is not.
    """
    given = asked.query.get("span") or SPAN
    span = given if given in SPANS else SPAN
    found = (
        asked.once(("rates", span, queue), lambda: asked.queue.rates(SPANS[span], queue))
        if asked.then is None
        else asked.then.rates(SPANS[span], queue)
    )
    return {
        "chart": chart(found),
        "span": span,
        "spans": list(SPANS),
        "no_span": None if span == given else f"There is no span {given[:100]!r}: this is of {span}.",
        "among": among,
        "chosen": queue if among else None,
    }


def show(asked: Asked) -> Shown:
    """Show everything at a glance."""
    found = glance(asked)
    rows = sorted(found.rows(), key=by_latency)
    known = {one.name for one in rows}
    given = asked.query.get("queue") or None
    chosen = given if given in known else None
    among = sorted({*(one.name for one in rows[:QUEUES_MAX]), *([] if chosen is None else [chosen])})
    return Shown(
        "overview.html",
        "Overview",
        {
            "seen": found,
            "counts": {state.value: found.count(state) for state in State},
            "rows": rows[:QUEUES_MAX],
            "more": max(0, len(rows) - QUEUES_MAX),
            "no_queue": None if given is None else _no_queue(asked, given, known),
            **rates_of(asked, chosen, among),
        },
    )


def _no_queue(asked: Asked, given: str, known: Collection[str]) -> str | None:
    return no_queue(given[:NAME_MAX], sorted(known), ": the chart is of all queues.", is_past=asked.then is not None)
