"""What stands for a connection to MongoDB in a TestQueue: a log and all that follows from it, in memory."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from msgspec.structs import replace

from eventqueue.errors import Refused, WaitTimeout
from eventqueue.model import settings
from eventqueue.model.progress import ByClaim, Progress
from eventqueue.model.tails import Tails
from eventqueue.mongo.incarnations import Incarnation, Registration
from eventqueue.mongo.outputs import Kept
from eventqueue.ports.endings import Told
from eventqueue.ports.finder import Signal
from eventqueue.tasks import registry
from eventqueue.testing.clock import TestClock
from eventqueue.testing.finder import MemoryFinder
from eventqueue.testing.log import TakenLog
from eventqueue.testing.shown import Shown
from eventqueue.testing.views import MemoryViews

NO_DATABASE = (
    "This needs a database, which a TestQueue has none of: take the fixture `mongo_queue`, or a Queue of your own."
)


class NoDatabase:
    """Stands for all that only a database has: it refuses whatever is asked of it."""

    def get_collection(self, *_: Any, **__: Any) -> "NoDatabase":
        """Return one that refuses: to name it asks nothing yet."""
        return self

    def __getattr__(self, name: str) -> NoReturn:
        raise Refused(NO_DATABASE)


@dataclass(frozen=True)
class MemoryGround:
    """See eventqueue.ports.footing.Footing."""

    log: TakenLog
    clock: TestClock
    log_id: str = ""
    database: NoDatabase = field(default_factory=NoDatabase)


class MemoryOutputs:
    """What attempts wrote, by job and claim."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Kept] = {}

    def put(self, kept: Sequence[Kept]) -> None:
        """Keep the ends of what they wrote."""
        self._kept.update({(one.job_id, one.claim): one for one in kept})

    def get(self, job_id: str, claim: int) -> Kept | None:
        """Return what is kept of the attempt of that claim, None if it wrote nothing."""
        return self._kept.get((job_id, claim))


class MemoryProgresses:
    """How far attempts are: of what runs within `run`, nobody asks meanwhile."""

    def get(self, attempts: Iterable[ByClaim]) -> dict[str, Progress]:  # noqa: ARG002 - see KeptProgress
        """Return nothing."""
        return {}


class MemoryWatches:
    """What attempts write: of what runs within `run`, nobody looks meanwhile."""

    def look(self, attempt: ByClaim) -> bool:  # noqa: ARG002 - see KeptWatches
        """See KeptWatches.look: nobody sends."""
        return True

    def read(self, attempt: ByClaim, after: int = 0) -> Tails | None:  # noqa: ARG002 - see KeptWatches
        """Return nothing."""
        return None


class MemoryIncarnations:
    """The workers that a TestQueue would have if it were one: `run` lets them work, and they are never lost."""

    def __init__(self, clock: TestClock) -> None:
        self._clock = clock
        self._began = clock.now()

    def get(self, ids: Collection[str]) -> dict[str, Registration]:
        """Return those of these ids."""
        return {one.worker.id: one for one in self.live() if one.worker.id in ids}

    def live(self, *, with_tasks: bool = False) -> Sequence[Registration]:  # noqa: ARG002 - it has them at hand
        """Return the one that every run has; it knows the tasks that are declared in this process."""
        one = replace(worker(1), tasks=registry.known())
        return [Registration(worker=one, started_at=self._began, renewed_at=self._clock.now(), is_live=True)]

    def gone(self) -> Sequence[Registration]:
        """Return nobody: none of them is ever lost."""
        return ()

    def ask_to_stop(self, *_: Any) -> NoReturn:
        """Refuse: they stop when there is nothing to do."""
        raise Refused("The workers of a TestQueue work in `run` alone, and cannot be asked to stop.")


def worker(number: int, life: int = 1) -> Incarnation:
    """Return the so-manieth worker of a run; `life`: how often it was started."""
    name = f"test-{number}"
    return Incarnation(
        id=name if life == 1 else f"{name}.{life}",
        name=name,
        host="test",
        pid=os.getpid(),
        place="test",
        pid_started=0,
        queues=(),
        concurrency=1,
    )


class MemorySignals:
    """Signals that nobody waits for: whoever looks sees all there is."""

    def publish(self, signal: Signal) -> None:
        """See SignalFeed.publish."""

    def follow(self, await_s: float | None = None) -> Iterator[Signal | None]:  # noqa: ARG002 - see SignalFeed
        """See SignalFeed.follow: there is never one."""
        while True:
            yield None


class MemoryEndings:
    """See eventqueue.ports.endings.Endings. Who waits has what is due run meanwhile: nobody else would."""

    def __init__(self, log: TakenLog, run: Callable[[], object]) -> None:
        self._log = log
        self._run = run

    @contextmanager
    def listen(self, job_ids: Collection[str]) -> Iterator["MemoryEndings"]:  # noqa: ARG002 - the port's
        """See Endings.listen."""
        yield self

    @contextmanager
    def told(self, one: Told, job_ids: Collection[str]) -> Iterator[None]:  # noqa: ARG002 - the port's
        """See Endings.told: what is due is run at once, and each has to be looked at then."""
        self._run()
        one.doubt()
        yield

    def wait(self, seconds: float) -> None:  # noqa: ARG002 - the port's
        """See Hearing.wait. Raises WaitTimeout where nothing is due: no time passes by itself."""
        before = len(self._log.taken)
        self._run()
        if len(self._log.taken) == before:
            raise WaitTimeout(
                "What was waited for does not come: nothing is left to run that is due and has its task here. "
                "`queue.clock.advance(…)` lets time pass, and `queue.run(until_empty=True)` runs what comes then, too."
            )


class MemoryConnection:
    """See eventqueue.connect.Connection. `run` is what has due jobs run."""

    def __init__(self, clock: TestClock, run: Callable[[], object], actor: str) -> None:
        log = TakenLog(clock)
        shown = Shown(log)
        self.ground = MemoryGround(log, clock)
        self.views = MemoryViews(shown, log, clock)
        self.finder = MemoryFinder(shown, clock)
        self.outputs = MemoryOutputs()
        self.progresses = MemoryProgresses()
        self.watches = MemoryWatches()
        self.incarnations = MemoryIncarnations(clock)
        self.signals = MemorySignals()
        self.endings = MemoryEndings(log, run)
        self.client = self.operator = self.auditor = self.joining = NoDatabase()
        self.user: str | None = None
        self.actor = actor

    @property
    def settings(self) -> Mapping[str, settings.Source]:
        """What is in force: what is built in, whatever the environment of the tests says."""
        return settings.resolve({}, {})

    def close(self) -> None:
        """Give nothing back: it holds nothing."""
