"""`queuectl top`: one picture of everything, or one after the other."""

import json
from datetime import timedelta

import pytest

from eventqueue.api.queue import Queue
from tests.builders import claimed, failed
from tests.cli.commands import Queuectl
from tests.cli.emulated import terminal
from tests.cli.past import died, happened
from tests.patience import PATIENCE_S


@pytest.fixture
def busy(queue: Queue) -> Queue:
    """A queue in which ten jobs of ten queues have died, one after the other by one clock."""
    for number in range(10):
        queue.enqueue(id=f"job-{number}", queue=f"q{number}", command="false")
        died(queue, f"job-{number}")
    queue.status()
    return queue


def test_a_picture_is_shown_once_where_nobody_watches(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    happened(queue, "one", claimed())
    queuectl.ok("enqueue", "--id", "two", "--", "true")
    died(queue, "two")

    out = queuectl.process("top").out

    assert "up to date" in out
    assert "two  dead   default" in out
    assert [line.split()[:4] for line in out.splitlines() if line.startswith("default")] == [["default", "0", "0", "1"]]


def test_with_json_each_picture_is_a_line_and_the_next_comes_when_the_views_move(queuectl: Queuectl) -> None:
    with queuectl.start("top", "--json") as process:
        assert process.stdout
        first = json.loads(process.stdout.readline())
        queuectl.ok("enqueue", "--", "true")
        queuectl.ok("list")
        while not (later := json.loads(process.stdout.readline()))["queues"]:
            pass
        process.terminate()
        process.wait(PATIENCE_S)

    assert list(first) == ["at", "lag", "queues", "paused", "stats", "workers", "failures"]
    assert later["queues"]["default"]["pending"] == 1


def test_what_waits_for_its_time_is_told_apart_from_what_is_due(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("enqueue", "--delay", "1h", "--", "true")

    out = queuectl.ok("top", "--once").out

    assert "1 due  1 later" in out
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("default")] == [["default", "1", "1"]]


def test_in_a_pipe_ids_are_whole_and_on_a_terminal_their_ends(queuectl: Queuectl, queue: Queue) -> None:
    job = queuectl.ok("enqueue", "--json", "--", "false").json["id"]
    died(queue, job)

    assert job in queuectl.ok("top", "--once").out
    with terminal(queuectl, "top", "--once") as shown:
        assert shown.ends() == 0
        assert job[-8:] in shown.text
        assert job not in shown.text


def test_what_a_failed_job_waits_for_is_in_the_document(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "false")
    happened(queue, "one", claimed(), failed())

    shown = queuectl.ok("top", "--once", "--json").json["failures"]

    assert shown == queuectl.ok("list", "--json").json
    assert shown[0]["waits"]["kind"] == "unserved"


def test_the_last_failures_come_first_and_no_more_than_asked_for(busy: Queue) -> None:
    found = busy.glance(timedelta(minutes=1), failures=3)

    assert [job.id for job in found.failures] == ["job-9", "job-8", "job-7"]
