"""Every method of a Queue on a TestQueue: it does what it says, or refuses in a sentence."""

from contextlib import suppress

import pytest

from eventqueue import Refused
from eventqueue.testing import TestQueue
from tests.system.test_forks import PUBLIC, use

REFUSED = {
    *(
        "stats",
        "rates",
        "glance",
        "at",
        "projections",
        "counters",
        "rebuild_views",
        "verify_views",
        "retry_parked",
        "log_begin",
    ),
    "log_size",
    *("stop_workers", "events", "stored_events", "export", "follow_events", "copy_log", "simulate"),
    *("verify", "verify_all", "workers_gone", "worker_runs", "metrics"),
}
OTHERWISE = {
    "enqueue",
    "schedule",
    "configure",
    "resolve_worker",
    "resolve_workers",
    "try_projection",
    "act",
    "ignore_errors",
}  # asked for in words of their own


@pytest.mark.parametrize("name", sorted({*PUBLIC} - REFUSED - OTHERWISE))
def test_what_needs_no_database_is_done(queue: TestQueue, name: str) -> None:
    job = queue.enqueue(id="a", command="true")
    queue.schedule("stats", {"command": "true"}, every=60)
    queue.shell = lambda _: int(name == "retry")
    if name in ("restart", "retry", "silent_since", "wait", "wait_all"):
        queue.run()

    with suppress(StopIteration):
        use(queue, name)
    assert queue.get(job.id).id == "a"


def test_what_is_set_is_set_and_who_works_is_found(queue: TestQueue) -> None:
    assert queue.configure("max-retries", 1) == 1
    assert queue.configuration()["max-retries"].value == 1
    assert queue.resolve_workers(["test"]) == [queue.resolve_worker("test")] == ["test-1"]
    with pytest.raises(Refused, match=r"^fingerprint: is of no job"):
        queue.ignore_errors("0a1b2c3d4e")
    with pytest.raises(Refused, match="No module 'acme'"):
        queue.try_projection("acme:Cost")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_needs_one_is_refused_in_a_sentence(queue: TestQueue, name: str) -> None:
    queue.enqueue(id="a", command="true")

    with pytest.raises(Refused, match=r"TestQueue.*\."):
        use(queue, name)
