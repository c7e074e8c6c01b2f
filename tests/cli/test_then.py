"""`--at`, `--version` and `--until`: the commands show what they showed then, and say so."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue.api.queue import Queue
from eventqueue.telling.words import instant
from tests.cli.commands import Queuectl
from tests.cli.past import completed
from tests.travel.lives import Chances

SHOWN = {
    "list": ("list",),
    "list of a state": ("list", "--state", "completed"),
    "list of a queue": ("list", "--queue", "mail", "--limit", "1"),
    "status": ("status",),
    "queue list": ("queue", "list"),
    "worker list": ("worker", "list"),
    "worker list --all": ("worker", "list", "--all"),
    "show": ("show", "done"),
}


@pytest.fixture
def moment(queuectl: Queuectl, queue: Queue) -> str:
    """A time at which two jobs were there and a queue was paused, all of which is otherwise by now."""
    queuectl.ok("enqueue", "--id", "done", "--", "true")
    queuectl.ok("enqueue", "--id", "other", "--queue", "mail", "--", "true")
    queuectl.ok("queue", "pause", "mail", "--why", "it moves")
    completed(queue, "done")
    return instant(_after_the_last(queue))


def _after_the_last(queue: Queue) -> datetime:
    return Chances(queue, 0).moment()


@pytest.mark.parametrize("what", SHOWN)
def test_a_command_shows_what_it_showed_then(queuectl: Queuectl, queue: Queue, what: str) -> None:
    queuectl.ok("enqueue", "--id", "done", "--", "true")
    queuectl.ok("enqueue", "--id", "other", "--queue", "mail", "--", "true")
    queuectl.ok("queue", "pause", "mail", "--why", "it moves")
    completed(queue, "done")
    now = _after_the_last(queue)
    live = queuectl.ok(*SHOWN[what], "--json").json
    queuectl.ok("enqueue", "--id", "third", "--", "true")
    queuectl.ok("cancel", "other")
    queuectl.ok("queue", "resume", "mail")

    shown = queuectl.ok(*SHOWN[what], "--at", instant(now), "--json").json

    if isinstance(shown, dict):
        assert shown.pop("at") == instant(now)
    assert _without_what_is_of_now(shown) == _without_what_is_of_now(live)


def _without_what_is_of_now(shown: Any) -> Any:
    if isinstance(shown, list):
        return [{**one, "scheduled": None} if "scheduled" in one else one for one in shown]
    return {**shown, "lag": None, "still": None, "scheduled": None}


def test_people_are_told_of_when_it_is(queuectl: Queuectl, moment: str) -> None:
    queuectl.ok("cancel", "other")

    done = queuectl.ok("list", "--at", moment)

    assert f"As it was at {moment}." in done.err
    assert "cancelled" not in done.out
    assert "pending" in done.out
    assert "view is" not in queuectl.ok("status", "--at", moment).out


def test_a_version_is_a_job_after_so_many_of_its_events(queuectl: Queuectl, moment: str) -> None:
    states = [queuectl.ok("show", "done", "--version", str(n), "--json").json["state"] for n in (1, 2, 3)]

    assert states == ["pending", "processing", "completed"]
    assert "Job done has 3 events" in queuectl.here("show", "done", "--version", "4").err


def test_a_window_of_the_past_ends_there(queuectl: Queuectl, moment: str) -> None:
    found = queuectl.ok("stats", "--until", moment, "--json").json

    assert found["total"]["enqueued"] == 2
    assert found["until"] >= moment
    assert datetime.fromisoformat(found["until"]) - datetime.fromisoformat(moment) <= timedelta(minutes=1)


@pytest.mark.parametrize(
    "words", [("status", "--at"), ("list", "--at"), ("worker", "list", "--at"), ("stats", "--until")]
)
def test_a_time_that_is_none_or_of_which_nothing_is_known_is_refused(
    queuectl: Queuectl, moment: str, words: tuple[str, ...]
) -> None:
    ahead = instant(datetime.now(UTC) + timedelta(hours=1))
    for at, code, problem in (
        ("someday", 2, "is no time"),
        ("2001-01-01", 2, "the log begins at"),
        (ahead, 2, "lies in the future"),
        ("999999999d", 2, "longer ago than the calendar reaches"),
    ):
        done = queuectl.here(*words, at)
        assert (done.code, problem in done.err, done.out) == (code, True, ""), (at, done)


def test_a_time_and_a_version_are_not_both_given(queuectl: Queuectl, moment: str) -> None:
    assert queuectl.here("show", "done", "--at", moment, "--version", "1").code == 2


def test_a_job_that_was_not_there_is_refused(queuectl: Queuectl, moment: str) -> None:
    queuectl.ok("enqueue", "--id", "third", "--", "true")

    assert "Job third was not there yet" in queuectl.here("show", "third", "--at", moment).err


def test_of_a_time_without_workers_it_is_said(queuectl: Queuectl, moment: str) -> None:
    assert "tells of no worker" in queuectl.ok("worker", "list", "--at", moment).err
    assert json.loads(queuectl.ok("worker", "list", "--at", moment, "--json").out) == []
