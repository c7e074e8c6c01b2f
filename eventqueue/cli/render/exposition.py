"""What `queuectl metrics` says, in the text format that Prometheus reads (version 0.0.4). Pure."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from eventqueue.model.job import State
from eventqueue.ports.views import Durations, Metrics, QueueMetrics
from eventqueue.system.printable import clean

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = str
"""Labels as they are written, without the braces around them."""

Sample = tuple[str, Labels, float]
"""What is behind the metric's name, labels, value."""

_COUNTERS = {
    "jobs_enqueued": ("enqueued", "Jobs that were enqueued."),
    "jobs_completed": ("completed", "Jobs that completed."),
    "jobs_dead": ("dead", "Times that a job used up its retries."),
    "jobs_cancelled": ("cancelled", "Times that a job was cancelled."),
    "attempts_failed": ("failed", "Attempts that failed, rescued ones too."),
    "rescues": ("rescued", "Attempts that failed since their worker was lost."),
    "late_results": ("late", "Results that came after their claim had ended: claims that were lost."),
}


def lines(found: Metrics) -> Iterator[str]:
    """Yield the lines of all metrics."""
    of = {f'queue="{escaped(name)}"': one for name, one in found.queues.items()}
    yield from _metric("jobs", "gauge", "Jobs by queue and state.", _jobs(of))
    oldest = "For how long the job is due that waits longest, 0 where none waits."
    yield from _metric(
        "queue_oldest_due_seconds", "gauge", oldest, (("", labels, one.oldest_due or 0) for labels, one in of.items())
    )
    paused = "Whether a queue is paused."
    yield from _metric("queue_paused", "gauge", paused, (("", labels, one.is_paused) for labels, one in of.items()))
    for name, (field, help_) in _COUNTERS.items():
        samples = (("", labels, getattr(one.totals, field)) for labels, one in of.items())
        yield from _metric(f"{name}_total", "counter", help_, samples)
    yield from _metric("jobs_retried_total", "counter", "Retries, by who asked for them.", _retried(of))
    for name, what in (("wait", "How long jobs waited from due to claimed."), ("run", "How long attempts ran.")):
        durations = (_histogram(labels, getattr(one.totals, name)) for labels, one in of.items())
        help_ = f"{what} The sum is exact to 4 %."
        yield from _metric(f"{name}_seconds", "histogram", help_, (sample for some in durations for sample in some))
    yield from _single("workers", "Workers that live.", found.workers)
    yield from _single("slots", "Jobs that all workers can run at the same time.", found.slots)
    yield from _single("slots_busy", "Jobs that they run.", found.busy)
    known = "Whether it is known how far the views are behind the log."
    yield from _single("lag_known", known, found.lag.seconds is not None)
    if found.lag.seconds is not None:
        yield from _single("lag_seconds", "How far the views are behind the log.", found.lag.seconds)


def escaped(text: str) -> str:
    """Return a label's value as it is written."""
    return clean(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _metric(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP queuectl_{name} {help_}"
    yield f"# TYPE queuectl_{name} {kind}"
    for suffix, labels, value in samples:
        yield f"queuectl_{name}{suffix}{{{labels}}} {_number(value)}" if labels else f"queuectl_{name} {_number(value)}"


def _single(name: str, help_: str, value: float) -> Iterator[str]:
    return _metric(name, "gauge", help_, [("", "", value)])


def _jobs(of: Mapping[Labels, QueueMetrics]) -> Iterator[Sample]:
    for labels, one in of.items():
        for state in State:
            yield "", f'{labels},state="{state}"', one.counts.get(state, 0)


def _retried(of: Mapping[Labels, QueueMetrics]) -> Iterator[Sample]:
    for labels, one in of.items():
        yield "", f'{labels},by="backoff"', one.totals.retried
        yield "", f'{labels},by="operator"', one.totals.retried_by_operator


def _histogram(labels: Labels, found: Durations) -> Iterator[Sample]:
    for edge, count in found.buckets:
        yield "_bucket", f'{labels},le="{_edge(edge)}"', count
    yield "_bucket", f'{labels},le="+Inf"', found.count
    yield "_sum", labels, found.seconds
    yield "_count", labels, found.count


@cache
def _edge(seconds: float) -> str:
    return f"{float(f'{seconds:.3g}'):g}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
