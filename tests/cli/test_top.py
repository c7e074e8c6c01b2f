"""`queuectl top`: one picture of everything, no higher and no wider than there is room."""

import json
from datetime import timedelta

import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli.render.columns import Table
from eventqueue.cli.render.screen import lines
from eventqueue.ports.views import Glance
from tests.builders import claimed, failed
from tests.cli.commands import PATIENCE_S, Queuectl
from tests.cli.past import died, happened


def tables(glance: Glance, height: int | None) -> list[Table]:
    return [one for one in lines(glance, height) if isinstance(one, Table)]


@pytest.fixture
def busy(queuectl: Queuectl, queue: Queue) -> Queue:
    """A queue in which ten jobs of ten queues have died."""
    for number in range(10):
        queuectl.ok("enqueue", "--id", f"job-{number}", "--queue", f"q{number}", "--", "false")
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
    assert [line.split()[:4] for line in out.splitlines() if line.startswith("default")] == [["default", "0", "1", "0"]]


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


def test_what_does_not_fit_is_counted_instead(busy: Queue) -> None:
    glance = busy.glance()

    assert [len(one.rows) for one in tables(glance, None)] == [10, 0, 10]
    parts = lines(glance, 24)
    height = sum(1 + len(one.rows) if isinstance(one, Table) else 1 for one in parts)
    assert height <= 24
    assert sum("more" in str(one) for one in parts) >= 1


def test_in_the_lowest_terminal_there_is_a_line_of_each(busy: Queue) -> None:
    assert [len(one.rows) for one in tables(busy.glance(), 5)] == [1, 0, 1]


def test_what_a_failed_job_waits_for_is_in_the_document(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "false")
    happened(queue, "one", claimed(), failed())

    shown = queuectl.ok("top", "--once", "--json").json["failures"]

    assert shown == queuectl.ok("list", "--json").json
    assert shown[0]["waits"]["kind"] == "unserved"


def test_the_last_failures_come_first_and_no_more_than_asked_for(busy: Queue) -> None:
    found = busy.glance(timedelta(minutes=1), failures=3)

    assert [job.id for job in found.failures] == ["job-9", "job-8", "job-7"]
