"""The worker's engine: claims jobs for its free slots, has them run, and settles what came of it.

Which jobs to claim is told by `claiming`; what the engine holds, it answers for until the log has its outcome.

One append a round: what ended since the last round and what is claimed now are different streams. All state is
touched by the engine's own thread alone; launcher, heartbeat and signals put messages into its inbox.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from eventqueue.errors import AccessDenied, IllegalTransition, QueueError
from eventqueue.model.codec import seal
from eventqueue.model.job import Claim, Command, Job, Release, State, decide, fold
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.mongo.outputs import Kept, Outputs
from eventqueue.ports.finder import JobFinder, Signal
from eventqueue.ports.log import Append, Appended, EventLog
from eventqueue.worker import outcome
from eventqueue.worker.claims import claiming
from eventqueue.worker.claims.claiming import Claiming
from eventqueue.worker.inbox import Inbox, Message, Stop
from eventqueue.worker.late import record_late
from eventqueue.worker.life.heartbeat import Beat, Buried
from eventqueue.worker.life.tenure import Tenure
from eventqueue.worker.narrator import Narrator
from eventqueue.worker.runner import MakeRunner
from eventqueue.worker.shell.orders import Ended, Launcher, ShellRun, Started

logger = logging.getLogger(__name__)

GIVE_UP_S = 10.0  # after the grace: what cannot be settled by then is left to the rescuers
KILL_GRACE_S = 1.0
NO_LAUNCHER_S = 1.0  # without claims: others may be able to run them
BUSY_S = 1.0  # since its last append: a worker that may never come to idle
GATHER_S = 0.01  # between two appends while jobs run: what ends and begins meanwhile goes together in one


@dataclass(slots=True)
class Held:
    """A claim of this worker: sent and unanswered, running, or with an outcome not yet settled."""

    job: Job  # as its claim left it
    has_run: bool = False
    ended: Ended | None = None
    is_over: bool = False  # the log has gone on without it: what comes of it is of no use
    handed_back: str | None = None  # why it is being killed, to be released

    @property
    def key(self) -> str:
        """The run's name with the launcher."""
        return f"{self.job.id}/{self.job.claim}"


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
        make_runner: MakeRunner = Launcher,
        *,
        fatal: Collection[int] = (),
    ) -> None:
        self._me = me
        self._actor = f"worker/{me.id}"
        self._ports = ports
        self._tenure = tenure
        self._narrator = narrator
        self._fatal = fatal
        self._launcher = make_runner(self.tell)
        self._claiming = Claiming(me, ports.finder, ports.log, ports.clock)
        self._inbox = Inbox()
        self._held: dict[str, Held] = {}
        self._flights: list[Flight] = []
        self._is_refused = False  # to keep what jobs write
        self._late: deque[Flight] = deque()
        self._ended_late: list[Kept] = []  # what runs wrote whose claims had ended before them
        self._suspects: set[str] = set()  # what the view showed as ours at the last heartbeat, but is not held
        self._stop_at: float | None = None
        self._is_buried = False
        self._pause = 0.0
        self._sent_at = float("-inf")
        self._claim_from = float("-inf")
        self._round_at = time.monotonic()

    @property
    def round_at(self) -> float:
        """When it began its last round, in monotonic seconds."""
        return self._round_at

    # What other threads call

    def tell(self, message: Message) -> None:
        """Put a message into the inbox. Safe across threads."""
        self._inbox.put(message)

    def extend(self, left_s: float) -> None:
        """Have the launcher kill everything after `left_s` seconds, unless extended again. Safe across threads."""
        self._launcher.extend(left_s)

    # The loop

    def run(self) -> bool:
        """Work until stopped or buried; True if every claim was settled or released."""
        try:
            while self.step():
                pass
        finally:
            self._claiming.close()
            self._launcher.close()
        return not self._is_buried and not self._held and not self._flights

    @property
    def was_stopped(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stop_at is not None

    def step(self) -> bool:
        """Do one round, or wait until there is something to do; False when this incarnation is done."""
        self._round_at = time.monotonic()
        self._hear()
        self._see_to_stop()
        if self._is_done():
            return False
        if (left_s := self._sent_at + GATHER_S - time.monotonic()) > 0 and (runs := self._gathers()):
            self._inbox.gather(runs, left_s)
            return True
        try:
            if not self._flights:
                # Settles are kept when looking for claims fails: they need no view.
                self._flights += self._settles()
                if time.monotonic() - self._sent_at < BUSY_S:
                    self._look()  # not only when idle: who has a backlog of its own never is
                self._flights += self._claims()
            if self._flights:
                self._send()
            elif self._late:
                self._record_late()
            elif self._ended_late:
                self._keep()
            else:
                self._look()  # only now: a job that comes to an idle worker does not wait for it
                self._inbox.wait(self._patience())
            self._pause = 0.0
        except QueueError as error:
            self._claiming.doubt()
            self._pause = min(1.0, 2 * self._pause or 0.1)
            logger.warning("worker %s: %s", self._me.name, error)
            self._inbox.wait(self._pause)
        return True

    @property
    def _is_leaving(self) -> bool:
        return self._is_buried or self._stop_at is not None

    def _is_done(self) -> bool:
        if not self._is_leaving:
            return False
        gave_up = self._stop_at is not None and time.monotonic() > self._stop_at + GIVE_UP_S
        return gave_up or not (self._held or self._flights or self._late or self._ended_late)

    def _look(self) -> None:
        if self._may_claim():
            self._claiming.look()

    def _gathers(self) -> int:
        """Return how many runs may bring more before the next append; 0 where none is waited for."""
        return 0 if self._flights or self._is_leaving else sum(1 for _ in self._running())

    def _patience(self) -> float:
        now = time.monotonic()
        until = [now + claiming.POLL_S]
        if self._may_claim():  # else only a message can bring something to do
            until.append(self._claiming.next_at())
        if self._stop_at is not None:
            until.append(max(self._stop_at, now + 0.05))
        return max(0.0, min(until) - now)

    # Messages

    def _hear(self) -> None:
        for message in self._inbox.take():
            match message:
                case Started(key=key):
                    if key in self._held:
                        self._held[key].has_run = True
                case Ended() as ended:
                    self._heard_end(ended)
                case Signal() as signal:
                    self._heard_signal(signal)
                case Beat() as beat:
                    self._heard_beat(beat)
                case Buried():
                    self._is_buried = True
                    self._drop(list(self._held.values()), grace=0.0)
                case Stop(grace=grace):
                    self._stop_in(grace)

    def _heard_end(self, ended: Ended) -> None:
        held = self._held[ended.key]
        held.ended = ended
        if held.is_over and ended.killed:  # killed because its claim had ended: that story is told already
            self._ended_late.append(outcome.end_of(held.job, ended))
            del self._held[ended.key]

    def _heard_signal(self, signal: Signal) -> None:
        self._claiming.heard_signal(signal)
        for stop in signal.stopping:
            if stop.worker == self._me.id:
                self._stop_by(stop.by)
        ours = {held.job.id for held in self._held.values()}
        if ours & set(signal.cancelled):
            self._guarded(self._reconcile)

    def _heard_beat(self, beat: Beat) -> None:
        self._claiming.heard_beat(beat)
        if beat.stop_by is not None:
            self._stop_by(beat.stop_by)
        self._guarded(self._reconcile)
        self._guarded(self._release_strays)

    def _guarded(self, look: Callable[[], None]) -> None:
        try:
            look()
        except QueueError as error:
            logger.warning("worker %s: %s", self._me.name, error)

    # Stopping and losing claims

    def _stop_by(self, at: datetime) -> None:
        self._stop_in(max(0.0, (at - self._ports.clock.now()).total_seconds()))

    def _stop_in(self, seconds: float) -> None:
        # Never later than asked before: a second request, or the supervisor's death, gives no new grace.
        self._stop_at = min(self._stop_at or float("inf"), time.monotonic() + seconds)

    def _see_to_stop(self) -> None:
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            for held in self._running():
                if held.handed_back is None and not held.is_over:
                    held.handed_back = "its worker was stopped"
                    self._launcher.kill(held.key, KILL_GRACE_S)

    def _drop(self, lost: Sequence[Held], grace: float) -> None:
        for held in lost:
            if held.ended is None and not held.is_over:
                held.is_over = True
                self._launcher.kill(held.key, grace)

    def _reconcile(self) -> None:
        """Kill what the view shows as gone on beyond the claim held (an older view says nothing)."""
        running = list(self._running())
        if running:
            shown = self._ports.finder.get([held.job.id for held in running])
            gone = [held for held in running if held.job.id in shown and shown[held.job.id].version > held.job.version]
            self._drop(gone, KILL_GRACE_S)

    def _release_strays(self) -> None:
        """Release what the view shows at exactly a claim of ours that is not held, at two heartbeats in a row."""
        if self._flights:
            return
        ours = {f"{job.id}/{job.claim}": job for job in self._ports.finder.held_by([self._me.id])[self._me.id]}
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

    def _running(self) -> Iterator[Held]:
        return (held for held in self._held.values() if held.ended is None)

    def _free(self) -> int:
        return self._me.concurrency - sum(1 for _ in self._running())

    def _may_claim(self) -> bool:
        is_able = self._tenure.is_good and time.monotonic() >= self._claim_from
        return is_able and not self._is_leaving and self._free() > 0

    def _settles(self) -> Iterator[Flight]:
        now = self._ports.clock.now()
        for held in self._held.values():
            if held.ended is not None:
                command = outcome.settle(
                    held.job,
                    held.ended,
                    chance=random.random(),  # noqa: S311 - jitter is no secret
                    handed_back=held.handed_back,
                    has_run=held.has_run,
                    fatal=self._fatal,
                )
                yield self._flight(held.job, command, now, held, outcome.kept(held.job, held.ended))

    def _claims(self) -> Iterator[Flight]:
        if not self._may_claim():
            return
        found = self._claiming.take(self._free())
        now = self._ports.clock.now()
        claim = Claim(worker=self._me.id, host=self._me.host, pid=self._me.pid)
        held = {held.job.id for held in self._held.values()}
        # By id: a job that moves while the cursor reads on can be seen twice, and a batch has one append a stream.
        for job in {job.id: job for job in found}.values():
            try:
                if job.id in held:  # the view is far behind, or ahead of the end of what is being killed: later
                    self._claiming.untried(job.id)
                else:
                    yield self._flight(job, claim, now)
            except IllegalTransition:
                self._claiming.untried(job.id)

    def _flight(
        self, job: Job, command: Command, now: datetime, held: Held | None = None, kept: Kept | None = None
    ) -> Flight:
        events = decide(job, command, now)
        return Flight(Append(seal(job.stream, job.head, events, actor=self._actor, now=now)), job, held, kept)

    def _send(self) -> None:
        """Append all flights at once. Raises Unavailable, keeping them: they are sent again as they are."""
        # Tails first: a settled claim whose output is missing could not be told from a pruned one.
        self._keep_tails([flight.kept for flight in self._flights if flight.kept is not None])
        results = self._ports.log.append([flight.append for flight in self._flights])
        self._sent_at = time.monotonic()
        flights, self._flights = self._flights, []
        for flight, result in zip(flights, results, strict=True):
            if flight.held is None:
                self._claimed(flight, result)
            else:
                self._settled(flight, flight.held, result)

    def _claimed(self, flight: Flight, result: Appended) -> None:
        if result.error is not None:
            logger.error("worker %s: %s", self._me.name, result.error)
        if not result.is_whole:
            return
        job = fold(flight.append.recorded, flight.before)
        assert job is not None
        if job.state is State.PROCESSING:
            self._start(job)
        else:
            self._narrate(flight)

    def _start(self, job: Job) -> None:
        held = Held(job)
        self._held[held.key] = held
        if self._is_leaving or not self._tenure.is_good:  # the claim was long under way
            held.ended, held.handed_back = Ended(key=held.key, killed=True), "its worker could not start it in time"
            return
        self._narrator.executing(job)
        run = ShellRun(
            key=held.key,
            command=job.run.command,
            job_id=job.id,
            attempt=job.attempts,
            env={**job.run.env, "QUEUECTL_CLAIM": str(job.claim)},
            cwd=job.run.cwd,
            timeout_s=job.timeout,
        )
        try:
            self._launcher.start(run)
        except OSError as error:  # no process or memory to be had just now, which is no fault of the job's
            logger.warning(
                "worker %s: the launcher cannot be started (%s): trying again", self._me.name, error.strerror
            )
            problem = f"its worker could not start a launcher: {error.strerror}"
            held.ended, held.handed_back = Ended(key=held.key, killed=True), problem
            self._claim_from = time.monotonic() + NO_LAUNCHER_S

    def _settled(self, flight: Flight, held: Held, result: Appended) -> None:
        self._held.pop(held.key, None)
        if result.error is not None:
            logger.error("worker %s: %s", self._me.name, result.error)
        elif result.count:
            self._narrate(flight)
        elif held.ended is not None:
            self._late.append(flight)

    def _narrate(self, flight: Flight) -> None:
        events = [recorded.event for recorded in flight.append.recorded]
        self._narrator.settled(flight.before, events, self._ports.clock.now())

    def _keep(self) -> None:
        """Store what runs wrote that were killed after their claims had ended; that they have ended shows in this."""
        self._keep_tails(self._ended_late)
        self._ended_late.clear()

    def _keep_tails(self, kept: Sequence[Kept]) -> None:
        try:
            self._ports.outputs.put(kept)
        except AccessDenied as error:  # which does not pass: its end is in the event, and the job did what it did
            if not self._is_refused:
                logger.error("worker %s: what jobs write is not kept: %s", self._me.name, error)
            self._is_refused = True

    def _record_late(self) -> None:
        flight = self._late[0]
        record_late(self._ports.log, flight.append, self._me.id, self._actor, self._ports.clock.now())
        self._late.popleft()
