"""`queuectl status`."""

from eventqueue.api.queue import Queue
from tests.builders import CANCELLED, claimed, failed
from tests.cli.commands import Queuectl
from tests.cli.past import completed, died, happened

KEYS = [
    "pending",
    "processing",
    "completed",
    "failed",
    "dead",
    "cancelled",
    "scheduled",
    "queues",
    "paused",
    "still",
    "workers",
    "lag",
]


def test_an_empty_queue_has_a_status(shared: Queuectl) -> None:
    document = shared.ok("status", "--json").json

    assert list(document) == KEYS
    assert document == {**dict.fromkeys(KEYS, 0), "scheduled": {}, "queues": {}, "paused": {}, "still": []}
    assert shared.ok("status").out.count("\n") == 8


def test_jobs_are_counted_by_state_and_by_queue(queuectl: Queuectl, queue: Queue) -> None:
    for job_id in ("pending", "processing", "completed", "failed", "dead", "cancelled"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")
    happened(queue, "processing", claimed())
    completed(queue, "completed")
    happened(queue, "failed", claimed(), failed())
    died(queue, "dead")
    happened(queue, "cancelled", CANCELLED)

    document = queuectl.process("--json", "status").json

    assert [document[state] for state in KEYS[:6]] == [2, 1, 1, 1, 1, 1]
    assert document["queues"]["mail"] == {**dict.fromkeys(KEYS[:6], 0), "pending": 1}
    assert (document["workers"], document["lag"]) == (0, 0)


def test_the_states_stand_in_their_order_for_people(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--", "true")

    lines = queuectl.process("status").out.splitlines()

    assert [line.split()[0] for line in lines[:6]] == [
        *("Pending", "Processing", "Completed", "Failed", "Dead", "Cancelled"),
    ]
    assert lines[0].split() == ["Pending", "1"]
    assert lines[-1] == "0 workers alive; the view is up to date"
