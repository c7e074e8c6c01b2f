"""Where each job stands before a batch: as the batches before it leave it, else as the view has it."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from projections.folding import Parked, Seat
from projections.generation import Generation
from projections.jobs import to_job

RECENT_COUNT = 20_000  # jobs that are remembered, the last ones seen
LIGHT_BYTES = 2048  # of a job's document, of the events of a batch on average: what is larger is read again


class Seats:
    """The seats of one generation's jobs; remembers recent ones, of which the last batch may not be committed yet."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._last: Mapping[str, Seat] = {}
        self._recent: dict[str, Seat] = {}

    def take(self, ids: Collection[str]) -> dict[str, Seat]:
        """Return a seat for each of these jobs."""
        seats, unknown = {}, []
        for job_id in ids:
            known = self._last.get(job_id) or self._recent.get(job_id)
            if known is None:
                unknown.append(job_id)
            seats[job_id] = Seat() if known is None else known.next
        if unknown:
            seats.update({document["_id"]: _seat(document) for document in self._generation.find_jobs(unknown)})
        return seats

    def keep(self, seats: Mapping[str, Seat], size: int) -> None:
        """Remember how a batch of `size` bytes leaves its jobs: those that go on, until they are old or many."""
        self._last = seats
        for job_id in seats:
            self._recent.pop(job_id, None)
        if size <= LIGHT_BYTES * len(seats):
            self._recent.update({job_id: seat for job_id, seat in seats.items() if _goes_on(seat)})
        while len(self._recent) > RECENT_COUNT:
            del self._recent[next(iter(self._recent))]


def _goes_on(seat: Seat) -> bool:
    job = seat.after
    return job is not None and (job.due_at is not None or job.claim is not None)


def _seat(document: Mapping[str, Any]) -> Seat:
    job = to_job(document) if document.get("version") else None
    late, held = document.get("late_version", 0), document.get("parked")
    parked = None if held is None else msgspec.convert(held, Parked)
    return Seat(job, job, late, late, parked, parked, document.get("entry"))
