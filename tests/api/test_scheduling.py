"""Schedules by the API."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue import task
from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput, ScheduleNotFound
from eventqueue.model.events import Call
from eventqueue.model.job import State
from eventqueue.model.retry import Backoff
from eventqueue.schedules.events import Missed, Overlap, ScheduleTriggered
from eventqueue.tasks import registry

JOB = {"command": "make", "cwd": "/tmp"}
LATER = datetime(2090, 1, 1, tzinfo=UTC)


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue


def test_a_schedule_stands_as_it_was_set(queue: Queue) -> None:
    done = queue.schedule("a", JOB, cron=" 0  2 * * * ", tz="Europe/Berlin", missed="all", why="backups")

    assert (done.is_new, done.is_changed, done.version) == (True, True, 1)
    assert done.schedule == queue.get_schedule("a")
    (one,) = queue.schedules()
    assert (one.cron, one.tz, one.every) == ("0 2 * * *", "Europe/Berlin", None)
    assert (one.missed, one.overlap, one.fields, one.problem) == (Missed.ALL, Overlap.ALLOW, JOB, None)
    assert one.next_at == queue.next_ticks("a", 1)[0]


def test_a_span_may_be_given_in_seconds(queue: Queue) -> None:
    queue.schedule("a", JOB, every=timedelta(minutes=10))

    assert not queue.schedule("a", JOB, every=600).is_changed
    assert queue.get_schedule("a").every == timedelta(minutes=10)
    first, second = queue.next_ticks("a", 2)
    assert second - first == timedelta(minutes=10)
    assert first.minute % 10 == 0


def test_where_it_is_set_is_where_its_jobs_run(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr")

    queue.schedule("a", {"command": "make", "cwd": "lib"}, every=timedelta(1))

    assert queue.get_schedule("a").fields["cwd"] == "/usr/lib"
    monkeypatch.chdir("/tmp")
    assert queue.get(queue.trigger_schedule("a").id).run.cwd == "/usr/lib"  # type: ignore[union-attr]


def send(to: str, n: int = 1) -> None:
    """A task."""


def test_a_task_is_asked_for_as_it_was_declared_by_who_ticks_and_does_not_know_it(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_tasks", {})
    backoff = Backoff(base=3.0, cap=60.0, jitter=0.0)
    task(name="mail.send", queue="mail", max_retries=0, timeout=5, tags=["x"], backoff=backoff, unique=True)(send)

    queue.schedule("a", {"task": "mail.send", "args": ["ann"], "timeout": 9}, every=timedelta(1))
    with pytest.raises(InvalidInput, match="to"):
        queue.schedule("b", {"task": "mail.send", "args": [7]}, every=timedelta(1))
    monkeypatch.setattr(registry, "_tasks", {})

    one, other = (queue.get(queue.trigger_schedule("a").id) for _ in range(2))
    assert one.run == other.run == Call(task="mail.send", kwargs={"to": "ann"})
    assert (one.queue, one.max_retries, one.timeout, one.tags) == ("mail", 0, 9.0, ("x",))
    assert (one.backoff, one.key) == (backoff, None)


def test_each_trigger_makes_a_job_of_its_own_paused_or_not(queue: Queue) -> None:
    queue.schedule("a", JOB, every=timedelta(1))
    queue.pause_schedule("a")

    one, other = queue.trigger_schedule("a", "by hand"), queue.trigger_schedule("a")

    assert one.id != other.id
    assert queue.get(one.id).state is State.PENDING
    (first, *_) = queue.history(one.id)
    log = queue.connection.ground.log
    set_, _, told, _ = log.read("schedule-a")
    assert first.cause == set_.id
    assert told.event == ScheduleTriggered(job=one.id, why="by hand")


def test_schedules_are_listed_by_name_without_those_that_were_removed(queue: Queue) -> None:
    for name in ("b", "a", "c"):
        queue.schedule(name, JOB, every=timedelta(1))

    removed = queue.remove_schedule("b")

    assert (removed.schedule, removed.is_changed) == (None, True)
    assert [one.name for one in queue.schedules()] == ["a", "c"]
    with pytest.raises(ScheduleNotFound):
        queue.remove_schedule("b")
    assert queue.schedule("b", JOB, every=timedelta(1)).is_new


def test_what_a_machine_does_not_know_the_zone_of_is_shown_with_that_problem(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.schedule("a", JOB, cron="0 2 * * *", tz="Europe/Berlin")

    def unknown(name: str) -> None:
        raise InvalidInput("tz", f"{name!r} is no time zone known here")

    monkeypatch.setattr("eventqueue.steering.schedules.zone", unknown)

    assert queue.get_schedule("a").next_at is None
    assert "no time zone" in str(queue.get_schedule("a").problem)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda queue: queue.schedule("a", JOB), "cron"),
        (lambda queue: queue.schedule("a", JOB, cron="* * * * *", every=timedelta(1)), "cron"),
        (lambda queue: queue.schedule("a", JOB, every=timedelta(milliseconds=1)), "every"),
        (lambda queue: queue.schedule("a", JOB, every=timedelta(0)), "every"),
        (lambda queue: queue.schedule("a", JOB, every=0.5), "every"),
        (lambda queue: queue.schedule("a", JOB, every="10m"), "every"),
        (lambda queue: queue.schedule("a", JOB, every=timedelta(1), missed="never"), "missed"),
        (lambda queue: queue.schedule("a", JOB, every=timedelta(1), overlap="no"), "overlap"),
        (lambda queue: queue.schedule("a", {**JOB, "key": "b"}, every=timedelta(1)), "key"),
        (lambda queue: queue.schedule("a", {**JOB, "run_at": LATER}, every=timedelta(1)), "run_at"),
        (lambda queue: queue.schedule("a", {}, every=timedelta(1)), "command"),
        (lambda queue: queue.schedule("a", {**JOB, "meta": {"x": "y" * 300_000}}, every=timedelta(1)), "meta"),
        (lambda queue: queue.schedule("a/b", JOB, every=timedelta(1)), "name"),
        (lambda queue: queue.next_ticks("a", 0), "n"),
        (lambda queue: queue.get_schedule("a b"), "name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(queue: Queue, wrong: Callable[[Queue], Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{named}: "):
        wrong(queue)
    assert queue.schedules() == []
