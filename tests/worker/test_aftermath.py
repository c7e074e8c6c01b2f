"""What is left to do when a claim is over is done, or still to be done: an outage loses none of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.events import LateResult
from eventqueue.mongo.outputs import Kept
from eventqueue.ports.log import Append
from eventqueue.worker.aftermath import Aftermath
from eventqueue.worker.life.place import incarnation_here
from tests.builders import COMPLETED, claimed, enqueued, history, sealed
from tests.worker.stage import Stage

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def away(*_: object) -> None:
    raise Unavailable("an election")


@pytest.fixture
def aftermath(stage: Stage) -> Aftermath:
    ground = stage.connection.ground
    return Aftermath(incarnation_here("me", "me", (), 1), ground.log, ground.clock, stage.connection.outputs)


def test_an_outcome_that_came_late_is_recorded_after_an_outage(
    stage: Stage, aftermath: Aftermath, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = history(enqueued(), claimed(), stream="job-one")[-1].head
    aftermath.came_late(Append(sealed(COMPLETED, stream="job-one", head=head)))
    with monkeypatch.context() as outage:
        outage.setattr(type(stage.connection.ground.log), "append", away)
        with pytest.raises(Unavailable):
            aftermath.step()
    assert aftermath.is_pending

    aftermath.step()

    assert not aftermath.is_pending
    (late,) = [one.event for one in stage.connection.ground.log.read("late-one")]
    assert isinstance(late, LateResult)
    assert late.outcome == "completed"


def test_what_a_killed_run_wrote_is_kept_after_an_outage(
    stage: Stage, aftermath: Aftermath, monkeypatch: pytest.MonkeyPatch
) -> None:
    aftermath.ended(Kept(job_id="one", claim=2, attempt=1, stdout=b"last words", stderr=b""))
    outputs: Any = stage.connection.outputs
    with monkeypatch.context() as outage:
        outage.setattr(type(outputs), "put", away)
        with pytest.raises(Unavailable):
            aftermath.step()
    assert aftermath.is_pending

    aftermath.step()

    assert not aftermath.is_pending
    assert outputs.get("one", 2).stdout == b"last words"
