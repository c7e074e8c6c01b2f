"""What may happen to a schedule, and what is told of ticks that become no jobs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.errors import InvalidInput, ScheduleNotFound
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    ScheduleEvent,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
    SkipReason,
    TickSkipped,
)
from eventqueue.schedules.missed import LATE, MOST, choose, free, taken
from eventqueue.schedules.schedule import (
    Command,
    Definition,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    Schedule,
    SetSchedule,
    TellSkipped,
    decide,
    evolve,
    of_stream,
)
from eventqueue.schedules.ticks import check_schedule, fresh_job_id, job_id, stream_for, tick_of, told
from tests.builders import NOW, enqueued, history, sealed

NONE = Schedule(name="nightly")
DAILY = Definition(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, cron="0 2 * * *")
OFTEN = Definition(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, every=600.0)
STREAM = stream_for("nightly")
LATER = NOW + timedelta(hours=1)


def after(schedule: Schedule, *events: ScheduleEvent, now: datetime = NOW) -> Schedule:
    for recorded in history(*events, stream=STREAM, head=schedule.head, now=now):
        schedule = evolve(schedule, recorded)
    return schedule


def done(schedule: Schedule, command: Command, now: datetime = NOW) -> Schedule:
    return after(schedule, *decide(schedule, command), now=now)


SET = done(NONE, SetSchedule(DAILY, "backups"))
PAUSED = done(SET, PauseSchedule("the disk is full"), LATER)


def missed(last: datetime) -> TickSkipped:
    return TickSkipped(reason=SkipReason.MISSED, first=NOW, last=last, number=2)


def test_a_schedule_tells_by_whom_it_was_set_and_its_ticks_are_those_after_that() -> None:
    assert SET.definition == DAILY
    assert (SET.set_at, SET.set_by, SET.since, SET.pause) == (NOW, "test", NOW, None)
    assert SET.is_active
    assert not NONE.is_active


def test_the_same_again_is_no_event_and_another_definition_is_one() -> None:
    assert decide(SET, SetSchedule(DAILY, "again")) == []
    assert [type(one) for one in decide(SET, SetSchedule(OFTEN))] == [ScheduleSet]
    assert done(SET, SetSchedule(OFTEN), LATER).since == LATER


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ([], ()), ({"a": 1}, {"a": 1, "b": None})])
def test_what_is_another_value_to_json_is_another_definition(one: Any, other: Any) -> None:
    first, second = (replace(DAILY, fields={"command": "make", "meta": {"x": value}}) for value in (one, other))

    assert (decide(done(NONE, SetSchedule(first)), SetSchedule(second)) == []) is ([one] == [[]])


def test_a_paused_schedule_is_not_active_and_goes_on_from_where_it_is_resumed() -> None:
    assert PAUSED.pause is not None
    assert PAUSED.pause.why == "the disk is full"
    assert not PAUSED.is_active
    assert decide(PAUSED, PauseSchedule("another reason")) == []
    assert done(PAUSED, SetSchedule(OFTEN)).pause == PAUSED.pause

    resumed = done(PAUSED, ResumeSchedule(), LATER + timedelta(days=1))

    assert resumed.is_active
    assert resumed.since == LATER + timedelta(days=1)
    assert decide(resumed, ResumeSchedule()) == []


def test_what_is_removed_is_there_no_more_and_may_be_set_anew() -> None:
    removed = done(PAUSED, RemoveSchedule("the new one does it"))

    assert removed.definition is None
    assert removed.head.version == 3
    assert done(removed, SetSchedule(DAILY), LATER).is_active


@pytest.mark.parametrize("command", [PauseSchedule(), ResumeSchedule(), RemoveSchedule()])
@pytest.mark.parametrize("there", [NONE, done(SET, RemoveSchedule())])
def test_of_a_schedule_that_is_not_there_that_is_told(there: Schedule, command: Command) -> None:
    with pytest.raises(ScheduleNotFound, match="'nightly'"):
        decide(there, command)


def test_what_was_missed_is_told_once_of_the_definition_that_it_was_missed_of() -> None:
    tell = TellSkipped(SET.set_id, missed(LATER))

    assert decide(SET, tell) == [missed(LATER)]
    told_of = done(SET, tell, LATER)
    assert told_of.since == LATER
    assert decide(told_of, tell) == []
    assert decide(told_of, TellSkipped(SET.set_id, missed(LATER + timedelta(1)))) != []
    assert decide(SET, TellSkipped(b"another", missed(LATER))) == []
    assert decide(PAUSED, tell) == []


def test_an_overlap_is_told_once_a_job_that_has_not_ended() -> None:
    event = TickSkipped(
        reason=SkipReason.OVERLAP, first=NOW, last=NOW, number=1, job=job_id("nightly", NOW - timedelta(1))
    )
    tell = TellSkipped(SET.set_id, event)

    told_of = done(SET, tell)

    assert told_of.held_by == event.job
    assert told_of.since == NOW
    assert decide(told_of, tell) == []
    assert decide(told_of, TellSkipped(SET.set_id, replace(event, job=job_id("nightly", NOW - timedelta(2))))) != []


def test_no_event_has_ticks_that_are_yet_to_come_told_of() -> None:
    far = datetime(9999, 12, 31, tzinfo=UTC)

    assert done(SET, TellSkipped(SET.set_id, missed(far)), LATER).since == LATER


@pytest.mark.parametrize("job", ["zzz", "nightly:1", None, job_id("weekly", NOW), job_id("nightly", NOW), "nightly:x"])
def test_a_job_that_is_called_as_none_of_an_earlier_tick_holds_nothing_whatever_is_told(job: str | None) -> None:
    event = TickSkipped(reason=SkipReason.OVERLAP, first=NOW, last=NOW, number=1, job=job)

    assert after(SET, event).held_by is None


def test_a_tick_of_which_somebody_elses_job_has_the_id_is_told_once_with_that_job() -> None:
    tell = TellSkipped(SET.set_id, taken(LATER, "nightly:x"))

    told_of = done(SET, tell, LATER)

    assert (told_of.taken, told_of.since, told_of.held_by) == ("nightly:x", LATER, None)
    assert decide(told_of, tell) == []
    assert done(done(told_of, PauseSchedule()), ResumeSchedule()).taken is None


def test_what_cannot_be_read_or_happens_to_no_schedule_is_passed_over_and_told() -> None:
    events = sealed(*decide(NONE, SetSchedule(DAILY)), enqueued(), SchedulePaused(), stream=STREAM)

    whole, short = of_stream(STREAM, [one.raw for one in events]), of_stream(STREAM, [one.raw for one in events[:2]])

    assert (whole.problem, whole.head.version, whole.is_active) == (None, 3, False)
    assert short.problem is not None
    assert "no schedule" in short.problem
    assert (short.head.version, short.definition) == (2, DAILY)
    assert decide(short, SetSchedule(DAILY)) != []  # which makes it sure


def test_that_a_job_was_asked_for_changes_nothing() -> None:
    triggered = after(SET, ScheduleTriggered(job=job_id("nightly", NOW - timedelta(1))))

    assert replace(triggered, head=SET.head) == SET


@given(st.lists(st.sampled_from([SetSchedule(DAILY), SetSchedule(OFTEN), PauseSchedule(), ResumeSchedule()])))
def test_whatever_is_asked_a_second_time_at_once_is_no_event(commands: list[Command]) -> None:
    schedule = SET
    for command in commands:
        schedule = done(schedule, command)
        assert decide(schedule, command) == []


# What is missed

TICKS = [NOW + timedelta(minutes=number) for number in range(5)]
AT_TIME, TOO_LATE = TICKS[-1] + LATE, TICKS[-1] + LATE + timedelta(seconds=1)


@pytest.mark.parametrize("policy", list(Missed))
def test_a_tick_that_comes_at_its_time_is_made_whatever_the_policy(policy: Missed) -> None:
    chosen = choose(TICKS[-1:], policy, AT_TIME)

    assert (chosen.made, chosen.skipped) == (TICKS[-1:], None)


@pytest.mark.parametrize(
    ("policy", "now", "made"),
    [
        (Missed.SKIP, AT_TIME, TICKS[-1:]),
        (Missed.SKIP, TOO_LATE, []),
        (Missed.ONCE, TOO_LATE, TICKS[-1:]),
        (Missed.ALL, TOO_LATE, TICKS),
    ],
)
def test_of_several_that_are_due_the_policy_says_which_are_made(
    policy: Missed, now: datetime, made: list[datetime]
) -> None:
    chosen = choose(TICKS, policy, now)
    rest = TICKS[: len(TICKS) - len(made)]

    assert chosen.made == made
    if rest:
        assert chosen.skipped is not None
        assert (chosen.skipped.first, chosen.skipped.last, chosen.skipped.number) == (rest[0], rest[-1], len(rest))
    else:
        assert chosen.skipped is None


@pytest.mark.parametrize("policy", list(Missed))
def test_no_more_are_made_than_a_bound_and_that_there_were_more_is_told(policy: Missed) -> None:
    many = [NOW + timedelta(seconds=number) for number in range(MOST + 1)]

    chosen = choose(many, policy, many[-1] + timedelta(days=1))

    assert len(chosen.made) == {Missed.SKIP: 0, Missed.ONCE: 1, Missed.ALL: MOST}[policy]
    assert chosen.skipped is not None
    assert chosen.skipped.is_least


def test_a_tick_is_held_by_a_job_that_had_not_ended_at_its_time() -> None:
    assert free(TICKS, None) == []
    assert free(TICKS, TICKS[2]) == TICKS[2:]
    assert free(TICKS, TICKS[2] + timedelta(milliseconds=1)) == TICKS[3:]


# Names


@given(
    st.from_regex(r"[A-Za-z0-9._:][A-Za-z0-9._:-]{0,99}", fullmatch=True),
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_jobs_id_says_of_which_schedule_and_tick_it_is(name: str, at: datetime) -> None:
    tick = at.replace(microsecond=at.microsecond // 1000 * 1000)
    job = job_id(name, tick)

    assert check_schedule(job) == job if len(job) <= 100 else len(job) <= 128
    assert tick_of(job, stream_for(name)) == (name, tick)
    assert tick_of(job, None) is None
    assert tick_of(job, "another") is None
    assert tick_of(fresh_job_id(name, b"\xff" * 6), stream_for(name)) == (name, None)


def test_what_made_a_job_is_told_in_words() -> None:
    assert told("nightly:20260102T030405Z", STREAM) == "schedule nightly, tick of 2026-01-02T03:04:05Z"
    assert told("nightly:20260102T030405.500Z", STREAM) == "schedule nightly, tick of 2026-01-02T03:04:05.500Z"
    assert told("nightly:20261302T030405Z", STREAM) == "schedule nightly, triggered"
    assert told("other:20260102T030405Z", STREAM) == "schedule nightly, triggered"
    assert told("nightly:1", None) is None


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 101, "a\n", "x" * 1000])
def test_an_odd_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^name: "):
        check_schedule(name)


def test_a_removed_schedule_has_forgotten_what_it_was() -> None:
    removed = after(PAUSED, ScheduleRemoved())

    assert removed == Schedule(name="nightly", head=removed.head)
    assert not after(removed, ScheduleResumed()).is_active
