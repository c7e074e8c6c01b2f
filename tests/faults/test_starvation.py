"""No job waits behind a worker without room while another has room: ownership of buckets yields to evidence.

Times are the log's own, on the database's clock, and the bounds several times what an idle machine needs: what is
broken here is late by a heartbeat, or for ever.
"""

import os
import signal
from collections.abc import Collection
from datetime import timedelta
from itertools import count, islice

import pytest

from eventqueue.model.codec import bucket_of
from eventqueue.model.events import Claimed, stream_of
from eventqueue.worker.claims.ownership import owned
from tests.faults.account import COMPLETED
from tests.worker.crew import Crew, Start
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

FOR_EVER = "sleep 3600"
SOON = timedelta(seconds=5)


def acquainted(stage: Stage, crew: Crew) -> list[str]:
    """Wait until each of a crew's workers knows of all others; return their incarnations, oldest first."""
    known = len(crew.await_said("started", crew.plan.count))
    incarnations = stage.connection.incarnations
    last = max(lease.started_at for lease in incarnations.live())
    wait_until(lambda: all(lease.renewed_at > last + timedelta(milliseconds=100) for lease in incarnations.live()))
    live = [lease.worker.id for lease in incarnations.live()]
    assert len(live) == known
    return live


def belonging(worker: str, live: Collection[str], amount: int, name: str = "job") -> list[str]:
    """Return so many ids of jobs that belong to one of the live workers."""
    buckets = owned(worker, live)
    ids = (f"{name}-{number}" for number in count())
    return list(islice((one for one in ids if bucket_of(stream_of("job", one)) in buckets), amount))


def enqueue(stage: Stage, ids: Collection[str], command: str, **fields: object) -> None:
    stage.queue.enqueue_many([{"id": one, "command": command, **fields} for one in ids])


def waits(stage: Stage, ids: Collection[str]) -> list[timedelta]:
    """Return how long each of those jobs that were claimed had waited for it, in order."""
    histories = [stage.history(one) for one in ids]
    claims = [(one[0].at, two.at) for one in histories for two in one if isinstance(two.event, Claimed)]
    return sorted(claimed - enqueued for enqueued, claimed in claims)


def test_eight_workers_are_all_busy_soon_with_jobs_that_all_belong_to_one(stage: Stage, start: Start) -> None:
    crew = start(count=8)
    live = acquainted(stage, crew)
    jobs = belonging(live[0], live, 20)

    enqueue(stage, jobs, FOR_EVER)
    crew.await_said("executing", 8)

    waited = waits(stage, jobs)
    print(f"the eighth waited {waited[-1].total_seconds():.3f} s")
    assert len(waited) == 8
    assert waited[-1] < SOON


def test_an_urgent_job_of_a_busy_owner_passes_the_backlog_of_another(stage: Stage, start: Start) -> None:
    crew = start(count=2)
    live = acquainted(stage, crew)
    busy, other = live
    backlog = belonging(other, live, 200, "backlog")
    enqueue(stage, belonging(busy, live, 1, "long"), FOR_EVER)
    crew.await_said("executing")
    enqueue(stage, backlog, "sleep 0.1")
    wait_until(lambda: crew.count(COMPLETED) >= 3)

    urgent = belonging(busy, live, 1, "urgent")
    enqueue(stage, urgent, "true", priority=100)
    stage.ended(*urgent)

    (waited,) = waits(stage, urgent)
    print(f"it waited {waited.total_seconds():.3f} s")
    assert waited < SOON
    assert crew.count(COMPLETED) < len(backlog)


@pytest.mark.parametrize("kind", ["frozen", "busy"])
def test_a_stuck_worker_holds_up_nothing_of_its_buckets(stage: Stage, start: Start, kind: str) -> None:
    crew = start(count=2)
    live = acquainted(stage, crew)
    pids = {one["incarnation"]: one["pid"] for one in crew.said("started")}
    stuck, _ = live
    if kind == "frozen":
        os.kill(pids[stuck], signal.SIGSTOP)
    else:
        enqueue(stage, belonging(stuck, live, 1, "long"), FOR_EVER)
        crew.await_said("executing")

    jobs = belonging(stuck, live, 50)
    enqueue(stage, jobs, "true")
    stage.ended(*jobs)

    print(f"the first waited {waits(stage, jobs)[0].total_seconds():.3f} s, the last {waits(stage, jobs)[-1]}")
    assert waits(stage, jobs)[0] < SOON
    assert len(stage.connection.incarnations.live()) == 2  # it was not buried for that
