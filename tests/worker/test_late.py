"""Late results, where what is in their stream already cannot be read."""

import bson

from eventqueue.log.memory import MemoryLog
from eventqueue.model.codec import Sealed
from eventqueue.model.events import LateResult
from eventqueue.model.readable import read
from eventqueue.ports.log import Append
from eventqueue.worker.late import record_late
from tests.builders import COMPLETED, NOW, append, claimed, enqueued


def test_a_late_result_is_recorded_once_behind_one_that_cannot_be_read() -> None:
    log = MemoryLog()
    first = append("job-one", enqueued(), claimed())
    lost = append("job-one", COMPLETED, head=first.head)
    (one,) = append("late-one", LateResult(claim=2, worker="w", outcome="failed", data={})).events
    log.append([Append((Sealed(one.recorded, bson.encode({**bson.decode(one.raw), "data": {}})),))])

    for _ in range(2):  # sent again, after its answer was lost
        record_late(log, lost, "worker-1", "worker/worker-1", NOW)

    found = read(log.read_raw("late-one"))
    assert [event.version for event in found.events] == [2]
    assert found.head.version == 2
