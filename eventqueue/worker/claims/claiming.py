"""How a worker comes to its claims: from which queues and buckets, when to look for more, and on what evidence.

What it returns is a proposal of the views; the engine asks the log.
"""

import time
from collections.abc import Iterable, Sequence

from eventqueue.model.codec import bucket_of
from eventqueue.model.events import stream_of
from eventqueue.model.job import Job
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.ports.finder import JobAt, JobFinder, Ready, Share, Signal
from eventqueue.ports.log import EventLog
from eventqueue.steering.pauses import Pauses
from eventqueue.worker.claims.fetch import Fetch
from eventqueue.worker.claims.knowing import Knowing
from eventqueue.worker.claims.ownership import Ownership
from eventqueue.worker.claims.prospects import Prospect, Prospects
from eventqueue.worker.claims.serving import Serving
from eventqueue.worker.life.heartbeat import Beat

LOOK_S = 0.25  # at the queue's head, for jobs that wait behind another worker
LOOK_AT, LOOK_MAX = 16, 256
LONG = 64  # events of a job
PORTION_MAX = 1024  # jobs that are read at once where none of those before can be run here
PASS_S = 0.5  # for how long jobs of paused queues are passed over before what was found is claimed
SKEW_S = 5.0  # between the database's clock and the time of its log: what is forgotten too early is tried in vain


class Claiming:
    """The candidates of incarnation `me`. Not safe across threads."""

    def __init__(self, me: Incarnation, finder: JobFinder, log: EventLog, clock: DatabaseClock) -> None:
        self._finder = finder
        self._clock = clock
        self._log = log
        self._serving = Serving(me.queues, Pauses(log))
        self._fetch = Fetch(finder, log)
        self._ownership = Ownership(me.id)
        self._prospects = Prospects()
        self._knowing = Knowing(me.name, me.tasks)
        self._generation: int | None = None  # of the views, as the last signal told
        self._is_sure = False  # that the views are those of the log: they may have been restored meanwhile
        self._next_look = 0.0
        self._look_at = LOOK_AT
        self._is_quiet = False

    def take(self, free: int) -> list[Job]:
        """Return up to `free` jobs to try; none where nothing has happened since there was none.

        Raises Unavailable where the views are not those of the log.
        """
        match self._prospects.now:
            case Prospect.NOTHING:
                return []
            case Prospect.THE_TOLD:
                return self._take_told(free)
            case Prospect.ANYTHING:
                return self._take_any(free)

    def _take_any(self, free: int) -> list[Job]:
        if not self._is_sure:
            self._make_sure()
        self._prospects.forget_names()
        found: list[Job] = []
        shares, give_up = self._shares(), time.monotonic() + PASS_S
        is_all, portion = True, 1
        try:
            while more := self._fetch.take(max(portion, free - len(found)), shares):
                known = self._known(more)
                # Behind very many that others are to run there is no getting in portions of a free slot.
                portion = 1 if known else min(PORTION_MAX, 2 * len(more))
                open_ = self._fitting(self._but_paused(known), free - len(found))
                found += open_
                # What a queue has that was paused just now is passed over until the projector has held it back.
                if len(found) == free or len(open_) == len(more):
                    break
                if time.monotonic() > give_up:
                    is_all = len(known) == len(more)
                    break
        except Exception:  # also of what nobody has thought of: what is found is another time's
            self._fetch.close()  # it has passed what is forgotten
            self._forget(found)
            raise
        if len(found) < free and is_all:
            self._prospects.reach_the_end()
        return found

    def _take_told(self, free: int) -> list[Job]:
        told = self._prospects.take_names()
        if not self._is_sure:
            self._make_sure()
        there = self._fetch.take_told(told, self._serving.named, free, self._clock.now())
        known = self._known(there)
        found = self._but_paused(known)
        # Who is missing may have no room here, or be due a moment later by this clock: the cursor will show.
        if len(found) - len(known) + len(there) == len(told):
            self._prospects.were_all()
        return found

    def _shares(self) -> Sequence[Share]:
        if not self._serving.named:
            return [self._ownership.share()]
        paused = self._serving.look(self._serving.named)
        open_ = [queue for queue in self._serving.named if queue not in paused]
        return [Share(queue, self._ownership.buckets(queue)) for queue in open_]

    def _known(self, found: Sequence[Job]) -> Sequence[Job]:
        """Return those that can be run here; of the others it is remembered that they cannot."""
        known = self._knowing.but_unknown(found)
        if len(known) < len(found):
            self._fetch.pass_over({job.id for job in found} - {job.id for job in known})
        return known

    def _fitting(self, found: Sequence[Job], free: int) -> Sequence[Job]:
        """Return as many as are free, the first; the others are found again, by another cursor."""
        if len(found) > free:
            self._forget(found[free:])
            self._fetch.close()
        return found[:free]

    def _but_paused(self, found: Sequence[Job]) -> list[Job]:
        try:
            paused = self._serving.look({job.queue for job in found})
        except Exception:
            self._forget(found)
            raise
        self._forget(job for job in found if job.queue in paused)
        return [job for job in found if job.queue not in paused]

    def _forget(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._fetch.forget(job.id)

    def _make_sure(self) -> None:
        behind = self._clock.now() - self._finder.vouch()
        self._fetch.forget_before(time.monotonic() - behind.total_seconds() - SKEW_S)
        self._is_sure = True

    def untried(self, job_id: str) -> None:
        """Let a job that was taken be taken again: no append was sent for it."""
        self._fetch.forget(job_id)

    def next_at(self) -> float:
        """Return when there is something to do next, in monotonic seconds; it may be past."""
        next_ = self._prospects.next_at
        return next_ if self._is_quiet else min(next_, self._next_look)

    def close(self) -> None:
        """Give the cursor back."""
        self._fetch.close()

    # News

    def heard_signal(self, signal: Signal) -> None:
        """Look again where a signal tells of something to claim, or of a queue that was paused or resumed."""
        self._is_quiet = False
        if signal.generation is not None:
            if self._generation not in (None, signal.generation):
                self._fetch.forget_all()
                self._prospects.open()
            self._generation = signal.generation
            self._finder.follow(signal.generation)
        if signal.switched:
            self._serving.expire()
            self._prospects.open()
        for ready in signal.ready:
            self._heard_ready(ready)

    def _heard_ready(self, ready: Ready) -> None:
        # One with a long history is found in the view: to read it all from the log at each retry would be quadratic.
        is_brief = ready.jobs is not None and all(at <= LONG for _, at in ready.jobs)
        own = self._own(ready.queue, ready.jobs) if ready.queue and ready.jobs is not None and is_brief else None
        # Only if some are this worker's to claim: else each job would have all of them look.
        if own == set() or not self._serving.concerns(ready.queue) or not self._fetch.waits_for(ready):
            return
        if own is None:
            self._prospects.open()
        if own is None or not self._prospects.hear_of(own):
            self._fetch.close()

    def _own(self, queue: str, jobs: Iterable[JobAt]) -> set[str]:
        """Return which of these jobs are this worker's to claim, but for those that it has tried: it is told twice."""
        buckets = self._ownership.buckets(queue)
        own = {(job, at) for job, at in jobs if bucket_of(stream_of("job", job)) in buckets}
        return {job for job, at in own if not self._fetch.has_tried(job, at)}

    def heard_beat(self, beat: Beat) -> None:
        """Spread the buckets over who lives now; and make sure of everything again, as at the first claim."""
        self._is_sure = False  # the driver connects anew without a word
        self._serving.forget()
        self._is_quiet = False
        if self._ownership.heartbeat(beat.live):
            self._prospects.open()

    def doubt(self) -> None:
        """Make sure that the views are those of the log before the next claim: something went wrong."""
        self._is_sure = False

    # Evidence

    def look(self) -> None:
        """Look at the queues' overall heads for jobs that wait behind an owner without room."""
        now = time.monotonic()
        if now < self._next_look or self._is_quiet:
            return
        self._next_look = now + LOOK_S
        heads = self._finder.heads(self._shares(), self._look_at)
        self._is_quiet = not heads  # behind those that are not for us, or not now, there may be others
        known = self._knowing.but_unknown(heads)
        if len(known) == len(heads):
            self._look_at = LOOK_AT
        elif not known:  # behind all these, which others are to run, one may wait that nobody else looks for
            self._look_at = min(2 * self._look_at, LOOK_MAX)
        paused = self._serving.look({job.queue for job in known})
        heads = [job for job in known if job.queue not in paused]
        overdue = self._ownership.overdue(heads, self._fetch.position, now)
        # The view may lag: what the log has gone on with does not wait.
        gone = self._log.find_next([(job.stream, job.version) for job in overdue]) if overdue else set()
        if waiting := [job for job in overdue if job.stream not in gone]:
            self._ownership.adopt(waiting)
            self._prospects.open()
