"""Wall clocks an hour off, ahead and behind, of those who enqueue and of those who work: nobody goes by them.

Times in the log are the database's, and what is to happen at a time happens at that time of the database's.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventqueue.model.events import Claimed, Failed, FailReason, Recorded
from eventqueue.model.job import State
from tests.faults.account import assert_agreed, writing
from tests.projections.processes import run
from tests.worker.crew import Start
from tests.worker.stage import Stage

pytestmark = pytest.mark.faults

LEASE_S = 5  # the shortest there is
CLOCKS = {"ahead": 3600, "behind": -3600}

ENQUEUE = """
import sys
from eventqueue.api.queue import Queue

uri, db, name, line, in_half_an_hour = sys.argv[1:]
flaky = f'{line}; test "$QUEUECTL_ATTEMPT" = 2'
with Queue(uri, db) as queue:
    queue.enqueue(id=f"delayed-{name}", command=line, delay=2)
    queue.enqueue(id=f"flaky-{name}", command=flaky, backoff={"base": 2, "jitter": 0})
    queue.enqueue(id=f"long-{name}", command=f"sleep 7; {line}")  # longer than a lease
    queue.enqueue(id=f"expiring-{name}", command=line, expires_at=in_half_an_hour)
    queue.enqueue(id=f"endless-{name}", command="sleep 3600", timeout=0.5, max_retries=0)
    queue.enqueue(id=f"future-{name}", command="true", run_at=in_half_an_hour)
"""
NOW = "from datetime import UTC, datetime; print(datetime.now(UTC).isoformat())"


@contextmanager
def skewed(seconds: float) -> Iterator[None]:
    """Have all Python processes that are started in the block, and what they start, see a clock that is off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).with_name("skewed")))
        patch.setenv("SKEW_S", str(seconds))
        yield


def test_the_clock_of_these_processes_really_is_an_hour_off() -> None:
    for seconds in CLOCKS.values():
        with skewed(seconds):
            shown = subprocess.run([sys.executable, "-c", NOW], check=True, capture_output=True, text=True).stdout
        off = datetime.fromisoformat(shown.strip()) - datetime.now(UTC)
        assert abs(off.total_seconds() - seconds) < 60


def claims(history: list[Recorded]) -> list[datetime]:
    return [one.at for one in history if isinstance(one.event, Claimed)]


def failure(history: list[Recorded]) -> tuple[datetime, Failed]:
    (found,) = [(one.at, one.event) for one in history if isinstance(one.event, Failed)]
    return found


def test_jobs_keep_to_the_databases_clock_whatever_clocks_enqueuers_workers_and_projector_see(
    stage: Stage, start: Start
) -> None:
    stage.queue.configure("lease", LEASE_S)
    clock = stage.connection.ground.clock
    began = clock.now()
    for name, seconds in CLOCKS.items():
        with skewed(seconds):
            start(concurrency=8)  # of the projectors one leads, and one stands by
            in_half_an_hour = (began + timedelta(minutes=30)).isoformat()
            run(ENQUEUE, stage.uri, stage.db, name, writing(stage), in_half_an_hour)
    completing = [f"{kind}-{name}" for kind in ("delayed", "flaky", "long", "expiring") for name in CLOCKS]
    stage.ended(*completing, *(f"endless-{name}" for name in CLOCKS))
    ended = clock.now()

    for name in CLOCKS:
        delayed = stage.history(f"delayed-{name}")
        assert claims(delayed)[0] - delayed[0].at >= timedelta(seconds=2)
        failed_at, failed = failure(stage.history(f"flaky-{name}"))
        assert failed.retry_at == failed_at + timedelta(seconds=2)
        assert claims(stage.history(f"flaky-{name}"))[1] >= failed.retry_at
        assert failure(stage.history(f"endless-{name}"))[1].reason is FailReason.TIMEOUT
        assert stage.types(f"long-{name}") == ["enqueued", "claimed", "completed"]  # nobody took its worker for lost
        assert stage.job(f"future-{name}").state is State.PENDING
    margin = timedelta(milliseconds=100)  # of the estimate
    assert all(began - margin <= one.at <= ended + margin for one in stage.log.scan("job"))
    assert len(stage.connection.incarnations.live()) == 2
    assert_agreed(stage, completing)
