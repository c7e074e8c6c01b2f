"""The children that there are now: made as they are needed, chosen for each run, and asked to leave in time."""

import logging
from collections.abc import Collection
from time import monotonic

from eventqueue.worker.python.attempts import Attempt
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.hand import Hand
from eventqueue.worker.python.listening import Listening
from eventqueue.worker.python.messages import Back
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.spread import choose, stuck

logger = logging.getLogger(__name__)

MEMORY_S = 0.25  # between two looks at the memory of the children
FORK_AGAIN_S = 1.0  # after no process was to be had
GIVE_UP_S = 5.0  # without a process: what waits for one does not wait any longer


class Hands:
    """Those of one worker; what they say is listened for by `listening`."""

    def __init__(self, plan: PythonPlan, listening: Listening) -> None:
        self._plan = plan
        self._listening = listening
        self._by_serial: dict[int, Hand] = {}
        self._by_fd: dict[int, Hand] = {}
        self._serial = 0
        self._memory_at = 0.0
        self.fork_at = 0.0  # not before that, in monotonic seconds
        self._failing_since: float | None = None  # when the first came of the failures that followed one another
        self._trouble: str | None = None  # of the last one, until it was told

    def all(self) -> Collection[Hand]:
        """Return them all; the collection stays as it is now."""
        return list(self._by_serial.values())

    def ready(self, fds: Collection[int]) -> Collection[Hand]:
        """Return those whose streams are among `fds`."""
        return [hand for fd in fds if (hand := self._by_fd.get(fd)) is not None]

    def get(self, serial: int) -> Hand | None:
        """Return the one of this number, None if it is there no more."""
        return self._by_serial.get(serial)

    def take(self, run: Attempt, server: ForkServer) -> Hand | None:
        """Give a run to one, and return it; None where none has room and none can be made."""
        hand = choose(
            self._by_serial.values(), is_async=run.is_async, threads=self._plan.threads, may_fork=self._may_fork
        ) or self._fork(server)
        if hand is None:
            return None
        hand.give(run)
        if self._plan.max_tasks is not None and hand.given >= self._plan.max_tasks:
            hand.is_leaving = True
        return hand

    def wait_to_fork(self, why: str | None) -> None:
        """Make none for a while: the last one could not be made."""
        logger.warning("a process for Python tasks cannot be started (%s): trying again", why)
        now = monotonic()
        if self._failing_since is None or now > self.fork_at + FORK_AGAIN_S:  # nobody has asked for one meanwhile
            self._failing_since = now
        self.fork_at, self._trouble = now + FORK_AGAIN_S, str(why)

    def made(self, hand: Hand, pid: int) -> None:
        """One is there."""
        hand.pid, self._failing_since = pid, None

    def given_up(self) -> str | None:
        """Return why one more try to make one has failed, where for too long there has been none."""
        trouble, self._trouble = self._trouble, None
        since = self._failing_since
        return trouble if since is not None and not self._by_serial and monotonic() - since >= GIVE_UP_S else None

    def remove(self, hand: Hand) -> None:
        """Let go of one that has died."""
        del self._by_serial[hand.serial]
        del self._by_fd[hand.fd]
        self._listening.forget(hand.fd)
        hand.close()

    def ask_back(self) -> float:
        """Have what waits in one go to another that has nothing to do; return when to look again."""
        may_fork = self._may_fork()
        hands, later = stuck(self._by_serial.values(), threads=self._plan.threads, may_fork=may_fork, now=monotonic())
        for hand in hands:
            hand.is_asked_back = True
            hand.say(Back())
        return later

    def look_at_memory(self) -> None:
        """Have those leave that are too large."""
        if self._plan.max_memory is None or monotonic() < self._memory_at:
            return
        self._memory_at = monotonic() + MEMORY_S
        for hand in self._by_serial.values():
            if hand.is_fresh and hand.memory() > self._plan.max_memory:
                hand.leave()

    def flush(self) -> None:
        """Send them what they take now."""
        for hand in self._by_serial.values():
            self._listening.note(hand.fd, is_all_sent=hand.flush())

    def _may_fork(self) -> bool:
        fresh = sum(hand.is_fresh for hand in self._by_serial.values())
        return fresh < self._plan.processes and monotonic() >= self.fork_at

    def _fork(self, server: ForkServer) -> Hand | None:
        if not self._may_fork():
            return None
        self._serial += 1
        try:
            hand = Hand(self._serial, self._plan.threads)
        except OSError as error:  # no descriptor to be had just now
            self.wait_to_fork(error.strerror)
            return None
        server.fork(hand.serial, hand.theirs)
        self._by_serial[hand.serial] = self._by_fd[hand.fd] = hand
        self._listening.add(hand.fd)
        return hand
