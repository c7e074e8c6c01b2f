"""A call of a task as a value, given to a queue: its result is read, its span told, its session kept to."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from eventqueue import DifferentJob, InvalidInput, Task, task, using
from eventqueue.api.sending import session_of
from eventqueue.tasks import registry
from eventqueue.testing import TestQueue


class Session:
    """What stands for one of the driver's."""


@pytest.fixture(name="next_year")
def a_task(monkeypatch: pytest.MonkeyPatch) -> Task[[date], date]:
    monkeypatch.setattr(registry, "_tasks", {})

    def next_year(day: date) -> date:
        return day.replace(year=day.year + 1)

    return task(name="next-year", queue="dates")(next_year)


@pytest.fixture(name="spans")
def what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def test_the_result_of_a_call_that_a_queue_is_given_is_read_by_its_annotation(next_year: Task[[date], date]) -> None:
    queue = TestQueue(inline=True)

    one = queue.enqueue(next_year.signature(date(2026, 1, 1)))
    two, command = queue.enqueue_many([next_year.signature(date(2027, 1, 1)), {"command": "true", "delay": 60}])

    assert one.result() == date(2027, 1, 1)
    assert not isinstance(two, DifferentJob)
    assert two.result() == date(2028, 1, 1)
    assert not isinstance(command, DifferentJob)
    assert command.read is None


def test_options_of_a_call_hold_and_those_of_the_enqueueing_over_them(next_year: Task[[date], date]) -> None:
    queue = TestQueue()
    call = next_year.options(tags=["a"], priority=3).signature(date(2026, 1, 1))

    job = queue.get(queue.enqueue(call, priority=4).id)

    assert (job.queue, job.tags, job.priority) == ("dates", ("a",), 4)


def test_a_call_that_a_queue_is_given_has_its_span(next_year: Task[[date], date], spans: InMemorySpanExporter) -> None:
    queue = TestQueue()
    call = next_year.options(queue="mail").signature(date(2026, 1, 1))

    handles = [queue.enqueue(call), *queue.enqueue_many([call, call, {"command": "true"}])]

    one, several = spans.get_finished_spans()
    assert (one.name, several.name) == ("enqueue next-year", "enqueue next-year")
    assert dict(several.attributes or {})["messaging.batch.message_count"] == 2
    assert dict(one.attributes or {})["messaging.destination.name"] == "mail"
    told = [queue.get(handle.id).correlation for handle in handles if not isinstance(handle, DifferentJob)]
    assert [one.context and f"{one.context.span_id:016x}" in (told[0] or "") for one in (one, several)] == [True, False]
    assert told[1] == told[2] is not None
    assert told[3] is None


def test_the_fields_of_a_call_do_not_lose_its_session(next_year: Task[[date], date]) -> None:
    session: Any = Session()
    call = next_year.options(session=session).signature(date(2026, 1, 1))

    with pytest.raises(InvalidInput, match="session: is no field of a job: give `enqueue` the signature itself"):
        call.fields()
    assert next_year.signature(date(2026, 1, 1)).fields()["task"] == "next-year"


def test_all_that_is_enqueued_together_is_in_one_session_of_the_queues_kind(next_year: Task[[date], date]) -> None:
    session: Any = Session()
    another: Any = Session()
    call, other = (next_year.options(session=one).signature(date(2026, 1, 1)) for one in (session, another))
    plain = next_year.signature(date(2026, 1, 1))

    assert session_of([plain, {"command": "true"}], None, Session) is None
    assert session_of([plain], session, Session) is session_of([plain, call], None, Session) is session
    with pytest.raises(InvalidInput, match="session: is not one and the same"):
        session_of([call, other], None, Session)
    for enqueue in (lambda: TestQueue().enqueue(call), lambda: TestQueue().enqueue_many([call]), call.enqueue):
        with using(TestQueue()), pytest.raises(InvalidInput, match="is a Session; it must be a ClientSession here"):
            enqueue()
