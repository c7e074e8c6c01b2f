"""A schedule as a ticker follows it: up to when its ticks are done, and when the next one is."""

from datetime import datetime

from eventqueue.schedules.events import Overlap
from eventqueue.schedules.missed import LATE
from eventqueue.schedules.rule import Rule
from eventqueue.schedules.schedule import Definition, Schedule
from eventqueue.steering.schedules import rule_of


class Course:
    """The way of an active schedule; nothing of it is kept but here, so that a new ticker begins with asking the log.

    `made`: the job of the last tick that became one, as far as that `is_known`.
    """

    def __init__(self, schedule: Schedule, now: datetime, made: str | None = None) -> None:
        """Begin where the schedule does, but no later than now. Raises InvalidInput where its times cannot be told."""
        assert schedule.definition is not None
        assert schedule.since is not None
        self.definition: Definition = schedule.definition
        self.rule: Rule = rule_of(schedule.definition)
        self.schedule = schedule
        self.made = made
        self.is_known = False
        self.next_at: datetime | None = None
        # An event with a date that is yet to come, whoever put it there, holds no tick back; one that was stamped just
        # now, by a clock that is a little ahead, does: of ticks before it is none its schedule's.
        self.done = schedule.since if schedule.since <= now + LATE else now
        self.move(self.done)

    @property
    def holds(self) -> bool:
        """Whether no job is made beside one that has not ended."""
        return self.definition.overlap is Overlap.SKIP

    @property
    def last(self) -> str | None:
        """The job of the last tick that is known to have become one: made, or told of as the one that holds ticks."""
        # What is told of is known however many ticks ago it was made. Ids of a schedule's jobs sort as their ticks do.
        return max((one for one in (self.made, self.schedule.held_by) if one is not None), default=None)

    def move(self, done: datetime) -> None:
        """Have all ticks up to a moment done with."""
        self.done = done
        self.next_at = next(self.rule.after(done), None)

    def tell(self, schedule: Schedule) -> None:
        """Take in that ticks were told of as skipped: the schedule stands like that now, and they are done with."""
        self.schedule = schedule
        if schedule.since is not None and schedule.since > self.done:
            self.move(schedule.since)

    def is_due(self, now: datetime) -> bool:
        """Whether a tick has come."""
        return self.next_at is not None and self.next_at <= now

    def is_late(self, now: datetime) -> bool:
        """Whether the tick that has come was missed."""
        return self.next_at is not None and now - self.next_at > LATE

    def goes_on(self, schedule: Schedule) -> bool:
        """Whether the schedule, as it stands now, has this way before it still."""
        is_same = schedule.is_active and schedule.set_id == self.schedule.set_id
        if not is_same or schedule.since is None:
            return False
        return schedule.since <= self.done or schedule.since == self.schedule.since
