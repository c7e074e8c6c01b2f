"""Where each job stands before a batch: as the batches before it leave it, else as the view has it."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from eventqueue.model.job import Job
from projections.folds.folding import Parked, Seat
from projections.folds.jobs import to_job
from projections.keeping.generation import Generation

RECENT_BYTES = 32 * 1024 * 1024  # of remembered jobs: some 66,000 of them, which with their names take 53 MB
LIGHT_BYTES = 4096  # of one job: what is larger is read again


class _Kept(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A seat as it is remembered."""

    job: Job
    late: int
    parked: Parked | None
    entry: str | None


# As bytes they take half of the memory (0.8 KB a job, not 1.5), and the garbage collector does not go through them. To
# make a job of them takes a tenth of what it takes to read it again.
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Kept).decode


class Seats:
    """The seats of one generation's jobs; remembers recent ones, of which the last batch may not be committed yet."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._last: Mapping[str, Seat] = {}
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def take(self, ids: Collection[str], new: Collection[str] = ()) -> dict[str, Seat]:
        """Return a seat for each of these jobs; `new`: those that the view cannot have."""
        seats, unknown = {}, []
        for job_id in ids:
            if (last := self._last.get(job_id)) is not None:
                seats[job_id] = last.next
            elif (raw := self._recent.get(job_id)) is not None:
                seats[job_id] = _remembered(raw)
            else:
                seats[job_id] = Seat()
                if job_id not in new:
                    unknown.append(job_id)
        if unknown:
            seats.update({document["_id"]: _seat(document) for document in self._generation.find_jobs(unknown)})
        return seats

    def keep(self, seats: Mapping[str, Seat]) -> None:
        """Remember how a batch leaves its jobs, once its entries are named: those that go on, until they are many."""
        for job_id in seats:
            self._size -= len(self._recent.pop(job_id, b""))
        # Only now those of the batch before: what is claimed in one has often ended in the next.
        for job_id, seat in self._last.items():
            if job_id not in seats:
                self._remember(job_id, seat)
        self._last = seats

    def _remember(self, job_id: str, seat: Seat) -> None:
        job = seat.after
        if job is None or (job.due_at is None and job.claim is None):
            return
        raw = _pack(_Kept(job, seat.late, seat.parked, seat.entry))
        if len(raw) <= LIGHT_BYTES:
            self._recent[job_id] = raw
            self._size += len(raw)
            while self._size > RECENT_BYTES:
                self._size -= len(self._recent.popitem(last=False)[1])


def _remembered(raw: bytes) -> Seat:
    kept = _unpack(raw)
    return Seat(kept.job, kept.job, kept.late, kept.late, kept.parked, kept.parked, kept.entry)


def _seat(document: Mapping[str, Any]) -> Seat:
    job = to_job(document) if document.get("version") else None
    late, held = document.get("late_version", 0), document.get("parked")
    parked = None if held is None else msgspec.convert(held, Parked)
    return Seat(job, job, late, late, parked, parked, document.get("entry"))
