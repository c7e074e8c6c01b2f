"""What workers and a projector with nothing to do write: their leases, and hardly anything else.

Counted in the server's oplog, since each entry there costs every member of a replica set.
"""

import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from eventqueue.mongo.leases import RENEWAL
from eventqueue.sealing.sealer import Sealer
from eventqueue.worker.life.tenure import PARTS
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults

LEASE_S = 5  # the shortest there is
HEARTBEATS = 8


def entries(stage: Stage, after: datetime) -> list[dict[str, Any]]:
    """Return what the oplog has of the stage's database after a time of the database's."""
    ours = {"$regex": f"^{re.escape(stage.db)}\\."}
    oplog = stage.connection.client.local["oplog.rs"]
    return list(oplog.find({"wall": {"$gt": after}, "$or": [{"ns": ours}, {"o.applyOps.ns": ours}]}))


def collection_of(entry: dict[str, Any]) -> str:
    return "a transaction" if "applyOps" in entry["o"] else str(entry["ns"].partition(".")[2])


def test_an_idle_worker_and_a_projector_write_once_a_heartbeat(stage: Stage, start: Start) -> None:
    stage.queue.configure("lease", LEASE_S)
    start(count=1).await_said("started")
    job = stage.enqueue()
    stage.ended(job)
    wait_until(lambda: stage.shown(job).version == stage.job(job).version)  # in the views, too
    list(Sealer(stage.connection.ground, "test").seal_all())  # so that nobody else does in the meantime
    wait_until(lambda: stage.connection.views.lag().is_fresh)
    began = stage.connection.ground.clock.now()

    def renewals() -> list[dict[str, Any]]:
        return [one for one in entries(stage, began) if collection_of(one) == "workers"]

    wait_until(lambda: len(renewals()) > HEARTBEATS)

    last = renewals()[-1]["wall"]
    written = Counter(collection_of(one) for one in entries(stage, began) if one["wall"] <= last)
    elapsed = (last - renewals()[0]["wall"]).total_seconds()
    print(written, elapsed)
    assert written.pop("workers") <= elapsed / (LEASE_S / PARTS) + 4  # the first ones follow each other sooner
    assert written.pop("leases") <= elapsed / RENEWAL.total_seconds() + 2
    # The signal of the job's end, where it comes late, and a checkpoint moved once in ten seconds.
    assert written.total() <= 3
