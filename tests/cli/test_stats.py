"""`queuectl stats`."""

from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died
from tests.cli.terminals import on_terminal

KEYS = [
    *("enqueued", "completed", "failed", "dead", "cancelled", "retried", "late", "in_per_minute", "out_per_minute"),
    *("failure_ratio", "wait", "run", "oldest_pending"),
]


def test_of_an_empty_queue_there_is_nothing_to_tell(shared: Queuectl) -> None:
    assert shared.ok("stats", "--json").json["queues"] == {}
    assert "Nothing happened." in shared.ok("stats").out


def test_what_happened_is_told_of_each_queue_and_of_all(queuectl: Queuectl, queue: Queue) -> None:
    for job_id in ("one", "two", "three"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")
    completed(queue, "one")
    died(queue, "two")

    document = queuectl.process("stats", "--json").json

    assert list(document) == ["since", "until", "total", "queues"]
    assert list(document["total"]) == KEYS
    default, mail = document["queues"]["default"], document["queues"]["mail"]
    assert (default["enqueued"], default["completed"], default["dead"], mail["enqueued"]) == (3, 1, 1, 1)
    assert default["failure_ratio"] == pytest.approx(default["failed"] / (default["failed"] + 1))
    assert (mail["failure_ratio"], mail["wait"]) == (None, None)
    assert default["oldest_pending"] >= 0
    assert document["total"]["enqueued"] == 4


def test_one_queue_is_told_of_alone(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")

    assert list(queuectl.ok("stats", "--queue", "mail", "--json").json["queues"]) == ["mail"]
    out = queuectl.ok("stats", "--queue", "mail").out
    assert "mail" in out
    assert "default" not in out
    assert is_one_sentence(queuectl.here("stats", "--queue", "nope"))


def test_it_fits_a_narrow_terminal(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")

    assert all(len(line) <= 80 for line in queuectl.ok("stats").out.splitlines())
    narrow = on_terminal(queuectl, "stats", columns=50)
    assert "WAIT P50" in narrow
    assert "OLDEST PENDING" in narrow
    assert "P95" not in narrow
    assert "LATE" not in narrow


@pytest.mark.parametrize("window", ["0", "-5m", "1e9", "soon", "99999999999d"])
def test_a_window_that_is_none_is_refused(shared: Queuectl, window: str) -> None:
    ran = shared.here("stats", f"--window={window}")
    assert "timedelta" not in ran.err

    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_no_job_is_scanned(queuectl: Queuectl, database: Database[dict[str, Any]]) -> None:
    queuectl.ok("enqueue", "--", "true")
    queuectl.ok("list")
    database.command("profile", 2)
    queuectl.ok("stats")
    queuectl.ok("status")
    database.command("profile", 0)

    looked = database["system.profile"].find({"op": {"$in": ["query", "command"]}, "ns": {"$regex": r"\.jobs-"}})
    assert list(looked) == []
