"""Tampering with schedules: what is done to them, and what is told of their ticks."""

from datetime import UTC, datetime
from typing import Any

from eventqueue.model.events import Paused
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleSet,
    ScheduleTriggered,
    SkipReason,
    TickSkipped,
)
from tests.audit.tampering.acts import exchanging_what_they_say, inventing
from tests.audit.tampering.jobs import ALTERED, removing, setting
from tests.audit.tampering.kind import Act, Kind, in_all_ways, then
from tests.audit.tampering.others import BACKWARDS, OLD
from tests.audit.tampering.scene import put_next

SCHEDULES, STREAM, GHOST = "schedules", "schedule-nightly", "schedule-ghost"
FAR = datetime(9999, 12, 31, tzinfo=UTC)
TRIGGERED = "nightly:0a1b2c3d4e5f"
HOURLY = ScheduleSet(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, every=3600.0)
HOURS = "its `every` must be a second or more, and a hundred years at most"


def skipping(**said: Any) -> Act:
    """A hand that tells of ticks that were skipped."""
    usual = {"reason": SkipReason.MISSED, "first": OLD, "last": OLD, "number": 1}
    event = TickSkipped(**{**usual, **said})
    return put_next(STREAM, event)


def spanning(seconds: float) -> Act:
    """A hand that has a schedule's ticks come so many seconds after one another."""
    return then(setting(STREAM, 1, "data.cron", None), setting(STREAM, 1, "data.every", seconds))


KINDS: list[Kind] = [
    *in_all_ways(
        SCHEDULES,
        "what a schedule makes is altered",
        STREAM,
        setting(STREAM, 1, "data.fields.command", "rm -rf /"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        SCHEDULES,
        "when a schedule's ticks are is altered",
        STREAM,
        setting(STREAM, 1, "data.cron", "0 3 * * *"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        SCHEDULES,
        "a schedule's ticks get to be at no time",
        STREAM,
        setting(STREAM, 1, "data.cron", "61 2 * * *"),
        dict.fromkeys(("plain", "hashes"), "its `cron` '61 2 * * *' is no cron expression"),
    ),
    *in_all_ways(
        SCHEDULES,
        "a schedule gets a span beside its cron expression",
        STREAM,
        setting(STREAM, 1, "data.every", 60.0),
        dict.fromkeys(("plain", "hashes"), "its `cron` must be given, or else every"),
    ),
    *in_all_ways(
        SCHEDULES,
        "a schedule loses its cron expression",
        STREAM,
        setting(STREAM, 1, "data.cron", None),
        dict.fromkeys(("plain", "hashes"), "its `cron` must be given, or else every"),
    ),
    *in_all_ways(
        SCHEDULES,
        "a schedule gets a span that is none",
        STREAM,
        spanning(float("nan")),
        dict.fromkeys(("plain", "hashes"), HOURS),
    ),
    *in_all_ways(
        SCHEDULES,
        "a schedule gets a span that has no end",
        STREAM,
        spanning(1e308),
        dict.fromkeys(("plain", "hashes"), HOURS),
    ),
    *in_all_ways(
        SCHEDULES,
        "all that was missed is made of a schedule of which no jobs are to overlap",
        STREAM,
        setting(STREAM, 1, "data.missed", "all"),
        dict.fromkeys(("plain", "hashes"), "its `missed` cannot be all"),
    ),
    *in_all_ways(
        SCHEDULES,
        "who did it to a schedule is altered",
        STREAM,
        setting(STREAM, 2, "actor", "mallory"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        SCHEDULES,
        "an event of a schedule is dated before the one before it",
        STREAM,
        setting(STREAM, 2, "at", OLD),
        dict.fromkeys(("plain", "hashes"), BACKWARDS),
    ),
    *in_all_ways(
        SCHEDULES,
        "that a schedule was paused is deleted",
        STREAM,
        removing(STREAM, 2),
        dict.fromkeys(("plain", "hashes"), "version 3 stands where version 2 belongs"),
    ),
    *in_all_ways(
        SCHEDULES,
        "that a schedule was paused is deleted, and the others are counted anew",
        STREAM,
        then(removing(STREAM, 2), lambda scene: scene.renumber(STREAM)),
        dict.fromkeys(("plain", "hashes"), "`schedule-resumed` is not legal for a schedule that is active"),
    ),
    *in_all_ways(
        SCHEDULES,
        "that a schedule was set is deleted, and the others are counted anew",
        STREAM,
        then(removing(STREAM, 1), lambda scene: scene.renumber(STREAM)),
        dict.fromkeys(("plain", "hashes"), "`schedule-paused` is not legal for a schedule that is not there"),
    ),
    *in_all_ways(
        SCHEDULES,
        "a pause of a schedule and its end change places, but for their times",
        STREAM,
        exchanging_what_they_say(STREAM, 2, 3),
        dict.fromkeys(("plain", "hashes"), "`schedule-resumed` is not legal for a schedule that is active"),
    ),
    Kind(SCHEDULES, "the last event of a schedule is deleted", removing(STREAM, 4)),
    Kind(SCHEDULES, "all of a schedule is deleted", removing(STREAM)),
    Kind(SCHEDULES, "a schedule is invented, stamped as an old one", inventing(GHOST, HOURLY)),
    Kind(
        SCHEDULES,
        "a schedule is paused that never was",
        inventing(GHOST, SchedulePaused(why="x")),
        "`schedule-paused` is not legal for a schedule that is not there",
    ),
    Kind(
        SCHEDULES,
        "a schedule is removed that never was",
        inventing(GHOST, ScheduleRemoved()),
        "`schedule-removed` is not legal for a schedule that is not there",
    ),
    Kind(
        SCHEDULES,
        "ticks of a schedule are skipped that never was",
        inventing(GHOST, TickSkipped(reason=SkipReason.MISSED, first=OLD, last=OLD, number=1)),
        "`tick-skipped` is not legal for a schedule that is not there",
    ),
    Kind(
        SCHEDULES,
        "a schedule gets a name that is none",
        inventing("schedule-a b/../c", HOURLY),
        "it is the stream of no schedule",
    ),
    Kind(SCHEDULES, "fewer ticks than none are told of", skipping(number=-5), "it tells of -5 ticks"),
    Kind(
        SCHEDULES,
        "ticks are told of that end before they begin",
        skipping(first=datetime(2002, 1, 1, tzinfo=UTC)),
        "the first tick that it tells of is behind the last",
    ),
    Kind(
        SCHEDULES,
        "ticks that are yet to come are told of as missed",
        skipping(last=FAR),
        "it tells of a tick that had not come",
    ),
    Kind(
        SCHEDULES,
        "a schedule is held by a job that is none of its own",
        skipping(reason=SkipReason.OVERLAP, job="waits"),
        "it names no job of an earlier tick",
    ),
    Kind(
        SCHEDULES,
        "a tick is said to be taken by a job that is called otherwise",
        skipping(reason=SkipReason.TAKEN, job="waits"),
        "it names no job with the id of its tick's",
    ),
    Kind(
        SCHEDULES,
        "a job is said to be triggered that is called as none of the schedule's",
        put_next(STREAM, ScheduleTriggered(job="waits")),
        "it names job waits, which is called as none of the schedule's",
    ),
    Kind(
        SCHEDULES,
        "a job is said to be triggered that never was",
        put_next(STREAM, ScheduleTriggered(job="nightly:ffffffffffff")),
        "it names job nightly:ffffffffffff, of which the log has nothing",
    ),
    Kind(
        SCHEDULES,
        "a job is deleted that was triggered, views rewritten",
        then(removing(f"job-{TRIGGERED}"), lambda scene: scene.rewrite_views()),
        f"it names job {TRIGGERED}, of which the log has nothing",
    ),
    Kind(
        SCHEDULES,
        "an event of another kind of stream is put at the end of a schedule",
        put_next(STREAM, Paused(why="x")),
        "`paused` is no event of a `schedule` stream",
    ),
    Kind(
        SCHEDULES,
        "an event is put beyond the end of a schedule",
        put_next(STREAM, SchedulePaused(), _id={"stream": STREAM, "version": 9}),
        "version 9 stands where version 5 belongs",
    ),
]
