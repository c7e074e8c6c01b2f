"""Spans around enqueueing and running, where a process has OpenTelemetry."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from eventqueue.tasks import tracing
from eventqueue.tasks.context import Context

CONTEXT = Context(id="one", task="app.send", attempt=2, claim=5, queue="mail")


@pytest.fixture(name="spans")
def what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_run_is_linked_to_where_its_job_was_enqueued(spans: InMemorySpanExporter) -> None:
    with tracing.sending("app.send", "mail") as correlation:
        pass
    sent = only(spans)
    spans.clear()

    with tracing.running(CONTEXT, correlation):
        pass

    ran = only(spans)
    assert correlation
    assert len(correlation) <= tracing.CORRELATION_MAX
    assert [link.context.span_id for link in ran.links] == [sent.context.span_id]
    assert ran.parent is None
    assert (sent.name, sent.kind, ran.name, ran.kind) == (
        "enqueue app.send",
        trace.SpanKind.PRODUCER,
        "run app.send",
        trace.SpanKind.CONSUMER,
    )
    assert told(ran) == {
        "messaging.system": "eventqueue",
        "messaging.operation.type": "process",
        "messaging.operation.name": "run",
        "messaging.destination.name": "mail",
        "messaging.message.id": "one",
        "eventqueue.task": "app.send",
        "eventqueue.attempt": 2,
    }


@pytest.mark.parametrize(
    "correlation", [None, "", "order 42", "00-zz-yy-xx", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_any_other_correlation_is_no_link(spans: InMemorySpanExporter, correlation: str | None) -> None:
    with tracing.running(CONTEXT, correlation):
        pass

    assert not only(spans).links


def test_an_error_is_on_the_span_of_the_run(spans: InMemorySpanExporter) -> None:
    with tracing.running(CONTEXT, None):
        tracing.failed(ValueError("no such order"))

    assert only(spans).status.status_code is trace.StatusCode.ERROR
    assert [event.name for event in only(spans).events] == ["exception"]


def test_many_jobs_of_one_call_share_a_span(spans: InMemorySpanExporter) -> None:
    with tracing.sending("app.send", None, 3):
        pass

    assert told(only(spans))["messaging.batch.message_count"] == 3


NOT_TRACING = """
import sys
from eventqueue.tasks import tracing
with tracing.sending("app.send", None) as correlation:
    assert correlation is None
assert not [module for module in sys.modules if "opentelemetry" in module]
"""


def test_a_process_that_does_not_trace_imports_nothing_for_it() -> None:
    subprocess.run([sys.executable, "-c", NOT_TRACING], check=True)
