"""The runner of Python tasks: a thread beside the engine that hands calls to children and tells of them."""

import itertools
import logging
import os
import threading
from collections import deque
from collections.abc import Callable

from eventqueue.model.job import Job
from eventqueue.system.boottime import since_boot
from eventqueue.worker.python.attempts import Attempt
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.pool import Pool, Progress
from eventqueue.worker.running.reports import Written
from eventqueue.worker.running.runner import Tell

logger = logging.getLogger(__name__)


class PythonRunner:
    """See Runner. `server`: one whose modules are imported."""

    def __init__(
        self, tell: Tell, plan: PythonPlan, server: ForkServer, progress: Progress = lambda _key, _progressed: None
    ) -> None:
        self._pool = Pool(tell, plan, server, progress)
        self._orders: deque[Callable[[], None]] = deque()
        self._numbers = itertools.count(1)
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()  # over what follows
        self._is_awake = False
        self._is_closed = False
        self._pool.listen(self._wake_fd)
        self._thread = threading.Thread(target=self._run, name="python-tasks", daemon=True)
        self._thread.start()

    def start(self, key: str, job: Job) -> None:
        """See Runner.start."""
        attempt = Attempt(key, next(self._numbers), job)
        self._order(lambda: self._pool.start(attempt))

    def kill(self, key: str, grace_s: float) -> None:
        """See Runner.kill."""
        self._order(lambda: self._pool.kill(key, grace_s))

    def extend(self, deadline_s: float) -> None:
        """See Runner.extend."""
        until = since_boot() + deadline_s
        self._order(lambda: self._pool.extend(until))

    def close(self) -> None:
        """See Runner.close."""
        with self._lock:
            self._is_closed = True
        self._order(lambda: None)
        self._thread.join()

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """See Runner.so_far.

        It lies in memory that is shared with its child: nobody who works is asked. Of an async one, which has no thread
        of its own, it is there at its end alone.
        """
        return self._pool.so_far(key)

    def _order(self, order: Callable[[], None]) -> None:
        with self._lock:
            self._orders.append(order)
            if not self._is_awake:
                self._is_awake = True
                os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._pool.step()
                self._obey()
                self._pool.settle()
        except Exception:
            # Without it nothing runs, and nobody is told: die, and be replaced.
            logger.exception("the thread of Python tasks failed")
            logging.shutdown()
            os._exit(1)
        self._obey()
        self._pool.close()

    def _obey(self) -> None:
        with self._lock:
            if self._is_awake:
                os.eventfd_read(self._wake_fd)
                self._is_awake = False
            orders, self._orders = self._orders, deque()
        for order in orders:
            order()
