"""The children of one worker: what each runs, what is asked of it, and what becomes of its runs when it dies.

Not safe across threads: the runner's own calls it. It keeps the deadlines, as a child may be stopped or stuck.
"""

import logging
import select
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from time import monotonic

from eventqueue.errors import Refused
from eventqueue.system.boottime import since_boot
from eventqueue.system.printable import clean
from eventqueue.worker.python import deaths
from eventqueue.worker.python.attempts import NEVER, Attempt
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.hand import Hand
from eventqueue.worker.python.messages import (
    Back,
    Began,
    Died,
    Forked,
    FromChild,
    FromForkServer,
    HandedBack,
    NotForked,
    Over,
    Progressed,
    Stop,
)
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.spread import choose, stuck
from eventqueue.worker.running.reports import Ended, Started
from eventqueue.worker.running.runner import Tell

logger = logging.getLogger(__name__)

TIMEOUT_GRACE_S = 2.0  # from the exception to the KILL for a task that ran into its timeout
MEMORY_S = 0.25  # between two looks at the memory of the children
FORK_AGAIN_S = 1.0  # after no process was to be had
TRIES_MAX = 3  # children that may die before they begin a run: it is not for want of another that it cannot run here
LEASE_LOOK_S = 1.0
LEAVE_S = 1.0  # for what the user's modules do when their process ends

Progress = Callable[[str, Progressed], None]
"""Who is told how far the run of a key is."""


class Pool:
    """The children of one fork server after the other. `server`: the first, whose modules are imported."""

    def __init__(self, tell: Tell, plan: PythonPlan, server: ForkServer, progress: Progress) -> None:
        self._tell = tell
        self._plan = plan
        self._server: ForkServer | None = server
        self._progress = progress
        self._epoll = select.epoll()
        self._attempts: dict[str, Attempt] = {}  # by key
        self._hand_of: dict[str, Hand] = {}  # by the key of what it runs
        self._backlog: deque[Attempt] = deque()
        self._hands: dict[int, Hand] = {}  # by serial
        self._by_fd: dict[int, Hand] = {}
        self._number = self._serial = 0
        self._until = self._wake_at = NEVER
        self._fork_at = self._memory_at = 0.0
        self._listens_for: dict[int, int] = {}
        self._adopt(server)

    def listen(self, fd: int) -> None:
        """Have `step` return when `fd` is readable, too."""
        self._epoll.register(fd, select.EPOLLIN)

    def step(self) -> None:
        """Wait until something happens, then handle all that did."""
        ready = {fd for fd, _ in self._epoll.poll(self._wait_s())}
        if self._server is not None:
            self._hear_server(self._server, ready)
        for fd in ready & self._by_fd.keys():
            if fd in self._by_fd:  # not closed meanwhile
                self._hear_hand(self._by_fd[fd])

    def settle(self) -> None:
        """Do what is due, spread what waits over the children, and send it all."""
        self._act_on_due()
        self._look_at_lease()
        self._spread()
        self._look_at_memory()
        for hand in self._hands.values():
            self._listen_to(hand.fd, is_all_sent=hand.flush())
        if self._server is not None:
            self._listen_to(self._server.channel.fileno(), is_all_sent=self._server.flush())

    def _wait_s(self) -> float | None:
        wake_at = min(self._wake_at, self._fork_at if self._backlog and self._fork_at > monotonic() else NEVER)
        wait_s = NEVER if wake_at == NEVER else max(0.0, wake_at - monotonic())
        most_s = LEASE_LOOK_S if self._backlog and self._until < NEVER else NEVER
        return None if (least := min(wait_s, most_s)) == NEVER else least

    def _listen_to(self, fd: int, *, is_all_sent: bool) -> None:
        wanted = select.EPOLLIN | (0 if is_all_sent else select.EPOLLOUT)
        if self._listens_for.get(fd, wanted) != wanted:
            self._epoll.modify(fd, wanted)
            self._listens_for[fd] = wanted

    def _register(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN)
        self._listens_for[fd] = select.EPOLLIN

    def _unregister(self, fd: int) -> None:
        if self._listens_for.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    # Orders

    def start(self, attempt: Attempt) -> None:
        """Have something run."""
        if since_boot() >= self._until:
            self._tell(Ended(key=attempt.key, lease_lost=True))
            return
        self._attempts[attempt.key] = attempt
        self._backlog.append(attempt)

    def kill(self, key: str, grace_s: float) -> None:
        """Interrupt a run, and kill its child where that has not worked after `grace_s`."""
        attempt = self._attempts.get(key)
        if attempt is None:
            return
        attempt.killed = True
        hand = self._hand_of.get(key)
        if hand is None:
            self._backlog.remove(attempt)
            self._over(Ended(key=key, killed=True))
        else:
            self._ask(hand, attempt, grace_s)

    def extend(self, until: float) -> None:
        """Have all killed at `until`, in time since boot."""
        self._until = until
        if self._server is not None and self._server.is_ready and not self._server.extend(until):
            logger.error("the fork server hangs: it is killed, with the %d tasks that it runs", len(self._hand_of))
            self._lose(self._server)

    def close(self) -> None:
        """Kill all, tell of it, and leave nothing behind; who has nothing to do may leave by himself."""
        self._let_go()
        if self._server is not None:
            self._server.hang_up()
            self._server.await_end()
        for attempt in self._attempts.values():
            attempt.killed = True
        self._backlog.clear()
        self._bury_all(deaths.SERVER_DIED)
        for key in list(self._attempts):
            self._over(Ended(key=key, killed=True))
        self._epoll.close()

    def _let_go(self) -> None:
        idle, until = [hand for hand in self._hands.values() if not hand.runs], monotonic() + LEAVE_S
        for hand in idle:
            hand.leave()
            hand.flush()
        while self._server is not None and any(hand.serial in self._hands for hand in idle) and monotonic() < until:
            self._wake_at = until
            self.step()

    # Asking and striking

    def _ask(self, hand: Hand, attempt: Attempt, grace_s: float) -> None:
        if grace_s <= 0:
            return self._strike(hand, attempt)
        at = monotonic() + grace_s
        attempt.due_at = min(attempt.due_at, at) if attempt.is_asked else at
        self._wake_at = min(self._wake_at, attempt.due_at)
        if not attempt.is_asked:
            attempt.is_asked = True
            hand.say(Stop(attempt.order.number, attempt.timed_out))
        return None

    def _strike(self, hand: Hand, attempt: Attempt) -> None:
        attempt.due_at = NEVER
        if hand.doomed_by is None and self._server is not None:
            hand.doomed_by = attempt
            self._server.strike(hand.serial)

    def _act_on_due(self) -> None:
        now = monotonic()
        if now < self._wake_at:
            return
        for key, hand in self._hand_of.items():
            attempt = self._attempts[key]
            if now < attempt.due_at:
                continue
            if attempt.is_asked:
                self._strike(hand, attempt)
            else:
                attempt.timed_out = True
                self._ask(hand, attempt, TIMEOUT_GRACE_S)
        self._wake_at = min((self._attempts[key].due_at for key in self._hand_of), default=NEVER)

    def _look_at_lease(self) -> None:
        if self._backlog and since_boot() >= self._until:
            waiting, self._backlog = self._backlog, deque()
            for attempt in waiting:
                self._over(Ended(key=attempt.key, lease_lost=True))

    # What children say

    def _hear_hand(self, hand: Hand) -> None:
        said, may_say_more = hand.hear()
        hand.heard_at = monotonic()
        for message in said:
            self._heard(hand, message)
        if not may_say_more:  # it is dead, or has closed what is not its own: of that its fork server has to tell
            self._unregister(hand.fd)
            hand.is_leaving = True
            if self._server is not None:
                self._server.strike(hand.serial)
        if hand.is_leaving and not hand.runs:
            hand.leave()

    def _heard(self, hand: Hand, message: FromChild) -> None:
        match message:
            case Over(number=number) if (attempt := hand.take(number)) is not None:
                self._over(attempt.over(message))
            case Began():
                self._began(hand, message)
            case HandedBack(numbers=numbers):
                hand.is_asked_back = False
                self._back(taken for number in numbers if (taken := hand.take(number)) is not None)
            case Progressed(number=number) if number in hand.runs:
                self._progress(hand.runs[number].key, message)

    def _began(self, hand: Hand, began: Began) -> None:
        now = monotonic()
        for number in began.numbers:
            attempt = hand.runs[number]
            attempt.begun_at, attempt.slot = now, began.slot
            if attempt.order.timeout_s is not None and not attempt.is_asked:
                attempt.due_at = now + attempt.order.timeout_s
                self._wake_at = min(self._wake_at, attempt.due_at)
            self._tell(Started(attempt.key, hand.pid))

    def _back(self, attempts: Iterable[Attempt]) -> None:
        """Have runs that have not begun go elsewhere, before all others."""
        there = list(attempts)
        for attempt in there:
            self._hand_of.pop(attempt.key, None)
            if attempt.killed:
                self._over(Ended(key=attempt.key, killed=True))
            elif attempt.tries >= TRIES_MAX:
                problem = f"{attempt.tries} processes that were to run {clean(attempt.order.call.task)} died before"
                self._over(Ended(key=attempt.key, no_runner=True, problem=problem))
        self._backlog.extendleft(reversed([attempt for attempt in there if attempt.key in self._attempts]))

    def _over(self, ended: Ended) -> None:
        self._attempts.pop(ended.key, None)
        self._hand_of.pop(ended.key, None)
        self._tell(ended)

    # What the fork server says

    def _adopt(self, server: ForkServer) -> None:
        self._server = server
        self._register(server.channel.fileno())
        self._register(server.printed_fd)

    def _hear_server(self, server: ForkServer, ready: Collection[int]) -> None:
        if server.printed_fd in ready and not server.pass_on(told_outside):
            self._unregister(server.printed_fd)
        if server.channel.fileno() not in ready:
            return
        was_ready = server.is_ready
        try:
            for message in server.hear():
                self._heard_server(message)
        except EOFError:
            logger.error("the fork server died, with the %d tasks that it ran", len(self._hand_of))
            self._lose(server)
        except Refused as error:
            self._lose(server)
            self._cannot_run(str(error))
        if server.is_ready and not was_ready and self._until < NEVER:
            server.extend(self._until)

    def _heard_server(self, message: FromForkServer) -> None:
        match message:
            case Forked(serial=serial, pid=pid) if serial in self._hands:
                self._hands[serial].pid = pid
            case NotForked(serial=serial, why=why) if serial in self._hands:
                logger.warning("a process for Python tasks cannot be started (%s): trying again", why)
                self._fork_at = monotonic() + FORK_AGAIN_S
                self._back(self._remove(self._hands[serial]).runs.values())
            case Died() as died if died.serial in self._hands:
                self._died(self._hands[died.serial], died)

    def _died(self, hand: Hand, died: Died) -> None:
        for message in hand.rest():
            self._heard(hand, message)
        begun = sum(attempt.begun_at is not None for attempt in hand.runs.values())
        self._lost(hand, deaths.crash(died.status, begun - 1), lease_lost=died.lease_lost)

    def _lost(self, hand: Hand, problem: str, *, lease_lost: bool = False) -> None:
        """Tell of what a dead child had begun; the rest goes elsewhere."""
        doom = hand.doomed_by
        unharmed = None if doom is None else deaths.OTHERS_TIMEOUT if doom.timed_out else deaths.OTHERS_END
        waiting, now = hand.waiting, monotonic()
        for attempt in hand.runs.values():
            if attempt.begun_at is not None:
                ended = attempt.lost(now, lease_lost=lease_lost, unharmed=unharmed, problem=problem)
                out, err = hand.left(attempt)
                self._over(replace(ended, stdout=out, stderr=err))
            elif lease_lost:
                self._over(Ended(key=attempt.key, lease_lost=True))
            else:
                attempt.tries += doom is None
        self._remove(hand)
        if not lease_lost:
            self._back(waiting)

    def _remove(self, hand: Hand) -> Hand:
        del self._hands[hand.serial]
        del self._by_fd[hand.fd]
        self._unregister(hand.fd)
        hand.close()
        return hand

    def _bury_all(self, problem: str) -> None:
        for hand in list(self._hands.values()):
            for message in hand.rest():
                self._heard(hand, message)
            self._lost(hand, problem)

    def _lose(self, server: ForkServer) -> None:
        """A fork server is gone: kill what it may have left, and tell of it."""
        self._server = None
        self._unregister(server.channel.fileno())
        self._unregister(server.printed_fd)
        server.bury()
        self._bury_all(deaths.SERVER_DIED)

    def _cannot_run(self, problem: str) -> None:
        waiting, self._backlog = self._backlog, deque()
        for attempt in waiting:
            self._over(Ended(key=attempt.key, no_runner=True, problem=problem))

    # Spreading

    def _spread(self) -> None:
        while self._backlog and self._has_server():
            assert self._server is not None
            attempt = self._backlog[0]
            if (is_async := self._server.tasks.get(attempt.order.call.task)) is None:
                self._backlog.popleft()
                self._over(Ended(key=attempt.key, unharmed="its worker does not know its task any more"))
                continue
            attempt.is_async = is_async
            hand = choose(
                self._hands.values(), is_async=is_async, threads=self._plan.threads, may_fork=self._may_fork
            ) or self._fork(self._server)
            if hand is None:
                return
            self._backlog.popleft()
            self._hand_of[attempt.key] = hand
            hand.give(attempt)
            if self._plan.max_tasks is not None and hand.given >= self._plan.max_tasks:
                hand.is_leaving = True
        if not self._backlog:
            self._ask_back()

    def _has_server(self) -> bool:
        """Whether children can be had: where there is no fork server any more another is started."""
        if self._server is None and monotonic() >= self._fork_at:
            self._fork_at = monotonic() + FORK_AGAIN_S
            try:
                self._adopt(ForkServer(self._plan))
            except OSError as error:
                logger.warning("no fork server can be started (%s): trying again", error.strerror)
        return self._server is not None and self._server.is_ready

    def _may_fork(self) -> bool:
        fresh = sum(hand.is_fresh for hand in self._hands.values())
        return fresh < self._plan.processes and monotonic() >= self._fork_at

    def _fork(self, server: ForkServer) -> Hand | None:
        if not self._may_fork():
            return None
        self._serial += 1
        try:
            hand = Hand(self._serial, self._plan.threads)
            server.fork(hand.serial, hand.theirs)
        except OSError as error:  # no descriptor to be had just now
            logger.warning("a process for Python tasks cannot be started (%s): trying again", error.strerror)
            self._fork_at = monotonic() + FORK_AGAIN_S
            return None
        self._hands[hand.serial] = self._by_fd[hand.fd] = hand
        self._register(hand.fd)
        return hand

    def _ask_back(self) -> None:
        hands, later = stuck(
            self._hands.values(), threads=self._plan.threads, may_fork=self._may_fork(), now=monotonic()
        )
        for hand in hands:
            hand.is_asked_back = True
            hand.say(Back())
        self._wake_at = min(self._wake_at, later)

    def _look_at_memory(self) -> None:
        if self._plan.max_memory is None or monotonic() < self._memory_at:
            return
        self._memory_at = monotonic() + MEMORY_S
        for hand in self._hands.values():
            if hand.is_fresh and hand.memory() > self._plan.max_memory:
                hand.leave()


def told_outside(chunk: bytes) -> None:
    """Log what was printed outside of any job."""
    for line in chunk.decode(errors="backslashreplace").splitlines():
        logger.warning("printed outside of a job: %s", clean(line))
