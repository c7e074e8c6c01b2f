"""The audit of a schedule: nothing is found in what was decided, nor taken for wrong behind what cannot be read."""

from datetime import timedelta
from typing import Any

import pytest
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.rules import check
from eventqueue.audit.rules import stored as read
from eventqueue.model.events import Event, Resumed
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
    SkipReason,
    TickSkipped,
)
from eventqueue.schedules.missed import taken
from eventqueue.schedules.schedule import (
    Command,
    Definition,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    SetSchedule,
    TellSkipped,
    decide,
    of_stream,
)
from eventqueue.schedules.ticks import job_id
from tests.audit.test_rules import NOW_S, forged, tampered
from tests.builders import NOW, sealed

STREAM = "schedule-nightly"
SET = ScheduleSet(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, cron="0 2 * * *")
DAILY = Definition(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, cron="0 2 * * *")
OFTEN = Definition(fields={"command": "make"}, missed=Missed.ALL, overlap=Overlap.ALLOW, every=600.0)
EARLIER = job_id("nightly", NOW - timedelta(1))
SKIPPED = [
    TickSkipped(reason=SkipReason.MISSED, first=NOW - timedelta(1), last=NOW, number=2),
    TickSkipped(reason=SkipReason.OVERLAP, first=NOW, last=NOW, number=1, job=EARLIER),
    taken(NOW, job_id("nightly", NOW)),
]

asked: st.SearchStrategy[Command | TickSkipped | None] = st.sampled_from(
    [SetSchedule(DAILY), SetSchedule(OFTEN), PauseSchedule(), ResumeSchedule(), RemoveSchedule(), *SKIPPED, None]
)


def stamped(*events: Event) -> list[bytes]:
    return [tampered(one.raw, ts=Timestamp(NOW_S, at)) for at, one in enumerate(sealed(*events, stream=STREAM))]


def found(raws: list[bytes]) -> list[tuple[int, str]]:
    return [(one.version, one.problem) for one in check(STREAM, map(read, raws))]


@given(st.lists(asked, max_size=12))
def test_nothing_is_found_in_what_was_decided(commands: list[Any]) -> None:
    events: list[Event] = []
    for one in commands:
        now = of_stream(STREAM, stamped(*events))
        if isinstance(one, TickSkipped):
            events += decide(now, TellSkipped(now.set_id, one))
        elif one is None:
            events += [ScheduleTriggered(job="nightly:0a1b2c3d4e5f")] if events else []
        elif now.definition is not None or isinstance(one, SetSchedule):
            events += decide(now, one)

    assert found(stamped(*events)) == []


@pytest.mark.parametrize(
    "event", [SchedulePaused(), ScheduleResumed(), ScheduleRemoved(), ScheduleTriggered(job="nightly:1"), SKIPPED[0]]
)
def test_what_happens_to_a_schedule_that_never_was_is_found_but_not_behind_what_cannot_be_read(event: Event) -> None:
    ((version, problem),) = found(stamped(event))

    assert version == 1
    assert problem.endswith("is not legal for a schedule that is not there")
    odd, *rest = stamped(SET, event)
    unread = found([forged(odd, type="schedule-guessed"), *rest])
    assert [version for version, problem in unread if "is not legal" in problem] == []


def test_what_was_done_again_behind_what_happens_to_no_schedule_is_in_order() -> None:
    problems = found(stamped(SET, SchedulePaused(), Resumed(), SchedulePaused()))

    assert [problem for _, problem in problems] == ["`resumed` is no event of a `schedule` stream"] * len(problems)
