"""Why an attempt failed: wherever it is told, it is told with the exception's type; and where it failed."""

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Error, Failed, FailReason
from tests.builders import DEAD_LETTERED, RETRIED_BY_OPERATOR, claimed
from tests.cli.commands import Queuectl
from tests.cli.past import completed, died, happened

TOLD = "KeyError: 'x'"
WHERE = '  File "app.py", line 7, in send\n    orders["x"]\t\x1b[2J\nKeyError: \'x\'\n'
SHOWN = '    File "app.py", line 7, in send\n      orders["x"] \\x1b[2J\n  KeyError: \'x\'\n'
MISSED = Failed(reason=FailReason.ERROR, error=Error(type="KeyError", message="'x'", traceback=WHERE))
PLACES = [
    *("list", "dlq list", "errors", "errors --past", "history one", "why one", "show one", "logs one", "wait one"),
    *("top", "replay one", "events --job one"),
]


@pytest.fixture
def missed(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """A job that is dead since its task raised a KeyError, and another that died of the same words."""
    for job_id, task in (("one", "app.send"), ("other", "app.post")):
        queue.enqueue(id=job_id, task=task, max_retries=0)
    happened(queue, "one", claimed(), MISSED, DEAD_LETTERED)
    other = Failed(reason=FailReason.ERROR, error=Error(type="app.Error404", message="'x'"))
    happened(queue, "other", claimed(), other, DEAD_LETTERED)
    return queuectl


@pytest.mark.parametrize("words", PLACES)
def test_wherever_it_is_told_why_an_attempt_failed_the_exceptions_type_is_named(missed: Queuectl, words: str) -> None:
    ran = missed.here(*words.split())

    assert TOLD in ran.out + ran.err


def test_jobs_are_chosen_by_what_is_told_of_their_failure(missed: Queuectl) -> None:
    def chosen(*options: str) -> list[str]:
        return [one["id"] for one in missed.ok("dlq", "list", "--json", *options).json]

    for text in (TOLD, "KeyError", "'x'"):
        assert "one" in chosen("--error", text)
    assert chosen("--error", TOLD) == chosen("--error", "KeyError") == ["one"]
    groups = {one["example"]["message"]: one["fingerprint"] for one in missed.ok("errors", "--json").json}
    assert chosen("--fingerprint", groups[TOLD]) == ["one"]
    assert [one["id"] for one in missed.ok("retry", "--all", "--error", TOLD, "--dry-run", "--json").json] == ["one"]


def test_where_it_failed_is_shown_set_in_and_unable_to_steer_a_terminal(missed: Queuectl) -> None:
    assert f"\ntraceback\n{SHOWN}" in missed.ok("show", "one").out
    assert missed.ok("logs", "one").err == f"! Attempt 1 failed: {TOLD}\n{SHOWN}"
    assert missed.ok("logs", "one", "--raw").err == missed.ok("logs", "one", "--quiet").err == ""
    assert missed.ok("logs", "one", "--json").json["error"]["traceback"] == WHERE


def test_the_logs_of_an_attempt_are_never_without_a_word(missed: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="silent", command="true")
    died(queue, "silent")
    assert missed.ok("logs", "silent").err == "! Attempt 1 failed: exit code 3\n"
    queue.enqueue(id="well", command="true")
    completed(queue, "well", b"")
    assert missed.ok("logs", "well").err == "! Attempt 1 wrote nothing.\n"


def test_what_failed_before_all_went_well_is_not_shown_at_length(missed: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="again", task="app.send")
    happened(queue, "again", claimed(), MISSED, DEAD_LETTERED, RETRIED_BY_OPERATOR)
    completed(queue, "again")

    assert "traceback" not in missed.ok("show", "again").out


@pytest.mark.parametrize("words", ["list", "list --at 0s", "list --state dead", "dlq list", "retry --all --dry-run"])
def test_jobs_are_chosen_by_their_task(missed: Queuectl, queue: Queue, words: str) -> None:
    queue.enqueue(id="command", command="true")

    def chosen(task: str) -> list[str]:
        return [one["id"] for one in missed.ok(*words.split(), "--task", task, "--json").json]

    assert chosen("app.send") == ["one"]
    assert chosen("app.post") == ["other"]
    assert chosen("nowhere.send") == []


@pytest.mark.parametrize("words", ["errors", "errors --past"])
def test_failures_are_put_together_by_their_task(missed: Queuectl, words: str) -> None:
    def jobs(*options: str) -> set[str]:
        return {one["example"]["job"] for one in missed.ok(*words.split(), *options, "--json").json}

    assert jobs() == {"one", "other"}
    assert jobs("--task", "app.post") == {"other"}
    assert jobs("--task", "nowhere.post") == set()


def test_who_names_jobs_chooses_none_by_their_task(missed: Queuectl) -> None:
    assert missed.here("retry", "one", "--task", "app.send").code == 2
