"""Rescue: buries incarnations whose lease is over, and brings their jobs back. A loop in any worker.

Processing jobs are read first, then incarnations; the scan repeats, so a claim that is projected late is found.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto

from eventqueue.errors import IllegalTransition, QueueError, Unavailable
from eventqueue.model.codec import seal
from eventqueue.model.events import Error, FailReason
from eventqueue.model.job import Command, DeadLetter, Fail, Job, decide
from eventqueue.model.lives import WorkerLost
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation, Incarnations, Registration
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.log import Append, EventLog
from eventqueue.steering.chronicle import tell
from eventqueue.system.process import is_alive, start_time
from eventqueue.worker.life.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

KEPT = timedelta(days=1)  # how long an incarnation that is gone is remembered
VIEWS_S, LOOK_S = 5.0, 0.1  # for how long, and how often, the views are looked at before somebody's loss is told
SAID_MAX = 1000  # whose trouble is remembered as told
HELD_MAX = 1000  # jobs that are told of: as many as a worker has slots at most, whatever a hand has put into the views


class Verdict(Enum):
    """What is to be done about an incarnation that the view shows holding claims."""

    LEAVE = auto()  # it lives, or there is no proof that it does not
    BURY = auto()  # and then bring its jobs back
    BRING_BACK = auto()  # it is buried: its jobs are yet to come back


def judge(found: Registration | None, *, seen_dead: bool, may_bury: bool) -> Verdict:
    """Return the verdict on an incarnation as it is registered; None: nobody knows it.

    `seen_dead`: its process was looked for here, and is gone; `may_bury`: an ended lease is proof.
    """
    if found is not None and found.buried_by is not None:
        return Verdict.BRING_BACK
    if seen_dead or (may_bury and (found is None or not found.is_live)):
        return Verdict.BURY
    return Verdict.LEAVE


class Rescue:
    """The rescue loop of incarnation `me`; buries by lease only once the database answered for a whole one."""

    def __init__(
        self,
        me: Incarnation,
        log: EventLog,
        clock: DatabaseClock,
        finder: JobFinder,
        incarnations: Incarnations,
    ) -> None:
        self._me = me
        self._log = log
        self._clock = clock
        self._finder = finder
        self._incarnations = incarnations
        self._said: dict[str, str] = {}  # of whom, what went wrong
        self._is_shown = False  # in this scan: whatever those who are lost have claimed, or it was waited for

    def run(self, stop: threading.Event, heartbeat: Heartbeat, lease_s: float, every_s: float) -> None:
        """Scan every `every_s` seconds until `stop` is set."""
        while not stop.wait(every_s):
            try:
                self.rescue_once(may_bury=heartbeat.has_answered_for(lease_s))
            except QueueError as error:
                logger.warning("rescue: %s", error)
            except Exception as error:  # whatever it is: if this ended, the process would, with all that it runs
                self._say("rescue", error)

    def rescue_once(self, *, may_bury: bool) -> None:
        """Scan once; without `may_bury` only incarnations that are seen dead on this machine are buried."""
        self._is_shown = False
        holders = self._finder.holders() - {self._me.id}
        gone = {one.worker.id for one in self._incarnations.gone()} - {self._me.id}  # that held nothing, too
        known = self._incarnations.get(holders | gone | {self._me.id})
        # Who was silent itself for a lease (stopped, or its machine asleep) cannot tell that others were not.
        may_bury = may_bury and self._me.id in known and known[self._me.id].is_live
        for holder in holders | gone:
            try:
                self._see_to(holder, known.get(holder), may_bury=may_bury)
            except Unavailable:
                raise
            except Exception as error:  # whatever it is: it is this one's, and the others' jobs are to come back
                self._say(f"worker {holder}", error)
        self._append([(job, DeadLetter()) for job in self._finder.unburied_failures()])
        if may_bury:  # then whoever is gone and held something has been buried just now
            self._incarnations.forget(self._clock.now() - KEPT)

    def _see_to(self, holder: str, found: Registration | None, *, may_bury: bool) -> None:
        seen_dead = found is not None and self._is_seen_dead(found.worker)
        verdict = judge(found, seen_dead=seen_dead, may_bury=may_bury)
        if verdict is Verdict.BURY and not self._bury(holder, seen_dead=seen_dead):
            return
        if verdict is not Verdict.LEAVE:
            self.bring_back(holder, found, seen_dead=seen_dead)

    def bring_back(self, holder: str, found: Registration | None, *, seen_dead: bool) -> None:
        """Have the log tell that a buried incarnation is lost, and fail the claims that the view shows it holding."""
        is_told = found is not None and found.is_told
        if not is_told:
            self._await_views()
        held = self._finder.held_by([holder])[holder]
        if not is_told:
            renewed_at = None if found is None else found.renewed_at
            ids = [job.id for job in self._in_log(held)]
            lost = WorkerLost(seen_dead=seen_dead, renewed_at=renewed_at, held=tuple(ids[:HELD_MAX]))
            tell(self._log, self._clock, holder, lost, self._me.actor)
            self._incarnations.note_told(holder)
        self._append([(job, lost_claim(job, found, self._me.id, chance=_chance())) for job in held])

    def _await_views(self) -> None:
        """Wait some seconds for the views to show what was claimed and settled last: it is told of once, for good."""
        if self._is_shown:
            return
        end, give_up = self._finder.end(), time.monotonic() + VIEWS_S
        while not self._finder.shows(end) and time.monotonic() < give_up:
            time.sleep(LOOK_S)
        self._is_shown = True

    def _in_log(self, held: Sequence[Job]) -> Sequence[Job]:
        """Return those of some jobs that the log, too, has as they are shown."""
        there = self._log.holds((job.stream, job.head) for job in held)
        moved = self._log.find_next((job.stream, job.version) for job in held)
        return [job for job in held if job.stream in there - moved]

    def _bury(self, holder: str, *, seen_dead: bool) -> bool:
        buried = self._incarnations.bury(holder, self._me.id, seen_dead=seen_dead)
        if buried:
            logger.warning("worker %s is lost: its jobs are brought back", holder)
        return buried

    def _is_seen_dead(self, worker: Incarnation) -> bool:
        return worker.place == self._me.place and _is_gone(worker.pid, worker.pid_started)

    def _append(self, lost: list[tuple[Job, Command]]) -> None:
        # The views may not be the log's (any more): what they show is asked of the log before anything follows from it.
        held = self._log.holds((job.stream, job.head) for job, _ in lost) if lost else set()
        appends = []
        for job, command in lost:
            if job.stream not in held:
                continue
            now = self._clock.now()
            try:
                events = decide(job, command, now)
                appends.append(Append(seal(job.stream, job.head, events, actor=self._me.actor, now=now)))
            except IllegalTransition:
                continue
            except Exception as error:  # as above
                self._say(f"job {job.id}", error)
        if appends:
            self._log.append(appends)  # one that conflicts was settled or rescued by someone else

    def _say(self, whose: str, error: Exception) -> None:
        """Tell what went wrong, once."""
        problem = f"{type(error).__name__}: {error}"
        if self._said.get(whose) != problem:
            logger.error("%s cannot be seen to: %s", whose, problem)
        if len(self._said) >= SAID_MAX:
            self._said.clear()
        self._said[whose] = problem


def _is_gone(pid: int, started: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, of whom /proc may show nothing: that proves nothing
        return start_time(pid) is not None and not is_alive(pid, started)
    return not is_alive(pid, started)


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter is no secret


def lost_claim(job: Job, found: Registration | None, by: str, *, chance: float) -> Fail:
    """Return the command that fails a job's claim whose worker is lost, as it is registered; `by`: who found that."""
    assert job.claim is not None
    return Fail(
        claim=job.claim,
        reason=FailReason.WORKER_LOST,
        error=Error(type="worker-lost", message="its worker died, or was silent for longer than its lease"),
        chance=chance,
        renewed_at=None if found is None else found.renewed_at,
        buried_by=(found and found.buried_by) or by,
    )
