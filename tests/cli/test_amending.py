"""`queuectl set` and `run-now`."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Amended, RetryAmended, Shell
from tests.builders import claimed, failed
from tests.cli.commands import Queuectl
from tests.cli.past import happened


@pytest.fixture
def waits(queuectl: Queuectl) -> Queuectl:
    """A job that waits for its time, with an environment."""
    queuectl.ok("enqueue", "--id", "one", "--delay", "1h", "--env", "A=hush", "--env", "B=2", "--", "true")
    return queuectl


def test_set_changes_what_is_given_and_nothing_else(waits: Queuectl, queue: Queue) -> None:
    said = waits.ok(
        *("set", "one", "--priority", "7", "--queue", "mail", "--max-retries", "0", "--timeout", "2m"),
        *("--env", "A=psst", "--tag", "x", "--tag", "y", "--command", "make", "--run-at", "2130-01-31T08:00:00Z"),
        *("--why", "they wait"),
    )

    assert said.out == "✔ Job one waits as asked\n"
    job = queue.get("one")
    assert isinstance(job.run, Shell)
    assert (job.run.command, job.run.env) == ("make", {"A": "psst", "B": "2"})
    assert (job.priority, job.queue, job.max_retries, job.timeout, job.tags) == (7, "mail", 0, 120, ("x", "y"))
    assert str(job.due_at) == "2130-01-31 08:00:00+00:00"


@pytest.mark.parametrize("command", ["set", "restart"])
def test_a_time_is_typed_as_where_a_job_is_added(waits: Queuectl, queue: Queue, command: str) -> None:
    if command == "restart":
        waits.ok("cancel", "one")

    before = datetime.now(UTC)
    changed = waits.ok("--quiet", command, "one", "--run-at", "18:00 Europe/Berlin").out.split()

    due_at = queue.get(changed[-1] if command == "restart" else "one").due_at
    assert due_at is not None
    assert due_at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M:%S") == "18:00:00"
    assert before < due_at < before + timedelta(hours=26)


def test_history_tells_from_what_to_what_by_whom_and_why_and_hides_what_may_be_secret(waits: Queuectl) -> None:
    waits.ok("set", "one", "--priority", "7", "--env", "A=psst", "--why", "they wait")

    told = waits.ok("history", "one").out
    whole = waits.ok("history", "one", "--json").out
    shown = waits.ok("history", "one", "--json", "--show-env").out

    assert "priority from 0 to 7; environment: A set anew; they wait" in " ".join(told.split())
    assert "hush" not in told + whole
    assert "psst" not in told + whole
    assert "hush" in shown
    assert "psst" in shown


def test_what_is_unset_is_had_no_more_and_history_tells_it(waits: Queuectl, queue: Queue) -> None:
    waits.ok("set", "one", "--timeout", "2m", "--tag", "x")

    waits.ok("set", "one", "--unset", "timeout", "--unset", "env.A", "--unset", "tags")

    job = queue.get("one")
    assert isinstance(job.run, Shell)
    assert (job.run.env, job.timeout, job.tags) == ({"B": "2"}, None, ())
    told = " ".join(waits.ok("history", "one").out.split())
    assert "tags from x to none; timeout from 2 min to none; environment: A unset" in told
    assert "hush" not in told
    assert "environment" in waits.ok("why", "one").out
    assert waits.ok("set", "one", "--unset", "timeout").out == "✔ Job one waits as asked already\n"


def test_events_of_that_kind_are_found_and_hide_as_much(waits: Queuectl) -> None:
    waits.ok("set", "one", "--env", "A=psst")

    found = waits.ok("events", "--type", "amended", "--json").out

    assert '"amended"' in found
    assert "psst" not in found


def test_run_now_makes_a_job_due_whatever_it_waited_for(waits: Queuectl, queue: Queue) -> None:
    waits.ok("enqueue", "--id", "two", "--", "true")
    happened(queue, "two", claimed(), failed(retry_at=datetime(2030, 1, 31, tzinfo=UTC)))

    said = waits.ok("run-now", "one", "two", "--why", "the data is here").out

    assert said == "✔ Job one is due\n✔ Job two is due\n"
    assert [type(queue.history(job_id)[-1].event) for job_id in ("one", "two")] == [Amended, RetryAmended]
    assert all(queue.history(job_id)[-1].at == queue.get(job_id).due_at for job_id in ("one", "two"))
    assert waits.ok("run-now", "one").out == "✔ Job one is due already\n"


def test_one_that_cannot_be_changed_is_named_and_the_others_are(waits: Queuectl, queue: Queue) -> None:
    waits.ok("enqueue", "--id", "runs", "--", "true")
    waits.ok("enqueue", "--id", "calls", "--task", "app.send")
    happened(queue, "runs", claimed())

    said = waits.process("set", "runs", "calls", "nobody", "one", "--command", "make", "--json")

    assert said.code == 1
    assert [one.get("changed", one.get("error", "").partition(".")[0]) for one in said.json] == [
        "Cannot amend job runs: it is processing",
        "command: cannot be given for job calls: it runs a task, within its worker",
        said.json[2]["error"].partition(".")[0],
        True,
    ]
    assert "nobody" in said.json[2]["error"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Say what is to be changed"),
        (("--priority", "9" * 20), "--priority: "),
        (("--queue", "no such"), "--queue: may hold letters"),
        (("--run-at", "tomorrow"), "--run-at: "),
        (("--run-at", "2130-01-31T08:00:00Z", "--delay", "1"), "--delay: cannot be given together with run_at"),
        (("--max-retries", "-1"), "--max-retries: "),
        (("--timeout", "0"), "--timeout: "),
        (("--env", "NAME"), "--env"),
        (("--command", ""), "--command: "),
        (("--unset", "queue"), "--unset: queue cannot be empty"),
        (("--unset", "timeuot"), "is timeout meant?"),
        (("--unset", "timeout", "--timeout", "3"), "--unset: timeout cannot be given together with a value"),
    ],
)
def test_what_cannot_be_asked_of_any_job_is_wrong_usage(waits: Queuectl, args: tuple[str, ...], said: str) -> None:
    ran = waits.process("set", "one", *args)

    assert ran.code == 2
    assert said in ran.err
    assert waits.ok("history", "one", "--json").out.count('"version"') == 1
