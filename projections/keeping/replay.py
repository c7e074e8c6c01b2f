"""Folds the whole log, stream by stream, into the empty views of a generation that nobody reads yet.

No transactions: until the switch a build that fails or is killed is dropped as a whole. One chunk is written while the
next is folded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial

from eventqueue.errors import ViewsDamaged
from eventqueue.model.portions import PORTION_BYTES
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import DURABLE
from projections.folds.decoding import CHUNK, read, whole_streams
from projections.folds.folding import Folded, Folding, Seat, jobs_in
from projections.folds.projection import Counters, Projection, add, aged, no_counters
from projections.folds.writes import Write, tallies, writes
from projections.keeping.generation import Generation
from projections.keeping.seats import Seats

COUNTERS_MAX = 10_000  # kept in memory, over all projections


def replay(
    ground: Ground, generation: Generation, projections: Sequence[Projection], progress: Callable[[int], object]
) -> int:
    """Return how many events were applied; `progress` is told so after each chunk.

    What cannot be gone on from parks its job, as in live views: an event that nobody can take out of the log must not
    keep everybody from having views.
    """
    folding = Folding(projections, partial(read, ground.log))
    with _Writer(generation, projections) as writer:
        for events, size in whole_streams(ground.log.scan_batches("job"), CHUNK):
            folded = folding.fold(events, {job_id: Seat() for job_id in jobs_in(events)})
            writer.write(folded, size, ground.clock.now())
            progress(writer.applied)
        # Afterwards, and onto what is written: a late result belongs to a job of the scan's first half.
        writer.land()
        for events, size in whole_streams(ground.log.scan_batches("late"), CHUNK):
            writer.write(folding.fold(events, Seats(generation).take(jobs_in(events))), size, ground.clock.now())
            writer.land()
            progress(writer.applied)
        writer.finish()
    return writer.applied


class _Writer:
    """Writes chunk after chunk, each while the next one is folded; a context manager."""

    def __init__(self, generation: Generation, projections: Sequence[Projection]) -> None:
        self.applied = 0
        self._projections = {one.name: one for one in projections}
        self._generation = generation
        self._counters: dict[str, Counters] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._flight: Future[None] | None = None

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def write(self, folded: Folded, size: int, now: datetime) -> None:
        """Write what a chunk of `size` bytes changes; its counters are added up until there are many."""
        self.applied += folded.applied
        self._add(folded.tallies, now)
        folded.tallies = {}
        self._submit(writes(self._generation.name_of, folded, now, is_heavy=size > PORTION_BYTES or folded.is_repaired))
        if sum(map(len, self._counters.values())) > COUNTERS_MAX:
            self._write_counters()

    def finish(self) -> None:
        """Write what is left, and return when all is durable."""
        self._write_counters()
        self.land()

    def land(self) -> None:
        """Wait for the chunk that is being written. Raises what stopped it."""
        if self._flight is not None:
            flight, self._flight = self._flight, None
            flight.result()

    def _add(self, more: Mapping[str, Counters], now: datetime) -> None:
        for name, by_key in more.items():
            mine = self._counters.setdefault(name, no_counters())
            for key, increments in by_key.items():
                # What is old is merged at once: years of minutes are many.
                add(mine, {aged(self._projections[name], key, now): increments})

    def _write_counters(self) -> None:
        counters, self._counters = self._counters, {}
        self._submit(tallies(self._generation.name_of, counters))

    def _submit(self, commands: Sequence[Write]) -> None:
        self.land()
        self._flight = self._pool.submit(self._send, commands)

    def _send(self, commands: Iterable[Write]) -> None:
        database = self._generation.database
        for one in commands:
            with translated():
                # Never sent again by itself, as increments must not be: a build that fails starts over.
                reply = database.command({**one.command, "writeConcern": DURABLE.document})
            if reply.get("writeErrors") or reply.get("writeConcernError") or one.count not in (None, reply["n"]):
                raise ViewsDamaged("The views that were being built are not as this process left them.")
