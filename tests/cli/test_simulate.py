"""`queuectl simulate`, for people and scripts."""

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Completed
from tests.builders import claimed, failed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import died, happened


@pytest.fixture
def failing(queuectl: Queuectl, queue: Queue) -> Queuectl:
    for name in ("one", "two"):
        queue.enqueue(command="false", id=name, max_retries=0, backoff={"base": 2})
        died(queue, name)
    queue.enqueue(command="false", id="three", queue="mail", max_retries=1)
    happened(queue, "three", claimed(), failed(), claimed(attempt=2), Completed(duration=1.0))
    queue.enqueue(command="true", id="four")
    return queuectl


def test_who_would_have_had_a_chance_and_what_it_would_cost_is_told(failing: Queuectl) -> None:
    found = failing.ok("simulate", "--max-retries", "5", "--json").json

    assert found["queues"]["default"]["dead"] == 2
    assert found["queues"]["default"]["chances"] == 2
    assert found["queues"]["default"]["attempts_most"] == 10
    assert sorted(one["job"] for one in found["chances"]) == ["one", "two"]
    assert len(found["assumed"]) == 5


def test_people_are_told_what_it_assumes(failing: Queuectl) -> None:
    shown = failing.ok("simulate", "--max-retries", "5", "--backoff-base", "3", "--backoff-cap", "10s").out

    assert "2 to 10" in shown
    assert "taken to fail like the last one" in shown


def test_of_one_queue_only_that_is_told(failing: Queuectl) -> None:
    found = failing.ok("simulate", "--max-retries", "0", "--queue", "mail", "--json").json

    assert list(found["queues"]) == ["mail"]
    assert (found["queues"]["mail"]["sooner"], found["queues"]["mail"]["lost"]) == (1, 1)


def test_a_job_is_counted_once_however_often_it_failed_and_where_its_failures_are_read(
    failing: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="false", id="five", queue="often", max_retries=3)
    for attempt in range(1, 4):
        happened(queue, "five", claimed(attempt=attempt), failed())
    happened(queue, "five", claimed(attempt=4))
    died_at_last = [failed(retry_at=None)]
    happened(queue, "five", *died_at_last)
    monkeypatch.setattr("eventqueue.api.simulating.AT_ONCE", 1)

    found = failing.ok("simulate", "--max-retries", "5", "--queue", "often", "--json").json

    assert found["queues"]["often"]["chances"] == 1


def test_where_nothing_failed_it_is_said(queuectl: Queuectl) -> None:
    assert queuectl.ok("simulate", "--max-retries", "5").out == "Nothing failed in that time.\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), 2),
        (("--max-retries", "-1"), 2),
        (("--max-retries", "1", "--exit-codes", "x"), 2),
        (("--max-retries", "1", "--exit-codes", "300"), 2),
        (("--max-retries", "1", "--exit-codes", ""), 2),
        (("--max-retries", "1", "--backoff-base", "-2"), 2),
        (("--max-retries", "1", "--backoff-base", "nan"), 2),
        (("--max-retries", "1", "--since", "someday"), 2),
    ],
)
def test_what_is_no_policy_is_refused_in_a_sentence(queuectl: Queuectl, args: tuple[str, ...], code: int) -> None:
    ran = queuectl.here("simulate", *args)

    assert ran.code == code
    assert is_one_sentence(ran)
