"""Jobs that are held back from workers though nobody has paused their queue: looked at until they are let go."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice

from eventqueue.model.codec import CODEC
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.slices import outlasting
from eventqueue.ports.log import EventLog
from eventqueue.steering.pauses import Pauses
from projections.folds.agreement import ShownJob
from projections.folds.due import HELD
from projections.keeping.generation import Generation
from projections.reading.snapshot import ENTRIES

LET_GO_S = 15.0  # in which a projector looks at what it holds back once at least
AGAIN_S = 0.2
LATELY_S = 1.0
KNOWN_MAX = 10_000  # queues


class PausedLately:
    """Which queues are paused, as the log had it a second ago at most: asked for a queue once, not for each job."""

    def __init__(self, log: EventLog) -> None:
        self._pauses = Pauses(log)
        self._known: dict[str, tuple[bool, float]] = {}  # queue -> whether it is, and when that was seen

    def __contains__(self, queue: str) -> bool:
        is_paused, at = self._known.get(queue, (False, float("-inf")))
        if time.monotonic() - at > LATELY_S:
            is_paused = queue in outlasting(lambda: self._pauses.among([queue]))
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[queue] = is_paused, time.monotonic()
        return is_paused


class HeldBack:
    """What is suspected so far, and what is left of it after a while."""

    def __init__(self, ground: Ground, generation: Generation, paused: PausedLately) -> None:
        self._due = ground.database[generation.name_of("due")].with_options(CODEC)
        self._pauses = Pauses(ground.log)
        self._paused = paused
        self.suspected: dict[str, str] = {}  # job -> its entry

    def suspect(self, job_id: str, shown: ShownJob) -> None:
        """Suspect a job that is shown as held back, unless its queue is paused."""
        assert shown.entry is not None
        if shown.entry["queue"] not in self._paused:
            self.suspected[job_id] = shown.entry["_id"]

    def left(self) -> Iterator[str]:
        """Yield the jobs that stay held back. To let all of a queue go takes a moment, which is waited out."""
        give_up = time.monotonic() + LET_GO_S
        left: Mapping[str, str] = self.suspected
        while left:
            entries = outlasting(partial(self.still_held, left))
            left = {job_id: entry for job_id, entry in left.items() if entry in entries}
            if time.monotonic() > give_up:
                break
            if left:
                time.sleep(AGAIN_S)
        yield from left

    def still_held(self, suspected: Mapping[str, str]) -> set[str]:
        """Return which of these entries are held back now, though nobody has paused their queue."""
        found: dict[str, str] = {}
        entries = iter(set(suspected.values()))
        while some := list(islice(entries, ENTRIES)):
            with translated():
                found |= {one["_id"]: one["queue"] for one in self._due.find({"_id": {"$in": some}, "ready": HELD})}
        paused = self._pauses.among(set(found.values()))
        return {entry for entry, queue in found.items() if queue not in paused}
