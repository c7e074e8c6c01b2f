"""Acts on many jobs that are asked for from pages: first counted, then done once, in a thread, however often asked.

What was counted is what it is done to: the ids are kept from the one page to the other. An act that this process does
not come to the end of is in the log without one.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Thread

from eventqueue.api.bulk import ActSum, Bulk
from eventqueue.errors import QueueError, Refused, redact
from eventqueue.ports.views import Found
from eventqueue.web.acting.deeds import Choice
from eventqueue.web.acting.labour import FAILED

IDS_MAX = 1_000_000  # that are kept for acts that nobody has agreed to yet, some 100 bytes each
PREPARED_MAX = 200
DONE_MAX = 100  # acts that were done, with why jobs were refused
SHORT_S = 1.0  # an act that takes no longer is waited for
LAST_S = 5.0  # for jobs that are on their way when the process ends

logger = logging.getLogger("eventqueue.web")


@dataclass
class Prepared:
    """What would be done to which jobs, of which a page has told; `act_id`: once it is done, or being done."""

    choice: Choice
    text: str
    found: Found
    act_id: str | None = None
    lock: Lock = field(default_factory=Lock)


class BulkAct:
    """An act that goes on in a thread, or has; `problem`: what ended it before its end."""

    def __init__(self, choice: Choice, bulk: Bulk) -> None:
        self.choice = choice
        self.problem: str | None = None
        self._bulk = bulk
        self._thread = Thread(target=self._do, name="act", daemon=True)

    def begin(self) -> str:
        """Have its first jobs done, then go on in the thread, and return its id. Raises what stops it before any.

        What the log tells of as begun is not begun once more: what fails there is told as what fails later is.
        """
        try:
            next(self._bulk, None)
        except Exception as error:
            if self._bulk.id is None:
                raise
            self._fail(error)
        self._go_on()
        assert self._bulk.id is not None  # it was begun in the log before its first job
        return self._bulk.id

    @property
    def sum(self) -> ActSum:
        """What has become of the jobs by now."""
        return self._bulk.sum

    @property
    def is_over(self) -> bool:
        """Whether nothing more is done."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Have no more jobs tried."""
        self._bulk.stop()

    def wait(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _go_on(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:  # there is no thread to be had: the log is to know that it ended
            self._bulk.close()
            self._fail(error)

    def _do(self) -> None:
        try:
            for _ in self._bulk:
                pass
        except Exception as error:  # a thread has nobody else to tell it to
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, QueueError):
            self.problem = redact(str(error))
            return
        logger.error("%s failed", self.choice.label, exc_info=error)
        self.problem = FAILED


class BulkActs:
    """The acts of one process."""

    def __init__(self) -> None:
        self._prepared: dict[str, Prepared] = {}
        self._begun: dict[str, BulkAct] = {}
        self._lock = Lock()

    def prepare(self, one: Prepared) -> str:
        """Return the key by which it is asked for."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._prepared[key] = one
            while len(self._prepared) > 1 and (len(self._prepared) > PREPARED_MAX or self._ids() > IDS_MAX):
                del self._prepared[next(iter(self._prepared))]
        return key

    def prepared(self, key: str) -> Prepared:
        """Return what was prepared under a key. Raises Refused where that is not known any more."""
        with self._lock:
            if key in self._prepared:
                return self._prepared[key]
        raise Refused("What was counted is not known here any more: go back, and look again at what would be done.")

    def begin(self, one: Prepared, have: Callable[[], Bulk]) -> str:
        """Have it done, once, and return the act's id; its first jobs are done by then.

        Raises what stops it before any job is tried, after which it may be asked for again.
        """
        with one.lock:
            if one.act_id is None:
                act = BulkAct(one.choice, have())
                one.act_id, one.found = act.begin(), Found((), one.found.lag)
                self._keep(one.act_id, act)
            return one.act_id

    def begun(self, act_id: str) -> BulkAct | None:
        """Return an act of this process, None of one that it does not know, or not any more."""
        with self._lock:
            return self._begun.get(act_id)

    def stop(self) -> None:
        """Have no more jobs tried, and wait for those that are on their way."""
        with self._lock:
            begun = [*self._begun.values()]
        for one in begun:
            one.stop()
        for one in begun:
            one.wait(LAST_S)

    def _keep(self, act_id: str, act: BulkAct) -> None:
        with self._lock:
            self._begun[act_id] = act
            over = [known for known, one in self._begun.items() if one.is_over and known != act_id]
            for known in over[: max(0, len(self._begun) - DONE_MAX)]:
                del self._begun[known]
        act.wait(SHORT_S)

    def _ids(self) -> int:
        return sum(len(one.found) for one in self._prepared.values())
