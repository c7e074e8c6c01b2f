"""What `queuectl metrics` says, as metric families of prometheus-client, which writes them. Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from eventqueue.model.job import State
from eventqueue.ports.views import Durations, Metrics, QueueMetrics
from eventqueue.system.printable import clean

PREFIX: Final = "queuectl_"

_COUNTERS = {
    "jobs_enqueued": ("enqueued", "Jobs that were enqueued."),
    "jobs_completed": ("completed", "Jobs that completed."),
    "jobs_dead": ("dead", "Times that a job used up its retries."),
    "jobs_cancelled": ("cancelled", "Times that a job was cancelled."),
    "attempts_failed": ("failed", "Attempts that failed, rescued ones too."),
    "rescues": ("rescued", "Attempts that failed since their worker was lost."),
    "late_results": ("late", "Results that came after their claim had ended: claims that were lost."),
}


def families(found: Metrics) -> Iterator[Metric]:
    """Yield all metrics."""
    of = {clean(name): one for name, one in found.queues.items()}
    yield _jobs(of)
    oldest = "For how long the job is due that waits longest, 0 where none waits."
    yield _gauge("queue_oldest_due_seconds", oldest, {name: one.oldest_due or 0 for name, one in of.items()})
    yield _gauge("queue_paused", "Whether a queue is paused.", {name: one.is_paused for name, one in of.items()})
    for name, (field, told) in _COUNTERS.items():
        counter = CounterMetricFamily(PREFIX + name, told, labels=["queue"])
        for queue, one in of.items():
            counter.add_metric([queue], getattr(one.totals, field))
        yield counter
    yield _retried(of)
    yield _histogram("wait", "How long jobs waited from due to claimed.", {n: one.totals.wait for n, one in of.items()})
    yield _histogram("run", "How long attempts ran.", {name: one.totals.run for name, one in of.items()})
    yield _single("workers", "Workers that live.", found.workers)
    yield _single("slots", "Jobs that all workers can run at the same time.", found.slots)
    yield _single("slots_busy", "Jobs that they run.", found.busy)
    known = "Whether it is known how far the views are behind the log."
    yield _single("lag_known", known, found.lag.seconds is not None)
    if found.lag.seconds is not None:
        yield _single("lag_seconds", "How far the views are behind the log.", found.lag.seconds)


def page(found: Metrics) -> str:
    """Return all metrics in the text format that Prometheus reads (version 0.0.4)."""
    return generate_latest(_Found(found)).decode()


class _Found(Collector):
    def __init__(self, found: Metrics) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        return families(self._found)


def _jobs(of: Mapping[str, QueueMetrics]) -> Metric:
    gauge = GaugeMetricFamily(f"{PREFIX}jobs", "Jobs by queue and state.", labels=["queue", "state"])
    for queue, one in of.items():
        for state in State:
            gauge.add_metric([queue, state.value], one.counts.get(state, 0))
    return gauge


def _retried(of: Mapping[str, QueueMetrics]) -> Metric:
    counter = CounterMetricFamily(f"{PREFIX}jobs_retried", "Retries, by who asked for them.", labels=["queue", "by"])
    for queue, one in of.items():
        counter.add_metric([queue, "backoff"], one.totals.retried)
        counter.add_metric([queue, "operator"], one.totals.retried_by_operator)
    return counter


def _histogram(name: str, what: str, of: Mapping[str, Durations]) -> Metric:
    told = f"{what} The sum is exact to 4 %."
    histogram = HistogramMetricFamily(f"{PREFIX}{name}_seconds", told, labels=["queue"])
    for queue, one in of.items():
        buckets = [(_edge(edge), float(count)) for edge, count in one.buckets]
        histogram.add_metric([queue], [*buckets, ("+Inf", one.count)], one.seconds)
    return histogram


def _gauge(name: str, told: str, of: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(PREFIX + name, told, labels=["queue"])
    for queue, value in of.items():
        gauge.add_metric([queue], value)
    return gauge


def _single(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, told, value=value)


@cache
def _edge(seconds: float) -> str:
    return f"{float(f'{seconds:.3g}'):g}"
