"""The children of one worker: what each runs, what is asked of it, and what becomes of its runs when it dies.

Not safe across threads: the runner's own calls it. It keeps the deadlines, as a child may be stopped or stuck.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from time import monotonic, sleep

from msgspec.structs import replace

from eventqueue.errors import Refused
from eventqueue.model.figures import count
from eventqueue.system.boottime import since_boot
from eventqueue.system.printable import clean
from eventqueue.worker.python import deaths
from eventqueue.worker.python.attempts import NEVER, Attempt
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.hand import Hand
from eventqueue.worker.python.hands import FORK_AGAIN_S, Hands
from eventqueue.worker.python.listening import Listening
from eventqueue.worker.python.messages import (
    Began,
    Died,
    Forked,
    FromChild,
    FromForkServer,
    Garbled,
    HandedBack,
    NotForked,
    Over,
    Progressed,
    Stop,
)
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.running.runner import Tell

logger = logging.getLogger(__name__)

TIMEOUT_GRACE_S = 2.0  # from the exception to the KILL for a task that ran into its timeout
TRIES_MAX = 3  # children that may die before they begin a run: it is not for want of another that it cannot run here
LEASE_LOOK_S = 1.0
# Of so many runs, what they say within a moment is heard together: to wake for each costs more than they do.
MANY, GATHER_S = 16, 0.002
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
        self._listening = Listening()
        self._hands = Hands(plan, self._listening)
        self._attempts: dict[str, Attempt] = {}  # by key
        self._hand_of: dict[str, Hand] = {}  # by the key of what it runs
        self._backlog: deque[Attempt] = deque()
        self._until = self._wake_at = NEVER
        self._heard_at = 0.0
        self._adopt(server)

    def listen(self, fd: int) -> None:
        """Have `step` return when `fd` is readable, too."""
        self._listening.add(fd)

    def step(self) -> None:
        """Wait until something happens, then handle all that did."""
        if len(self._hand_of) >= MANY and (left_s := self._heard_at + GATHER_S - monotonic()) > 0:
            sleep(left_s)
        ready = self._listening.wait(self._wait_s())
        if self._server is not None:
            self._hear_server(self._server, ready)
        for hand in self._hands.ready(ready):
            self._hear_hand(hand)
        self._heard_at = monotonic()

    def settle(self) -> None:
        """Do what is due, spread what waits over the children, and send it all."""
        self._act_on_due()
        self._look_at_lease()
        self._spread()
        if (why := self._hands.given_up()) is not None and self._backlog:
            waiting = count(len(self._backlog), "job")
            self._cannot_run(f"no process for Python tasks can be started ({why}): {waiting} handed back")
        self._hands.look_at_memory()
        self._hands.flush()
        if self._server is not None:
            self._listening.note(self._server.channel.fileno(), is_all_sent=self._server.flush())

    def _wait_s(self) -> float | None:
        fork_at = self._hands.fork_at
        wake_at = min(self._wake_at, fork_at if self._backlog and fork_at > monotonic() else NEVER)
        wait_s = NEVER if wake_at == NEVER else max(0.0, wake_at - monotonic())
        most_s = LEASE_LOOK_S if self._backlog and self._until < NEVER else NEVER
        return None if (least := min(wait_s, most_s)) == NEVER else least

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
        self._listening.close()

    def _let_go(self) -> None:
        idle, until = [hand for hand in self._hands.all() if not hand.runs], monotonic() + LEAVE_S
        for hand in idle:
            hand.leave()
            hand.flush()
        while self._server is not None and any(map(self._is_there, idle)) and monotonic() < until:
            self._wake_at = until
            self.step()

    def _is_there(self, hand: Hand) -> bool:
        return self._hands.get(hand.serial) is hand

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """Return what a run has printed by now; None where it does not run. Safe across threads."""
        attempt, hand = self._attempts.get(key), self._hand_of.get(key)
        return None if attempt is None or hand is None or attempt.begun_at is None else hand.so_far(attempt)

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
        try:
            for message in said:
                self._heard(hand, message)
        except Garbled:
            may_say_more, hand.is_garbled = False, True
        if not may_say_more:  # it is dead, or has closed or used what is not its own: its fork server tells
            self._listening.forget(hand.fd)
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
        for attempt in filter(None, map(hand.runs.get, began.numbers)):
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
        self._listening.add(server.channel.fileno())
        self._listening.add(server.printed_fd)

    def _hear_server(self, server: ForkServer, ready: Collection[int]) -> None:
        if server.printed_fd in ready and not server.pass_on(told_outside):
            self._listening.forget(server.printed_fd)
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
        if not isinstance(message, Forked | NotForked | Died) or (hand := self._hands.get(message.serial)) is None:
            return
        match message:
            case Forked(pid=pid):
                self._hands.made(hand, pid)
            case NotForked(why=why):
                self._hands.wait_to_fork(why)
                self._hands.remove(hand)
                self._back(hand.runs.values())
            case Died():
                self._died(hand, message)

    def _died(self, hand: Hand, died: Died) -> None:
        for message in hand.rest():
            self._heard(hand, message)
        begun = sum(attempt.begun_at is not None for attempt in hand.runs.values())
        problem = deaths.GARBLED if hand.is_garbled else deaths.crash(died.status, begun - 1)
        self._lost(hand, problem, lease_lost=died.lease_lost)

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
        self._hands.remove(hand)
        if not lease_lost:
            self._back(waiting)

    def _bury_all(self, problem: str) -> None:
        for hand in self._hands.all():
            for message in hand.rest():
                self._heard(hand, message)
            self._lost(hand, problem)

    def _lose(self, server: ForkServer) -> None:
        """A fork server is gone: kill what it may have left, and tell of it."""
        self._server = None
        self._listening.forget(server.channel.fileno())
        self._listening.forget(server.printed_fd)
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
            if (hand := self._hands.take(attempt, self._server)) is None:
                return
            self._backlog.popleft()
            self._hand_of[attempt.key] = hand
        if not self._backlog:
            self._wake_at = min(self._wake_at, self._hands.ask_back())

    def _has_server(self) -> bool:
        """Whether children can be had: where there is no fork server any more another is started."""
        if self._server is None and monotonic() >= self._hands.fork_at:
            try:
                self._adopt(ForkServer(self._plan))
            except OSError as error:
                self._hands.wait_to_fork(error.strerror)
            else:
                self._hands.fork_at = monotonic() + FORK_AGAIN_S
        return self._server is not None and self._server.is_ready


def told_outside(chunk: bytes) -> None:
    """Log what was printed outside of any job."""
    for line in chunk.decode(errors="backslashreplace").splitlines():
        logger.warning("printed outside of a job: %s", clean(line))
