"""The overview: how much comes in and goes out, what waits and for how long, who works, and what failed last."""

from datetime import timedelta

from eventqueue.model.job import State
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.chart import chart
from eventqueue.web.glances import by_latency, glance
from eventqueue.web.page import Shown

QUEUES_MAX = 20
SPANS = {
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "14d": timedelta(days=14),
}


def span_of(asked: Asked) -> str:
    """Return which of the SPANS is asked for."""
    span = asked.query.get("span", "")
    return span if span in SPANS else "1h"


def rates_of(asked: Asked, span: str, queue: str | None = None) -> dict[str, object]:
    """Return what `chart.html` shows: how much happened in a span of time."""
    found = (
        asked.once(("rates", span, queue), lambda: asked.queue.rates(SPANS[span], queue))
        if asked.then is None
        else asked.then.rates(SPANS[span], queue)
    )
    return {"chart": chart(found), "span": span, "spans": list(SPANS)}


def show(asked: Asked) -> Shown:
    """Show everything at a glance."""
    found = glance(asked)
    rows = sorted(found.rows(), key=by_latency)
    return Shown(
        "overview.html",
        "Overview",
        {
            "seen": found,
            "counts": {state.value: found.count(state) for state in State},
            "rows": rows[:QUEUES_MAX],
            "more": max(0, len(rows) - QUEUES_MAX),
            **rates_of(asked, span_of(asked)),
        },
    )
