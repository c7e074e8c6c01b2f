"""Spans of OpenTelemetry around enqueueing and running, where a process has it: linked by the job's `correlation`.

Nothing is imported here that the application has not: who traces has set OpenTelemetry up, and who has not pays
nothing. Names and attributes are those of its conventions for messaging.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from eventqueue.tasks.context import Context

SYSTEM = "eventqueue"
CORRELATION_MAX = 128  # characters: a W3C traceparent has 55
_TRACER = "eventqueue"


def is_on() -> bool:
    """Whether this process has OpenTelemetry."""
    return "opentelemetry.trace" in sys.modules


@contextmanager
def sending(what: str, queue: str | None, count: int = 1) -> Iterator[str | None]:
    """Have a span around the enqueueing of `what`; yield what its jobs are to have as `correlation`, if anything."""
    if not is_on():
        yield None
        return
    from opentelemetry import trace

    attributes: dict[str, Any] = {**_attributes("send", "enqueue", queue)}
    if count > 1:
        attributes["messaging.batch.message_count"] = count
    tracer = trace.get_tracer(_TRACER)
    with tracer.start_as_current_span(f"enqueue {what}", kind=trace.SpanKind.PRODUCER, attributes=attributes) as span:
        yield _written(span)


@contextmanager
def running(context: Context, correlation: str | None) -> Iterator[None]:
    """Have a span around a task's run, linked to that in which its job was enqueued."""
    if not is_on():
        yield
        return
    from opentelemetry import trace

    sender = _read(correlation)
    attributes: dict[str, Any] = {
        **_attributes("process", "run", context.queue),
        "messaging.message.id": context.id,
        "eventqueue.task": context.task,
        "eventqueue.attempt": context.attempt,
    }
    tracer = trace.get_tracer(_TRACER)
    with tracer.start_as_current_span(
        f"run {context.task}",
        kind=trace.SpanKind.CONSUMER,
        attributes=attributes,
        # Linked, and not its child: an attempt may run days later, and there may be several.
        links=[trace.Link(sender)] if sender is not None else [],
    ):
        yield


def failed(error: BaseException) -> None:
    """Note on the span that runs that its task failed."""
    if is_on():
        from opentelemetry import trace

        span = trace.get_current_span()
        with suppress(Exception):  # what the error's own class does
            span.record_exception(error)
        span.set_status(trace.StatusCode.ERROR, type(error).__name__)


def _attributes(kind: str, name: str, queue: str | None) -> Mapping[str, str]:
    where = {"messaging.destination.name": queue} if queue else {}
    return {"messaging.system": SYSTEM, "messaging.operation.type": kind, "messaging.operation.name": name, **where}


def _written(span: Any) -> str | None:
    """Return a span's context as a `traceparent`, None where nothing records it."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _read(correlation: str | None) -> Any:
    """Return the context that a `traceparent` tells of; None for any other correlation."""
    from opentelemetry import trace

    parts = (correlation or "").split("-")
    if len(parts) != 4 or [len(part) for part in parts] != [2, 32, 16, 2]:
        return None
    try:
        trace_id, span_id, flags = int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)
    except ValueError:
        return None
    found = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
    return found if found.is_valid else None
