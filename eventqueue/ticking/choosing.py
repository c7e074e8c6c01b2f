"""Which ticks of a schedule become jobs now: what the log has of earlier ones is asked where it matters."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import reduce

from msgspec.structs import replace

from eventqueue.errors import LogCorrupt
from eventqueue.log.insist import Decision, insist
from eventqueue.model.codec import EPOCH
from eventqueue.model.events import Cancelled, Completed, DeadLettered, stream_of
from eventqueue.ports.footing import Footing
from eventqueue.schedules.events import SkipReason, TickSkipped
from eventqueue.schedules.missed import LATE, MOST, choose, free, skipped
from eventqueue.schedules.rule import Cron, latest, number
from eventqueue.schedules.schedule import Schedule, TellSkipped, decide, evolve
from eventqueue.schedules.ticks import job_id, stream_for, tick_of
from eventqueue.steering.schedules import later
from eventqueue.ticking.course import Course
from eventqueue.ticking.evidence import foreign, made_between

ENDS = Completed | DeadLettered | Cancelled
WAITED = timedelta(seconds=5)  # for so long it is known what others had acknowledged
LOOKS = (1, 10, 100, MOST + 1)  # ticks that are looked back at, until one of them is found to have become a job
COUNTED = 10_000  # ticks of a cron expression, which have to be gone through, that are told of by their number
SECOND = timedelta(seconds=1)  # between two ticks at least


def is_asked_for(course: Course) -> bool:
    """Whether the log is asked at its next tick what became of earlier ones, which takes its time."""
    return course.holds and not course.is_known


class Choosing:
    """Chooses for a ticker, and tells the log, in the name of `actor`, of ticks that become no jobs."""

    def __init__(self, ground: Footing, actor: str) -> None:
        self._ground = ground
        self._log = ground.log
        self._actor = actor
        self._waited_at: datetime | None = None

    def ticks(self, course: Course, now: datetime) -> Sequence[datetime]:
        """Return the ticks of a schedule, up to `now`, that are to become jobs. Raises Unavailable."""
        due: Sequence[datetime] = latest(course.rule, course.done, now, 2)
        # One tick at its time need not be asked for: if another has made it, the append finds out.
        if len(due) > 1 or (due and now - due[-1] > LATE) or is_asked_for(course):
            self._wait_for_others(due[-1] if due else now)
            due = self._not_made(course, now)
        if course.holds:
            due = self._not_held(course, due)
        if not due:
            return []
        chosen = choose(due, course.definition.missed, now)
        if chosen.skipped is not None:
            is_all = len(due) <= MOST or course.holds  # of one that holds, who knows how long its last job took
            self.tell(course, chosen.skipped if is_all else self._with_earlier(course, chosen.skipped))
        return chosen.made

    def _with_earlier(self, course: Course, event: TickSkipped) -> TickSkipped:
        """Return what is told of skipped ticks with those, too, that have come before them since a job was made."""
        made = None if course.made is None else tick_of(course.made, stream_for(course.schedule.name))
        begin = max(course.done, made[1] if made is not None and made[1] is not None else EPOCH)
        earlier = number(course.rule, begin, event.first, COUNTED) - 1
        first = next(course.rule.after(begin), event.first)
        is_least = isinstance(course.rule, Cron) and earlier + 1 == COUNTED
        return replace(event, first=first, number=event.number + earlier, is_least=is_least)

    def _not_made(self, course: Course, now: datetime) -> Sequence[datetime]:
        """Return the ticks behind the last one that became a job, whoever made it."""
        # Also for one from before it was set anew or resumed, of which the job may not have ended yet.
        begin = min(self._begun(course), course.done) if is_asked_for(course) else course.done
        ticks, made = self._look_back(course, begin, now)
        course.is_known = True
        if made is not None:
            course.made = job_id(course.schedule.name, made)
        return [at for at in ticks if at > course.done and (made is None or at > made)]

    def _look_back(self, course: Course, begin: datetime, now: datetime) -> tuple[Sequence[datetime], datetime | None]:
        """Return the last ticks behind `begin`, and the last one that became a job: the log is asked for the ids.

        First for few: nearly always the last one is there, and to work out a thousand takes its time.
        """
        ticks: Sequence[datetime] = ()
        for most in LOOKS:
            ticks = latest(course.rule, begin, now, most)
            made = self._last_made(course.schedule, ticks)
            if made is not None or len(ticks) < most:
                return ticks, made
        # By its name, however long ago it was.
        return ticks, made_between(self._log, course.schedule, max(begin, EPOCH + SECOND) - SECOND, ticks[0])

    def _wait_for_others(self, tick: datetime) -> None:
        """Have what others have made of a tick's time be there, so that what is absent was missed.

        Once for all that come at the same time: it takes a tenth of a second.
        """
        now = self._ground.clock.now()
        if self._waited_at is None or not tick <= self._waited_at <= now <= self._waited_at + WAITED:
            self._log.await_acknowledged()
            self._waited_at = now

    def _begun(self, course: Course) -> datetime:
        """Return when the schedule's stream began: no tick from before that is its."""
        stream = stream_for(course.schedule.name)
        first = self._log.read_many([stream], most=1).get(stream)
        return first[0].at if first else EPOCH

    def _last_made(self, schedule: Schedule, ticks: Sequence[datetime]) -> datetime | None:
        """Return the last one of these ticks of which the schedule has made a job."""
        streams = {stream_of("job", job_id(schedule.name, at)): at for at in ticks}
        there = [streams[stream] for stream in self._log.find_next((stream, 0) for stream in streams)]
        last_first = sorted(there, reverse=True)
        return next((at for at in last_first if not self._is_foreign(schedule, job_id(schedule.name, at))), None)

    def _is_foreign(self, schedule: Schedule, job: str) -> bool:
        return bool(foreign(self._log, [(schedule, job)]))

    def _not_held(self, course: Course, due: Sequence[datetime]) -> Sequence[datetime]:
        """Return the ticks at which the job of the last one before them had ended; of the others the log is told."""
        last = course.last
        if last is not None and last != course.made and self._is_foreign(course.schedule, last):
            last = course.made
        if last is None or not due:
            return due
        going = free(due, self._ended_at(last))
        held = due[: len(due) - len(going)]
        if held:
            event = skipped(SkipReason.OVERLAP, held, job=last)
            self.tell(course, event if len(due) <= MOST else self._with_earlier(course, event))
        return going

    def _ended_at(self, job: str) -> datetime | None:
        with suppress(LogCorrupt):  # of one that nobody can read nothing is waited for
            if (last := self._log.read_last(stream_of("job", job))) is None:
                self._log.await_acknowledged()  # it was made, and a new primary may not show it yet
                last = self._log.read_last(stream_of("job", job))
            if last is not None:
                return last.at if isinstance(last.event, ENDS) else None
        return EPOCH

    def tell(self, course: Course, event: TickSkipped) -> None:
        """Tell the log of ticks that become no jobs, unless it is told already. Raises LogUnavailable."""
        there, command = course.schedule, TellSkipped(course.schedule.set_id, event)

        def decided() -> Decision:
            nonlocal there
            there = later(self._log, there)
            return there.head, decide(there, command)

        stream = stream_for(course.schedule.name)
        append = insist(self._log, stream, decided, actor=self._actor, now=self._ground.clock.now)
        # Where something else has happened as well, the schedule is to be looked at anew.
        if append is not None and there.head == course.schedule.head:
            course.tell(reduce(evolve, append.recorded, there))
