"""Which jobs have just ended, told by the log itself: one change stream for all who wait in a process.

It is open only while somebody waits, and a moment longer, since each scans the whole oplog; the server sends where the
events stand that end a job, and nothing else. (Not the views' signals: under load these come seconds late.)
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.change_stream import ChangeStream
from pymongo.database import Database

from eventqueue.model.codec import LENIENT
from eventqueue.model.events import Cancelled, Completed, DeadLettered, name_in, stream_of
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.log import MAJORITY
from eventqueue.ports.endings import Told

logger = logging.getLogger(__name__)

AWAIT_MS = 500  # for an event that ends a job
CALL_S = 10.0  # for the database to answer
AGAIN_S = 0.5  # until a stream that was lost is opened again: so often one looks where there can be none
LINGER_S = 2.0  # who waits for one job after the other finds it open still
LOOK_S = 10.0  # where nobody can tell, one looks so often
SILENT_S = 3600.0  # and so long at most where one is told: a thousand who wait ask nothing while nothing happens
ENDS: list[Mapping[str, Any]] = [
    {
        "$match": {
            "operationType": "insert",
            "fullDocument.type": {"$in": [kind.__struct_config__.tag for kind in (Completed, DeadLettered, Cancelled)]},
        }
    },
    {"$project": {"documentKey": 1}},
]


class Listener:
    """Hears of some jobs which of them have ended."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._ended: set[str] = set()
        self._is_unsure = False
        self.look_s = SILENT_S

    def wait(self, seconds: float) -> Collection[str] | None:
        """Return the ids of those that have ended since the last call, as soon as there are any; none after `seconds`.

        None: there may be some of which nothing is said, so that each has to be looked at.
        """
        with self._news:
            self._news.wait_for(lambda: self._ended or self._is_unsure, max(0.0, min(seconds, self.look_s)))
            ended, self._ended = self._ended, set()
            is_unsure, self._is_unsure = self._is_unsure, False
            return None if is_unsure or (not ended and seconds > self.look_s) else ended

    def hear(self, job_id: str) -> None:
        """A job has ended."""
        with self._news:
            self._ended.add(job_id)
            self._news.notify()

    def doubt(self) -> None:
        """Some that ended until now may not have been told."""
        with self._news:
            self._is_unsure = True
            self._news.notify()


class Endings:
    """Tells of the endings in one database. Safe across threads."""

    def __init__(self, database: Database[Any]) -> None:
        self._database = database
        self._events = database.get_collection("events", LENIENT, read_concern=MAJORITY)
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Told]] = defaultdict(set)  # by the job's stream
        self._is_running = self._is_closed = False
        self._unused_since = 0.0

    @contextmanager
    def listen(self, job_ids: Collection[str]) -> Iterator[Listener]:
        """Hear of the jobs with these ids what comes from now on: so first this, and then look how they stand."""
        with self.told(one := Listener(), job_ids):
            yield one

    @contextmanager
    def told(self, one: Told, job_ids: Collection[str]) -> Iterator[None]:
        """Tell `one` of the jobs with these ids what comes from now on."""
        streams = [stream_of("job", job_id) for job_id in job_ids]
        with self._lock:
            for stream in streams:
                self._listeners[stream].add(one)
            if not self._is_running:
                self._is_running = self._begin()
        try:
            if not self._is_running:
                one.look_s = LOOK_S
                one.doubt()
            yield
        finally:
            with self._lock:
                self._leave(one, streams)

    def _begin(self) -> bool:
        try:
            threading.Thread(target=self._run, name="endings", daemon=True).start()
        except RuntimeError as error:  # where no thread is to be had: the next who waits tries again
            logger.debug("no stream of endings: %s", error)
            return False
        return True

    def _leave(self, one: Told, streams: Collection[str]) -> None:
        for stream in streams:
            self._listeners[stream].discard(one)
            if not self._listeners[stream]:
                del self._listeners[stream]
        self._unused_since = time.monotonic()

    def close(self) -> None:
        """Have it end, at the latest after AWAIT_MS; nobody waits for that. Who waits for a job is to look at once."""
        self._is_closed = True
        self._doubt()

    def _is_over(self) -> bool:
        """Whether nobody listens any more; then the next one who does begins anew."""
        with self._lock:
            is_unused = not self._listeners and time.monotonic() - self._unused_since > LINGER_S
            if self._is_closed or is_unused:
                self._is_running = False
            return not self._is_running

    def _run(self) -> None:
        is_over = False  # asked once: the next who begins to wait has another thread started
        while not is_over:
            try:
                with pymongo.timeout(CALL_S):
                    stream = self._open()
                with stream:
                    self._doubt()  # what ended before is not told
                    while stream.alive and not (is_over := self._is_over()):
                        with pymongo.timeout(CALL_S):
                            self._tell(stream.try_next())
            except Exception as error:  # whatever it is, who waits looks by himself; if this ended, for ever
                logger.debug("no stream of endings: %s", type(error).__name__)
            if not is_over and not (is_over := self._is_over()):
                self._doubt()
                time.sleep(AGAIN_S)

    def _open(self) -> ChangeStream[Any]:
        # By itself it would begin behind the last operation there is, which a majority need not have yet: what lies
        # between would be in the past for this, and yet to come for who looks at the job then.
        begin = majority_time(self._database)
        return self._events.watch(ENDS, max_await_time_ms=AWAIT_MS, start_at_operation_time=begin)

    def _tell(self, change: Mapping[str, Any] | None) -> None:
        place = None if change is None else change["documentKey"]["_id"]
        stream = place.get("stream") if isinstance(place, Mapping) else None  # a hand may have put anything there
        if isinstance(stream, str):
            with self._lock:
                for one in self._listeners.get(stream, ()):
                    one.hear(name_in(stream))

    def _doubt(self) -> None:
        with self._lock:
            for one in set().union(*self._listeners.values()):
                one.doubt()
