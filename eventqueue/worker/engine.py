"""The worker's engine: claims jobs for its free slots, has them run, and settles what came of it.

Which jobs to claim is told by `claims`, what it answers for by `holdings`, whether it is to leave by `departure`.

One append a round: what ended since the last round and what is claimed now are different streams. All state is
touched by the engine's own thread alone; runners, heartbeat and signals put messages into its inbox.
"""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from eventqueue.errors import IllegalTransition, InvalidInput, LogCorrupt, QueueError
from eventqueue.model.codec import seal
from eventqueue.model.job import Claim, Command, Job, Release, State, decide, fold
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.mongo.outputs import Kept, Outputs
from eventqueue.ports.finder import JobFinder, Signal
from eventqueue.ports.log import Append, Appended, EventLog
from eventqueue.worker import outcome
from eventqueue.worker.aftermath import Aftermath
from eventqueue.worker.claims import prospects
from eventqueue.worker.claims.claiming import Claiming
from eventqueue.worker.departure import Departure
from eventqueue.worker.holdings import Held, Holdings, key_of
from eventqueue.worker.inbox import Inbox, Message, Stop
from eventqueue.worker.life.heartbeat import Beat, Buried
from eventqueue.worker.life.tenure import Tenure
from eventqueue.worker.narrator import Narrator
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.running.runner import KILL_GRACE_S, MakeRunner
from eventqueue.worker.shell.runner import ShellRunner

logger = logging.getLogger(__name__)

NO_RUNNER_S = 1.0  # without claims: others may be able to run them
NO_RUNNER_COUNT = 3  # in a row: this process will not have one any more
ODD_S = 1.0  # without claims, where something is wrong that nobody has thought of
BUSY_S = 1.0  # since its last append: a worker that may never come to idle
GATHER_S = 0.01  # between two appends while jobs run: what ends and begins meanwhile goes together in one
LOOK_AGAIN_S = 0.05  # once the grace is over


@dataclass(slots=True)
class Flight:
    """An append on its way, with what it is about; it is sent again as it is until its outcome is known."""

    append: Append
    before: Job
    held: Held | None = None  # None: a claim that is being made
    kept: Kept | None = None


class Ports(msgspec.Struct, frozen=True):
    """What the engine reaches outside itself."""

    log: EventLog
    clock: DatabaseClock
    finder: JobFinder
    outputs: Outputs


class Engine:
    """One worker incarnation with its slots; call `step` until it returns False.

    `fatal`: the exit codes after which a job is not tried again.
    """

    def __init__(
        self,
        me: Incarnation,
        ports: Ports,
        tenure: Tenure,
        narrator: Narrator,
        make_runner: MakeRunner = ShellRunner.telling,
        *,
        fatal: Collection[int] = (),
    ) -> None:
        self._me = me
        self._ports = ports
        self._tenure = tenure
        self._narrator = narrator
        self._fatal = fatal
        self._runner = make_runner(self.tell)
        self._claiming = Claiming(me, ports.finder, ports.log, ports.clock)
        self._inbox = Inbox()
        self._held = Holdings(me.concurrency)
        self._departure = Departure()
        self._aftermath = Aftermath(me, ports.log, ports.clock, ports.outputs)
        self._flights: list[Flight] = []
        self._suspects: set[str] = set()  # what the view showed as ours at the last heartbeat, but is not held
        self._pause = 0.0
        self._sent_at = float("-inf")
        self._claim_from = float("-inf")
        self._without_runner = 0  # how often in a row one was of no use
        self._round_at = time.monotonic()
        self._wondered: str | None = None  # what was odd, which is told once

    @property
    def round_at(self) -> float:
        """When it began its last round, in monotonic seconds."""
        return self._round_at

    @property
    def was_stopped(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._departure.was_asked

    # What other threads call

    def tell(self, message: Message) -> None:
        """Put a message into the inbox. Safe across threads."""
        self._inbox.put(message)

    def extend(self, left_s: float) -> None:
        """Have all that runs killed after `left_s` seconds, unless extended again. Safe across threads."""
        self._runner.extend(left_s)

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """Return what a run has written by now. Safe across threads, and for those alone."""
        return self._runner.so_far(key)

    # The loop

    def run(self) -> bool:
        """Work until stopped, buried or of no use; True if it was stopped, and every claim was settled or released."""
        try:
            while self.step():
                pass
        finally:
            self._claiming.close()
            self._runner.close()
        is_well = not self._departure.is_buried and not self._departure.is_of_no_use
        return is_well and not self._held and not self._flights

    def step(self) -> bool:
        """Do one round, or wait until there is something to do; False when this incarnation is done."""
        self._round_at = time.monotonic()
        self._hear()
        if self._departure.grace_is_over:
            self._kill(self._held.hand_back("its worker was stopped"), KILL_GRACE_S)
        if self._is_done():
            return False
        try:
            self._round()
        except QueueError as error:
            self._claiming.doubt()
            self._pause = min(1.0, 2 * self._pause or 0.1)
            logger.warning("worker %s: %s", self._me.name, error)
            self._inbox.wait(self._pause)
        return True

    def _is_done(self) -> bool:
        is_empty = not (self._held or self._flights or self._aftermath.is_pending)
        return self._departure.is_overdue or (self._departure.is_near and is_empty)

    def _round(self) -> None:
        if (left_s := self._sent_at + GATHER_S - time.monotonic()) > 0 and (runs := self._gathers()):
            return self._inbox.gather(runs, left_s)
        if not self._flights:
            self._take_off()
        if self._flights:
            self._send()
        elif self._aftermath.is_pending:
            self._aftermath.step()
        else:
            self._seek(self._look)  # only now: a job that comes to an idle worker does not wait for it
            self._inbox.wait(self._patience())
        self._pause = 0.0
        return None

    def _gathers(self) -> int:
        """Return how many runs may bring more before the next append; 0 where none is waited for."""
        return 0 if self._flights or self._departure.is_near else len(self._held.running)

    def _take_off(self) -> None:
        # Settles are kept when looking for claims fails: they need no view.
        self._flights += self._settles()
        if time.monotonic() - self._sent_at < BUSY_S:
            self._seek(self._look)  # not only when idle: who has a backlog of its own never is
        self._seek(self._claim)

    def _claim(self) -> None:
        self._flights += self._claims()

    def _seek(self, seek: Callable[[], None]) -> None:
        """Look for what may be claimed: whatever is odd about that, what runs goes on, and is settled."""
        try:
            seek()
        except QueueError:
            raise
        except Exception as error:
            self._claiming.doubt()
            self._claim_from = time.monotonic() + ODD_S
            self._wonder(error)

    def _wonder(self, error: Exception) -> None:
        if (problem := f"{type(error).__name__}: {error}") != self._wondered:
            logger.error("worker %s: %s", self._me.name, problem, exc_info=error)
        self._wondered = problem

    def _look(self) -> None:
        if self._may_claim():
            self._claiming.look()

    def _may_claim(self) -> bool:
        is_able = self._tenure.is_good and time.monotonic() >= self._claim_from
        return is_able and not self._departure.is_near and self._held.free > 0

    def _patience(self) -> float:
        now = time.monotonic()
        until = [now + prospects.POLL_S, max(self._departure.grace_ends_at, now + LOOK_AGAIN_S)]
        if self._may_claim():  # else only a message can bring something to do
            until.append(self._claiming.next_at())
        return max(0.0, min(until) - now)

    # Messages

    def _hear(self) -> None:
        for message in self._inbox.take():
            match message:
                case Started(key=key):
                    self._without_runner = 0
                    self._held.began(key)
                case Ended() as ended:
                    self._heard_end(ended)
                case Signal() as signal:
                    self._heard_signal(signal)
                case Beat() as beat:
                    self._heard_beat(beat)
                case Buried():
                    self._departure.bury()
                    self._kill(self._held.lost([*self._held]), grace=0.0)
                case Stop(grace=grace):
                    self._departure.within(timedelta(seconds=grace))

    def _heard_end(self, ended: Ended) -> None:
        if (over := self._held.ended(ended)) is not None:
            self._aftermath.ended(outcome.end_of(over.job, ended))
        if ended.no_runner:
            self._has_no_runner(ended.problem or "")

    def _has_no_runner(self, problem: str) -> None:
        if time.monotonic() < self._claim_from:  # one that is gone, of which several runs tell
            return
        self._claim_from = time.monotonic() + NO_RUNNER_S
        self._without_runner += 1
        logger.warning("worker %s: %s", self._me.name, problem)
        if self._without_runner >= NO_RUNNER_COUNT:
            logger.error("worker %s can run nothing here: it leaves, so that another is started", self._me.name)
            self._departure.is_of_no_use = True

    def _heard_signal(self, signal: Signal) -> None:
        self._claiming.heard_signal(signal)
        for stop in signal.stopping:
            if stop.worker == self._me.id:
                self._stop_by(stop.by)
        if signal.cancelled and self._held.jobs & set(signal.cancelled):
            self._guarded(self._reconcile)

    def _heard_beat(self, beat: Beat) -> None:
        self._claiming.heard_beat(beat)
        if beat.stop_by is not None:
            self._stop_by(beat.stop_by)
        self._guarded(self._reconcile)
        self._guarded(self._release_strays)

    def _stop_by(self, at: datetime) -> None:
        self._departure.within(at - self._ports.clock.now())

    def _guarded(self, look: Callable[[], None]) -> None:
        try:
            look()
        except QueueError as error:
            logger.warning("worker %s: %s", self._me.name, error)
        except Exception as error:  # whatever it is: what runs goes on
            self._wonder(error)

    # Losing claims

    def _kill(self, runs: Collection[Held], grace: float) -> None:
        for held in runs:
            self._runner.kill(held.key, grace)

    def _reconcile(self) -> None:
        """Kill what the view shows as gone on beyond the claim held (an older view says nothing)."""
        running = self._held.running
        if running:
            shown = self._ports.finder.get([held.job.id for held in running])
            gone = [held for held in running if held.job.id in shown and shown[held.job.id].version > held.job.version]
            self._kill(self._held.lost(gone), KILL_GRACE_S)

    def _release_strays(self) -> None:
        """Release what the view shows at exactly a claim of ours that is not held, at two heartbeats in a row."""
        if self._flights:
            return
        ours = {key_of(job): job for job in self._ports.finder.held_by([self._me.id])[self._me.id]}
        strays = {key: job for key, job in ours.items() if key not in self._held and job.version == job.claim}
        suspects = [strays[key] for key in self._suspects & strays.keys()]
        # The views may not be the log's (any more).
        held = self._ports.log.holds((job.stream, job.head) for job in suspects) if suspects else set()
        for job in suspects:
            if job.stream not in held:
                continue
            assert job.claim is not None
            release = Release(claim=job.claim, reason="reconciled")
            self._flights.append(self._flight(job, release, self._ports.clock.now(), Held(job)))
        self._suspects = set(strays)

    # Settling and claiming

    def _settles(self) -> Iterator[Flight]:
        now = self._ports.clock.now()
        for held in self._held:
            if held.ended is not None:
                yield self._settle(held, held.ended, now)

    def _settle(self, held: Held, ended: Ended, now: datetime) -> Flight:
        """Return the append that settles a claim: whatever came of its run, nobody else's settle waits for it."""
        kept = outcome.kept(held.job, ended)
        try:
            command = outcome.settle(
                held.job,
                ended,
                chance=random.random(),  # noqa: S311 - jitter is no secret
                handed_back=held.handed_back,
                has_run=held.has_run,
                fatal=self._fatal,
            )
            return self._flight(held.job, command, now, held, kept)
        except (InvalidInput, ArithmeticError, TypeError, ValueError) as error:
            return self._flight(held.job, outcome.unstorable(held.job, str(error)), now, held, kept)

    def _claims(self) -> Iterator[Flight]:
        if not self._may_claim():
            return
        found = self._claiming.take(self._held.free)
        now = self._ports.clock.now()
        claim = Claim(worker=self._me.id, host=self._me.host, pid=self._me.pid)
        held = self._held.jobs
        # By id: a job that moves while the cursor reads on can be seen twice, and a batch has one append a stream.
        for job in {job.id: job for job in found}.values():
            try:
                if job.id in held:  # the view is far behind, or ahead of the end of what is being killed: later
                    self._claiming.untried(job.id)
                else:
                    yield self._flight(job, claim, now)
            except IllegalTransition:
                self._claiming.untried(job.id)
            except LogCorrupt as error:  # of its stream, which is full: the others are claimed
                self._wonder(error)

    def _flight(
        self, job: Job, command: Command, now: datetime, held: Held | None = None, kept: Kept | None = None
    ) -> Flight:
        events = decide(job, command, now)
        sealed = seal(job.stream, job.head, events, actor=self._me.actor, now=now)
        return Flight(Append(sealed), job, held, kept)

    def _send(self) -> None:
        """Append all flights at once. Raises Unavailable, keeping them: they are sent again as they are."""
        # Tails first: a settled claim whose output is missing could not be told from a pruned one.
        self._aftermath.keep([flight.kept for flight in self._flights if flight.kept is not None])
        results = self._ports.log.append([flight.append for flight in self._flights])
        self._sent_at = time.monotonic()
        flights, self._flights = self._flights, []
        for flight, result in zip(flights, results, strict=True):
            if result.error is not None:
                logger.error("worker %s: %s", self._me.name, result.error)
            if flight.held is None:
                self._claimed(flight, result)
            else:
                self._settled(flight, flight.held, result)

    def _claimed(self, flight: Flight, result: Appended) -> None:
        if not result.is_whole:
            return
        job = fold(flight.append.recorded, flight.before)
        assert job is not None
        if job.state is State.PROCESSING:
            self._start(self._held.add(job))
        else:
            self._narrate(flight)

    def _start(self, held: Held) -> None:
        if self._departure.is_near or not self._tenure.is_good:  # the claim was long under way
            held.give_up("its worker could not start it in time")
            return
        self._narrator.executing(held.job)
        try:
            self._runner.start(held.key, held.job)
        except OSError as error:  # no process or memory to be had just now, which is no fault of the job's
            logger.warning(
                "worker %s: what runs jobs cannot be started (%s): trying again", self._me.name, error.strerror
            )
            held.give_up(f"its worker could not start what runs it: {error.strerror}")
            self._claim_from = time.monotonic() + NO_RUNNER_S

    def _settled(self, flight: Flight, held: Held, result: Appended) -> None:
        self._held.remove(held)
        if result.error is not None:
            return
        if result.count:
            self._narrate(flight)
        elif held.ended is not None:
            self._aftermath.came_late(flight.append)

    def _narrate(self, flight: Flight) -> None:
        events = [recorded.event for recorded in flight.append.recorded]
        self._narrator.settled(flight.before, events, self._ports.clock.now())
