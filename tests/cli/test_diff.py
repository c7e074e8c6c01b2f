"""`queuectl diff`, for people and scripts."""

import pytest

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import died


@pytest.fixture
def jobs(queuectl: Queuectl, queue: Queue) -> Queuectl:
    queue.enqueue(command="false", id="one", max_retries=0, env={"TOKEN": "hush", "MODE": "a"})
    queue.enqueue(command="false --hard", id="two", max_retries=0, env={"TOKEN": "hush-hush", "MODE": "a"})
    died(queue, "one")
    return queuectl


def test_two_versions_are_compared_field_by_field(jobs: Queuectl) -> None:
    found = jobs.ok("diff", "one", "1", "4", "--json").json

    assert (found["before"]["version"], found["after"]["version"]) == (1, 4)
    assert {"path": ["state"], "before": "pending", "after": "dead"} in found["differences"]
    assert {"path": ["last_error", "message"], "after": "exit code 3"} in found["differences"]


def test_two_jobs_are_compared_and_what_may_be_secret_is_hidden(jobs: Queuectl) -> None:
    shown = jobs.ok("diff", "one", "two").out

    assert "run.command" in shown
    assert "false --hard" in shown
    assert "run.env.TOKEN" in shown
    assert "hush" not in shown
    assert "MODE" not in shown
    assert "hush-hush" in jobs.ok("diff", "one", "two", "--show-env").out
    assert "hush" not in jobs.ok("diff", "one", "two", "--json").out


def test_where_nothing_differs_it_is_said(jobs: Queuectl) -> None:
    assert jobs.ok("diff", "one", "one").out == "✔ No difference\n"
    assert jobs.ok("diff", "one", "2", "2", "--json").json["differences"] == []


@pytest.mark.parametrize(("args", "code"), [(("1", "9"), 1), (("0", "1"), 1), (("x", "1"), 2), (("nobody",), 1)])
def test_what_is_not_there_is_refused_in_a_sentence(jobs: Queuectl, args: tuple[str, ...], code: int) -> None:
    ran = jobs.here("diff", "one", *args)

    assert ran.code == code
    assert is_one_sentence(ran)
