"""The supervisor: starts worker processes and a projector, replaces those that die, and stops them all.

It sees its own children die, so it buries them at once: the common crash is rescued in a second and not after a lease.
A worker that left because somebody asked it to is not replaced, and with the last of them all of this ends.
"""

import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from uuid import uuid4

import msgspec
import pymongo

from eventqueue.connect import SEAL_KEY, Connection, connect, make_sealing, make_ticker
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from eventqueue.steering.pauses import Pauses
from eventqueue.system.interrupts import held_back, on_signals
from eventqueue.system.outlet import log_to_stderr
from eventqueue.system.process import shared_environment, signal_name
from eventqueue.worker import stops
from eventqueue.worker.child import FOR_SUPERVISOR, UNIMPORTABLE, UNSETTLED, ChildPlan
from eventqueue.worker.life.place import incarnation_here
from eventqueue.worker.life.rescue import Rescue
from eventqueue.worker.python.plan import PythonPlan

logger = logging.getLogger(__name__)

# A child that died younger than `YOUNG_S` is replaced only after a pause, twice as long each time in a row: what cannot
# live is not to keep the machine busy, nor to fill a log. One that finds no database gives it up after five seconds.
YOUNG_S = 15.0
PAUSE_FIRST_S, PAUSE_MAX_S = 1.0, 30.0
LEFT = (0, UNSETTLED)  # exit codes of a worker that somebody asked to leave
KILL_AFTER_S = 15.0  # beyond the grace: a child that has not left by then is killed
BURIED_S = 5.0  # for a database that is gone: who ends waits for what is done about the dead
SEALED_S = 2.0  # for a seal that is being made in the end: half of one does no harm
TICKED_S = 1.0  # for a job of a schedule that is being made: another ticker makes it, or the next one
STILL_S = 3.0  # without a running job: then it is said that others are waited for
LATER_MAX = 1_000  # jobs that are looked at for the first that is due
OPEN = (State.PENDING, State.PROCESSING, State.FAILED)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `queuectl worker start` was asked for; no `queues`: all; `grace` in seconds."""

    uri: str
    db: str
    count: int
    queues: tuple[str, ...] = ()
    concurrency: int = 1
    until_empty: bool = False
    with_projector: bool = True
    grace: float = 30.0
    as_json: bool = False
    quiet: bool = False
    show_output: bool = False
    python: PythonPlan = PythonPlan()


def supervise(plan: Plan) -> int:
    """Run workers until stopped by a signal, or until nothing is left to do; return the exit code.

    Raises what `connect` raises, and BadKey; once children run, trouble with the database is logged and waited out.
    """
    connection = connect(plan.uri, plan.db, _name())
    with closing(connection), closing(log_to_stderr(as_json=plan.as_json)):
        if connection.views.lag().seconds is None:
            connection.views.refresh()  # builds the views of a new database, so that no worker finds none
        beside = (_sealing(connection), _ticking(connection)) if plan.with_projector else ()
        with ExitStack() as stack:
            for one in beside:
                stack.enter_context(one)
            return Supervisor(plan, connection).run()


@contextmanager
def _sealing(connection: Connection) -> Iterator[None]:
    """Have the log sealed meanwhile, in a thread of this process, which has little else to do."""
    stop = threading.Event()
    sealing = make_sealing(connection, os.environ)
    if os.environ.get(SEAL_KEY):
        logger.warning("the key for seals is within reach of the jobs that run here: give it to a projector elsewhere")
    thread = threading.Thread(target=sealing.run, args=(stop,), name="sealing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SEALED_S)


@contextmanager
def _ticking(connection: Connection) -> Iterator[None]:
    """Have the jobs of schedules made meanwhile, in a thread of this process, too."""
    stop, ticker = threading.Event(), make_ticker(connection, os.environ)
    thread = threading.Thread(target=ticker.run, args=(stop,), name="ticking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        ticker.wake()
        thread.join(TICKED_S)


@dataclass(slots=True)
class Child:
    """One child process; a worker has an incarnation, the projector has none."""

    name: str
    incarnation: str | None
    process: subprocess.Popen[bytes]
    is_first: bool = True  # none that died stood in its place
    started: float = field(default_factory=time.monotonic)

    def order_stop(self, grace: float) -> None:
        """Tell it to stop, handing back after `grace` seconds what still runs."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{grace}\n".encode())
            self.process.stdin.flush()
        except OSError:  # it is gone already
            return


@dataclass(frozen=True, slots=True)
class Died:
    """Some child has ended."""


@dataclass(frozen=True, slots=True)
class Replace:
    """A child that died is to be started again, once it is `at` in monotonic seconds."""

    name: str
    is_worker: bool
    at: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody asked for a stop."""


@dataclass(frozen=True, slots=True)
class Emptied:
    """Nothing is left to do."""


News = Died | Interrupted | Emptied


class Supervisor:
    """The children of one `worker start`."""

    def __init__(self, plan: Plan, connection: Connection) -> None:
        self._plan = plan
        self._connection = connection
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._workers: dict[str, Child] = {}
        self._projector: Child | None = None
        self._replacements: list[Replace] = []
        self._early_deaths: Counter[str] = Counter()  # in a row, by the name of the child
        self._wanted = plan.count  # workers that are to be at work, one that is being replaced among them
        self._pauses = Pauses(connection.ground.log)
        self._stops = 0
        self._kill_at = float("inf")
        self._failed = False

    def run(self) -> int:
        """Start everything, look after it, and return 0 once all of it has left in order."""
        stops = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            stops.remove(signal.SIGHUP)  # nohup: the end of the terminal is to be survived
        on_signals(stops, lambda: self._news.put(Interrupted()))
        on_signals([signal.SIGCHLD], lambda: self._news.put(Died()))
        if self._plan.with_projector:
            self._start_projector()
        for number in range(1, self._plan.count + 1):
            self._start_worker(str(number), is_first=True)
        if self._plan.until_empty:
            threading.Thread(target=self._watch, name="watch", daemon=True).start()
        try:
            while self._workers or not (self._stops or self._is_deserted):
                self._step()
        finally:
            self._end()
        return 1 if self._failed else 0

    @property
    def _is_deserted(self) -> bool:
        """Whether each of its workers was asked to leave; one that was to have none, but a projector, never is."""
        return self._plan.count > 0 and self._wanted == 0

    def _step(self) -> None:
        try:
            news = self._news.get(timeout=0.5)
        except queue.Empty:
            news = None
        match news:
            case Interrupted():
                self._stop()
                self._say_what_a_stop_does()
            case Emptied() if not self._stops:
                self._stop()
        # Whatever has come: several may have died for one signal.
        for child in self._children:
            if child.process.poll() is not None:
                self._bury(child)
        for due in [one for one in self._replacements if one.at <= time.monotonic()]:
            self._replacements.remove(due)
            if not self._stops:
                self._replace(due.name, is_worker=due.is_worker)
        if time.monotonic() > self._kill_at:
            self._kill_all()

    @property
    def _children(self) -> list[Child]:
        return [*self._workers.values(), *([self._projector] if self._projector else [])]

    # Starting

    def _start_worker(self, name: str, *, is_first: bool) -> None:
        self._workers[name] = self._spawn(name, f"{socket.gethostname()}:{uuid4().hex[:12]}")
        self._workers[name].is_first = is_first

    def _start_projector(self) -> None:
        self._projector = self._spawn("projector", None)

    def _spawn(self, name: str, incarnation: str | None) -> Child:
        plan = ChildPlan(
            uri=self._plan.uri,
            db=self._plan.db,
            name=name,
            incarnation=incarnation,
            queues=self._plan.queues,
            concurrency=self._plan.concurrency,
            grace=self._plan.grace,
            as_json=self._plan.as_json,
            quiet=self._plan.quiet,
            show_output=self._plan.show_output,
            python=self._plan.python,
        )
        # -P: with -m alone Python would import from the current directory first, whatever lies there. As a flag and not
        # in the environment, which the jobs inherit.
        with held_back(FOR_SUPERVISOR):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "eventqueue.worker.child"], stdin=subprocess.PIPE, env=shared_environment()
            )
        child = Child(name, incarnation, process)
        assert process.stdin is not None
        try:
            process.stdin.write(msgspec.json.encode(plan) + b"\n")
            process.stdin.flush()
        except OSError:
            logger.debug("%s died before it had its plan", name)
        return child

    # Deaths

    def _bury(self, child: Child) -> None:
        code = child.process.returncode
        if child.incarnation is None:
            self._projector = None
        else:
            del self._workers[child.name]
            if code != 0:
                self._have_brought_back(child.incarnation)
        if code == UNIMPORTABLE and child.is_first and not self._stops:
            self._stop()  # what could not be imported by the first can by no other
        has_left = child.incarnation is not None and code in LEFT
        if self._stops or has_left:
            self._wanted -= has_left
            self._failed = self._failed or (code != 0 and child.incarnation is not None)
            return
        pause = self._pause_after(child)
        when = f" in {pause:g} s (early death number {self._early_deaths[child.name]} in a row)" if pause else ""
        logger.warning("%s ended (%s): it is replaced%s", _called(child), _how(code), when)
        self._replacements.append(Replace(child.name, child.incarnation is not None, at=time.monotonic() + pause))

    def _pause_after(self, child: Child) -> float:
        """Return how long to wait before a child is replaced, in seconds: the longer, the oftener it died young."""
        if time.monotonic() - child.started >= YOUNG_S:
            self._early_deaths[child.name] = 0
            return 0.0
        self._early_deaths[child.name] += 1
        return pause_after(self._early_deaths[child.name])

    def _replace(self, name: str, *, is_worker: bool) -> None:
        try:
            self._start_worker(name, is_first=False) if is_worker else self._start_projector()
        except OSError as error:  # no process or memory to be had just now: the others are to go on
            logger.warning("%s cannot be started (%s): trying again", name, error.strerror)
            self._replacements.append(Replace(name, is_worker, at=time.monotonic() + PAUSE_FIRST_S))

    def _have_brought_back(self, incarnation: str) -> None:
        try:
            threading.Thread(target=self._bring_back, args=(incarnation,), name="bury").start()
        except RuntimeError as error:  # no thread to be had just now
            logger.warning("a dead worker's jobs wait for a rescuer: %s", error)

    def _bring_back(self, incarnation: str) -> None:
        """Bury a child that was seen dead, and bring its jobs back; what this misses, any worker's rescue finds."""
        me = incarnation_here(_name(), "supervisor", (), 0, user=self._connection.user)
        ground = self._connection.ground
        rescue = Rescue(me, ground.log, ground.clock, self._connection.finder, self._connection.incarnations)
        try:
            with pymongo.timeout(BURIED_S):
                self._connection.incarnations.bury(incarnation, me.id, seen_dead=True)
            self._connection.views.refresh()
            found = self._connection.incarnations.get([incarnation]).get(incarnation)
            rescue.bring_back(incarnation, found, seen_dead=True)
        except Exception as error:  # whatever it is: a rescuer looks again
            logger.warning("a dead worker's jobs wait for a rescuer: %s", error)

    # Stopping

    def _watch(self) -> None:
        """Report once nothing is processing in the queues served, nor pending or failed in one that is not paused.

        But not before a worker has imported what it is to: until then nothing can run, and it may be that nothing can.
        That nothing runs is told from the time on at which a worker claims.
        """
        still_since: float | None = time.monotonic()  # None: it was told
        is_ready, has_begun = not self._plan.python.imports, False
        while not (self._stops or self._is_deserted):
            try:
                if not is_ready:
                    is_ready = self._has_begun()
                elif self._connection.views.refresh().is_fresh:
                    left = self._left()
                    if not left.total():
                        self._news.put(Emptied())
                        return
                    has_begun = has_begun or self._has_begun()
                    if left[State.PROCESSING] or not has_begun:
                        still_since = time.monotonic()
                    elif still_since is not None and time.monotonic() - still_since > STILL_S:
                        still_since = None
                        now = self._connection.ground.clock.now()
                        logger.warning("%s", stops.still(left.total(), self._later(now), LATER_MAX, now))
            except Exception as error:  # whatever it is: if nobody looked any more, this would never end
                logger.warning("%s", error)
            time.sleep(0.2)

    def _has_begun(self) -> bool:
        """Whether one of the workers has come so far that it claims."""
        ids = [one.incarnation for one in [*self._workers.values()] if one.incarnation is not None]
        return bool(ids and self._connection.incarnations.get(ids))

    def _left(self) -> Counter[State]:
        """Return how many jobs there are to be waited for, in each state."""
        counts = self._connection.views.counts()
        queues = self._plan.queues or tuple(counts)
        paused = self._pauses.among(queues)
        left: Counter[State] = Counter()
        for name in queues:
            for state in (State.PROCESSING,) if name in paused else OPEN:
                left[state] += counts.get(name, {}).get(state, 0)
        return left

    def _later(self, now: datetime) -> list[datetime]:
        """Return when the jobs are due that are waited for until their time, of as many as are looked at."""
        waiting = [Filter(state=state, due_after=now, limit=LATER_MAX) for state in (State.PENDING, State.FAILED)]
        found = chain.from_iterable(self._connection.views.jobs(one, is_brief=True) for one in waiting)
        jobs = [job for job in found if not self._plan.queues or job.queue in self._plan.queues]
        paused = self._pauses.among({job.queue for job in jobs})
        return sorted(job.due_at for job in jobs if job.due_at is not None and job.queue not in paused)

    def _stop(self) -> None:
        """The first time: let jobs finish; the second: hand them back at once; the third: kill."""
        self._stops += 1
        if self._stops > 2:
            self._kill_all()
        grace = self._plan.grace if self._stops == 1 else 0.0
        self._kill_at = time.monotonic() + grace + KILL_AFTER_S
        for child in self._workers.values():
            child.order_stop(grace)

    def _say_what_a_stop_does(self) -> None:
        if self._stops == 2 and not self._plan.quiet:
            logger.warning(stops.AT_ONCE)
        elif self._stops == 1 and not self._plan.quiet:
            now = datetime.now(UTC)  # of this machine, whose clock the reader looks at
            # The database may not answer: nobody who stops waits for it.
            threading.Thread(target=self._say_what_is_waited_for, args=(now,), name="saying", daemon=True).start()

    def _say_what_is_waited_for(self, now: datetime) -> None:
        ours = [one.incarnation for one in [*self._workers.values()] if one.incarnation is not None]
        try:
            self._connection.views.refresh()
            held = self._connection.finder.held_by(ours)
        except Exception as error:  # whatever it is: it was only to be told
            logger.debug("what runs is not known: %s", error)
            return
        if running := sum(map(len, held.values())):
            logger.warning(stops.waiting(running, now, self._plan.grace))

    def _kill_all(self) -> None:
        for child in self._workers.values():
            child.process.kill()

    def _end(self) -> None:
        """Stop the projector last, so that the last events are in the views; leave no process behind."""
        for child in self._children:
            child.order_stop(0.0)
            try:
                child.process.wait(5.0)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        for thread in threading.enumerate():
            if thread.name == "bury":
                thread.join()


def pause_after(deaths: int) -> float:
    """Return the pause in seconds after so many early deaths in a row: none after the first, then 1, 2, 4 … 30."""
    return 0.0 if deaths < 2 else min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** min(deaths - 2, 10))


def _name() -> str:
    return f"supervisor/{socket.gethostname()}:{os.getpid()}"


def _called(child: Child) -> str:
    return "The projector" if child.incarnation is None else f"Worker {child.name}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal_name(-code)}"
