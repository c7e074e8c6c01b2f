"""Passing on how far tasks are: what each said last, together, a few times a second; nobody who works waits for it."""

import logging
import threading

from eventqueue.errors import QueueError
from eventqueue.model.progress import ByClaim, Said
from eventqueue.mongo.progress import Progresses
from eventqueue.worker.python.messages import Progressed

logger = logging.getLogger(__name__)

EVERY_S = 0.25
MOST_S = 40  # words a second of all tasks together: whoever follows the database passes each of them


class Progressing:
    """What the tasks of one worker say of themselves."""

    def __init__(self, progresses: Progresses) -> None:
        self._progresses = progresses
        self._said: dict[ByClaim, Said] = {}
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._is_refused = False

    def hear(self, key: str, said: Progressed) -> None:
        """Take what the run `key` says. Safe across threads."""
        job_id, _, claim = key.rpartition("/")
        with self._lock:
            self._said[job_id, int(claim)] = Said(said.done, said.total, said.note)
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Pass it on until `stop` is set."""
        rest_s = EVERY_S
        while not stop.wait(rest_s):
            self._news.wait()
            rest_s = self.step()

    def step(self) -> float:
        """Pass on what was said since; return for how many seconds nothing more is."""
        self._news.clear()
        with self._lock:
            said, self._said = self._said, {}
        try:
            if said:
                self._progresses.put(said)
        except QueueError as error:  # what is said next is as good
            if not self._is_refused:
                logger.warning("how far tasks are is not shown: %s", error)
            self._is_refused = True
        return max(EVERY_S, len(said) / MOST_S)
