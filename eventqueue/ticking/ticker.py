"""The ticker: makes the jobs of schedules at their times. Any number of them may run, and none leads.

What each makes has an id made of (schedule, tick), so that of all who try one makes it. Schedules are looked at where
a signal says so, and all of them once a minute; between that nothing is asked but, at a tick, whether its schedule is
still the same.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue

from eventqueue.errors import QueueError, Unavailable
from eventqueue.ports.finder import SignalFeed
from eventqueue.ports.footing import Footing
from eventqueue.schedules.missed import taken
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import job_id
from eventqueue.steering.schedules import ever, gone_on, later
from eventqueue.ticking.choosing import Choosing, is_asked_for
from eventqueue.ticking.course import Course
from eventqueue.ticking.making import BATCH, Made, Wanted, make

logger = logging.getLogger(__name__)

CHOOSING_S = 0.05  # before the jobs of the ticks that were chosen are made
BUSY_S = 1.0  # before it is heard what is new
LOOK_S = 60.0  # between two looks at all schedules: a signal may be lost
DOZE_S = 10.0  # a machine may sleep meanwhile, which a wait does not count
HEAR_S = 8.0  # for a signal, before it is waited for anew: less than a call may take
AGAIN_S = 1.0  # after trouble with the database

TAKEN = "taken"  # as a reason, whatever the ids are


class Ticker:
    """Ticks for the schedules of `ground`, in the name of `actor`; `environ`: where settings may stand, too."""

    def __init__(self, ground: Footing, signals: SignalFeed, actor: str, environ: Mapping[str, str]) -> None:
        self._ground = ground
        self._signals = signals
        self._actor = actor
        self._environ = environ
        self._choosing = Choosing(ground, actor)
        self._courses: dict[str, Course] = {}
        self._seen: dict[str, Schedule] = {}  # all that were looked at, also those that are paused or removed
        self._news: SimpleQueue[str | None] = SimpleQueue()  # schedules that changed; None: look at all of them
        self._woken = threading.Event()
        self._look_at = time.monotonic()
        self._stop = threading.Event()
        self._said: dict[str, str] = {}  # trouble, by the schedule's name; "": with all

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop` is set, and this is woken; what fails is logged, and tried again."""
        self._stop = stop
        threading.Thread(target=self._listen, args=(stop,), name="schedules", daemon=True).start()
        while not stop.is_set():
            try:
                pause = self.step()
                self._said.pop("", None)
            except Exception as error:  # whatever it is: if this ended, no schedule would go on, and all else would
                if not stop.is_set():  # else its connection was closed under it
                    self._warn("", f"schedules stand still: {_words(error)}")
                pause = AGAIN_S
            self._woken.wait(pause)
            self._woken.clear()

    def wake(self) -> None:
        """Have `run` look at once whether there is something to do, or nothing more."""
        self._woken.set()

    def step(self) -> float:
        """Make what is due; return how long to wait before the next step, in seconds."""
        self._tick_due()
        self._hear()  # only now: to look at all schedules may take longer than a tick is to wait
        self._tick_due()
        look_s = max(0.0, self._look_at - time.monotonic())
        coming = [one.next_at for one in self._courses.values() if one.next_at is not None]
        if not coming:
            return look_s
        return min(look_s, DOZE_S, max(0.0, (min(coming) - self._ground.clock.now()).total_seconds()))

    # Ticks

    def _tick_due(self) -> None:
        until = time.monotonic() + BUSY_S
        while not self._stop.is_set() and (due := self._due(now := self._ground.clock.now())):
            self._tick(due, now)
            if time.monotonic() > until and (self._look_at <= time.monotonic() or not self._news.empty()):
                return

    def _due(self, now: datetime) -> Sequence[Course]:
        """Return the schedules with a tick that has come, the longest first, but behind all that are on time those
        that make up for what was missed, however much that is; and behind all others those asked for.
        """
        due = [one for one in self._courses.values() if one.is_due(now)]
        return sorted(due, key=lambda one: (*_kind(one, now), one.next_at or now))

    def _tick(self, due: Sequence[Course], now: datetime) -> None:
        """Make the jobs of ticks that have come, unless one of the schedules has changed: then it is looked at anew.

        Of as many as are chosen in CHOOSING_S, of each kind one at least: then others have ticks, too.
        """
        if gone := gone_on(self._ground.log, [one.schedule for one in due]):
            for schedule in gone.values():
                self._follow(schedule)
            return
        chosen, wanted = self._chosen(due, now)
        made = make(self._ground, wanted, self._actor, self._environ) if wanted else []
        for one in made:
            self._note(one)
        for course, done in chosen:
            course.move(done)

    def _chosen(self, due: Sequence[Course], now: datetime) -> tuple[Sequence[tuple[Course, datetime]], list[Wanted]]:
        """Return the schedules that were chosen for, each with up to when, and the jobs that they are to have.

        Of one no more than BATCH jobs: the others it has next time, when others have had theirs.
        """
        chosen: list[tuple[Course, datetime]] = []
        wanted: list[Wanted] = []
        kinds, until = set[tuple[bool, bool]](), time.monotonic() + CHOOSING_S
        for course in due:
            if (kind := _kind(course, now)) in kinds and (time.monotonic() >= until or len(wanted) >= BATCH):
                continue
            some = self._wanted(course, now)
            wanted += some[:BATCH]
            # In order, so that who begins anew finds all that is missing behind the last one that was made.
            chosen.append((course, now if len(some) <= BATCH else some[BATCH - 1].tick or now))
            kinds.add(kind)
        return chosen, wanted

    def _note(self, made: Made) -> None:
        """Take in what became of a tick's job; where it is none, tell that."""
        schedule, job = made.wanted.schedule, made.wanted.id
        if made.error is not None:
            self._warn(schedule.name, f"job {job} is not made: {made.error}", str(made.error))
        elif made.is_taken:
            self._tell_taken(made.wanted)
        else:
            self._courses[schedule.name].made = job
            self._said.pop(schedule.name, None)  # what comes after that is new

    def _tell_taken(self, wanted: Wanted) -> None:
        name, untold = wanted.schedule.name, ""
        assert wanted.tick is not None
        try:
            self._choosing.tell(self._courses[name], taken(wanted.tick, wanted.id))
        except Unavailable:
            raise
        except Exception as error:  # of this schedule alone
            untold = f" (which cannot be told: {_words(error)})"
        said = f"a tick of schedule {name} becomes no job: {wanted.id} is one that it has not made{untold}"
        self._warn(name, said, TAKEN)

    def _wanted(self, course: Course, now: datetime) -> Sequence[Wanted]:
        name = course.schedule.name
        try:
            return [Wanted(course.schedule, job_id(name, at), at) for at in self._choosing.ticks(course, now)]
        except Unavailable:
            raise
        except Exception as error:  # of this schedule alone: the others go on
            self._warn(name, f"a tick of schedule {name} is passed over: {_words(error)}")
            return []

    # Schedules

    def _hear(self) -> None:
        """Take in which schedules there are, where something may have changed."""
        names = self._taken()
        try:
            is_all = None in names or time.monotonic() >= self._look_at
            for schedule in self._all() if is_all else [self._later(str(name)) for name in names]:
                self._follow(schedule)
        except BaseException:
            self._news.put(None)  # what was taken is still to be looked at
            raise

    def _all(self) -> Sequence[Schedule]:
        there = list(ever(self._ground.log, self._seen))
        self._look_at = time.monotonic() + LOOK_S
        gone = self._seen.keys() - {one.name for one in there}
        return [*there, *(Schedule(name=name) for name in gone)]

    def _later(self, name: str) -> Schedule:
        return later(self._ground.log, self._seen.get(name, Schedule(name=name)))

    def _taken(self) -> set[str | None]:
        names: set[str | None] = set()
        while True:
            try:
                names.add(self._news.get_nowait())
            except Empty:
                return names

    def _follow(self, schedule: Schedule) -> None:
        """Go on with a schedule as it stands now, or anew, or no more."""
        self._seen[schedule.name] = schedule
        before = self._courses.pop(schedule.name, None)
        if before is not None and before.goes_on(schedule):
            before.schedule = schedule
            self._courses[schedule.name] = before
        elif schedule.is_active:
            now = self._ground.clock.now()
            try:
                self._courses[schedule.name] = Course(schedule, now, None if before is None else before.made)
            except Exception as error:  # a zone that is unknown here, perhaps, and known to others
                self._warn(schedule.name, f"schedule {schedule.name} stands still here: {_words(error)}")

    def _listen(self, stop: threading.Event) -> None:
        """Pass on what signals tell of schedules; where they fail all is looked at again."""
        while not stop.is_set():
            try:
                signals = self._signals.follow(HEAR_S)
                self._tell(None)  # what has changed before is told by no signal
                for one in signals:
                    for name in () if one is None else one.scheduled:
                        self._tell(name)
                    if stop.is_set():
                        return
            except Exception as error:  # for who may not read them, too
                logger.debug("signals fail, and are followed anew: %s", _words(error))
            stop.wait(AGAIN_S)

    def _tell(self, name: str | None) -> None:
        self._news.put(name)
        self._woken.set()

    def _warn(self, name: str, said: str, why: str | None = None) -> None:
        """Say it, unless it was said last for the same reason `why`; None: that is all that is said."""
        why = said if why is None else why
        if self._said.get(name) != why:
            logger.warning("%s", said)
        self._said[name] = why


def _kind(course: Course, now: datetime) -> tuple[bool, bool]:
    """Return what it takes to have a schedule's ticks made: each kind waits for those of a lower one, and no longer."""
    return is_asked_for(course), course.is_late(now)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, QueueError) else f"{type(error).__name__}: {error}"
