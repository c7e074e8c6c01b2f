"""Numbers that nobody measured, in events of who may append: they stop no command, whoever else's jobs it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Error, Event, Failed, FailReason
from eventqueue.model.lives import WorkerStarted, WorkerStopAsked
from eventqueue.ports.log import Append
from tests.builders import DEAD_LETTERED, claimed
from tests.cli.commands import Queuectl

ODD = [float("nan"), float("inf"), -float("inf"), 1e308, -1e308]
LAST = datetime(9999, 12, 31, tzinfo=UTC)


def put(queue: Queue, stream: str, *events: Event, now: datetime | None = None) -> None:
    log, clock = queue.connection.ground.log, queue.connection.ground.clock
    history = log.read(stream)
    head = history[-1].head if history else EMPTY
    (result,) = log.append([Append(seal(stream, head, events, actor="mallory", now=now or clock.now()))])
    assert result.is_whole


@pytest.mark.parametrize("number", ODD)
def test_a_number_that_is_none_stops_no_command(queuectl: Queuectl, queue: Queue, number: float) -> None:
    queuectl.ok("enqueue", "--id", "odd", "--max-retries", "0", "--", "false")
    queuectl.ok("enqueue", "--id", "other", "--queue", "web", "--", "true")
    odd = Failed(reason=FailReason.ERROR, error=Error(type="x", message="x"), duration=number)
    put(queue, "job-odd", claimed(), odd, DEAD_LETTERED)
    started = WorkerStarted(name="1", host="a", pid=1, concurrency=1, grace=number)
    put(queue, "worker-a:1", started, WorkerStopAsked(grace=number))

    for words in (
        *(
            "events",
            "history odd",
            "show odd",
            "why odd",
            "status",
            "status --at 0s",
            "list --at 0s",
            "worker list --at 0s",
            "worker show a:1",
        ),
        *("show other --at 0s", "simulate --max-retries 5", "audit verify --all", "stats --until 0s", "errors"),
        "diff odd 1 4",
    ):
        for form in ((), ("--json",)):
            ran = queuectl.here(*words.split(), *form)
            assert "Unexpected" not in ran.err, (words, ran.err)


def test_a_time_at_the_end_of_the_calendar_stops_no_simulation(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "odd", "--max-retries", "0", "--", "false")
    odd: dict[str, Any] = {"reason": FailReason.ERROR, "error": Error(type="x", message="x")}
    put(queue, "job-odd", claimed(), Failed(**odd), DEAD_LETTERED, now=LAST - timedelta(seconds=1))

    assert "Unexpected" not in queuectl.here("simulate", "--max-retries", "5").err


@pytest.mark.parametrize(
    "words",
    [
        ("events", "--since", "9999-12-31T23:59:59.999999Z"),
        ("audit", "export", "--since", "9999-12-31T23:59:59.999999Z"),
        ("audit", "verify", "--all", "--since", "9999-12-31T23:59:59.999999Z"),
        ("events", "--where", "data.exit_code=" + "9" * 26),
        ("events", "--where", "data.exit_code=" + "[" * 50_000),
        ("audit", "prove", "one", "--seal", "9" * 20),
        ("simulate", "--max-retries", "1", "--exit-codes", "9" * 5000),
        ("diff", "one", "1", "9" * 5000),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_what_is_typed_beyond_all_bounds_is_refused_or_finds_nothing(
    queuectl: Queuectl, words: tuple[str, ...]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    ran = queuectl.here(*words)

    assert "Unexpected" not in ran.err
    assert ran.code in {0, 1, 2}
