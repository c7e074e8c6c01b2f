"""The views as workers read them: candidates for a claim, and who holds what.

The generation is taken from the last signal, or looked up when a second has passed since: so a worker follows a switch
within two even if the signal of it was lost, for it opens its cursor anew every second.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Any

from bson.timestamp import Timestamp
from pymongo.cursor import Cursor
from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue.errors import HistoryLost, Unavailable
from eventqueue.model.codec import BUCKETS, EPOCH
from eventqueue.model.job import Job, State
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import CURSOR_GONE, translated
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import Candidate, Candidates, Known, Share
from projections.folds.due import Member, id_of
from projections.keeping import checkpoint, generation
from projections.keeping.checkpoint import token_time
from projections.keeping.generation import Generation
from projections.keeping.integrity import damage
from projections.keeping.provenance import is_in_log
from projections.reading.freshness import measure
from projections.reading.sound import Sound

CLAIM_ORDER = [("priority", -1), ("due_at", 1), ("_id", 1)]
FEW = 3  # named queues that are asked one by one
# Jobs that wait to be merged. More are there only where very many are due at the same moment and come from calls of
# their own: these need not run in the order of their ids.
MERGED_MAX = 10_000
KNOWN_S = 1.0  # how long a generation is taken for the live one


class ViewFinder:
    """See eventqueue.ports.finder.JobFinder."""

    def __init__(self, database: Database[Any]) -> None:
        self._database = database
        # The live generation, and until when it is taken for that (monotonic), in one: threads share them.
        self._known: tuple[Generation, float] | None = None
        self._sound = Sound()

    def follow(self, generation: int) -> None:
        """See JobFinder.follow."""
        self._know(Generation(self._database, generation))

    def vouch(self) -> datetime:
        """See JobFinder.vouch."""
        self._known = None
        live = self._generation()
        held = checkpoint.read(self._database, live.number)
        if held is None or not is_in_log(held, MongoLog(self._database)):
            raise Unavailable("The views are not those of this log (yet): nothing is claimed.")
        if (problem := damage(self._database, held)) is not None:
            raise Unavailable(f"The views are damaged ({problem}): nothing is claimed until they are built anew.")
        return token_time(held.token).as_datetime()

    def end(self) -> Timestamp:
        """See JobFinder.end."""
        with translated():
            return majority_time(self._database)

    def shows(self, end: Timestamp) -> bool:
        """See JobFinder.shows."""
        held = checkpoint.read(self._database, self._generation().number)
        if held is None:
            return False
        try:
            with translated():
                return measure(self._database, held, held.moved_at or EPOCH, end).is_fresh
        except HistoryLost:
            return False

    def candidates(self, shares: Sequence[Share], batch: int) -> Candidates:
        """See JobFinder.candidates."""
        live = self._generation()
        return _Cursor(live, self._sound, _with_ready(live, shares), batch)

    def heads(self, shares: Sequence[Share], limit: int) -> list[Job]:
        """See JobFinder.heads."""
        live = self._generation()
        found: list[Job] = []
        for share in _with_ready(live, shares):
            # All buckets are named, so that the index serves the order too: it merges 64 sorted ranges.
            everywhere = {queue: range(BUCKETS) for queue, buckets in share.others.items() if buckets}
            whole = Share(share.queue, range(BUCKETS), {**share.others, **everywhere})
            with translated():
                left = limit - len(found)
                places = islice(in_claim_order(self._sound.entries(_entries(live, whole).limit(left))), left)
                found += [one.job for one in _claimable(live, self._sound, places)]
            if len(found) >= limit:
                break
        return found

    def held_by(self, workers: Collection[str]) -> dict[str, list[Job]]:
        """See JobFinder.held_by."""
        live = self._generation()
        with translated():
            ids = [job_id for one in live.claims.find({"_id": {"$in": list(workers)}}) for job_id in one["jobs"]]
        held: dict[str, list[Job]] = {worker: [] for worker in workers}
        for job in self._get(live, ids).values() if ids else ():
            if job.state is State.PROCESSING and job.worker in held:
                held[job.worker].append(job)
        return held

    def holders(self) -> set[str]:
        """See JobFinder.holders."""
        with translated():
            return {held["_id"] for held in self._generation().claims.find({}, {"_id": 1})}

    def get(self, ids: Collection[str]) -> dict[str, Job]:
        """See JobFinder.get."""
        return self._get(self._generation(), ids)

    def unburied_failures(self) -> list[Job]:
        """See JobFinder.unburied_failures."""
        live = self._generation()
        with translated():
            ids = [entry["_id"] for entry in live.failures.find({"is_unburied": True}, {"_id": 1})]
        return [job for job in self._get(live, ids).values() if job.state is State.FAILED and job.due_at is None]

    def _get(self, live: Generation, ids: Collection[str]) -> dict[str, Job]:
        # Each by itself: of a lost worker all the other jobs are to come back.
        shown = (document for document in live.find_jobs(ids) if document.get("version"))
        return {document["_id"]: job for document in shown if (job := self._sound.job(document)) is not None}

    def _generation(self) -> Generation:
        known = self._known
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        live = generation.current(self._database)
        if live is None:
            raise Unavailable("The views are not built yet: start a projector.")
        self._know(live)
        return live

    def _know(self, live: Generation) -> None:
        self._known = live, time.monotonic() + KNOWN_S


class _Cursor:
    """An open cursor over several shares, strictly one after the other."""

    def __init__(self, live: Generation, sound: Sound, shares: Iterable[Share], batch: int) -> None:
        self._live = live
        self._sound = sound
        self._is_known: Known = lambda _job, _entry: False
        self._cursors = [_entries(live, share, batch) for share in shares]
        unknown = (but_known(sound.entries(cursor), self._knows) for cursor in self._cursors)
        self._found = chain.from_iterable(map(in_claim_order, unknown))

    def take(self, limit: int, is_known: Known) -> list[Candidate]:
        """See Candidates.take."""
        taken: list[Candidate] = []
        self._is_known = is_known
        with translated(), _while_there():
            # Also of those that have waited for their turn here since their entry was read.
            unknown = (place for place in self._found if not is_known(*place))
            while len(taken) < limit and (places := list(islice(unknown, limit - len(taken)))):
                taken += _claimable(self._live, self._sound, places)
        return taken

    def _knows(self, job_id: str, place: str) -> bool:
        return self._is_known(job_id, place)  # of who takes now

    def close(self) -> None:
        """See Candidates.close."""
        for cursor in self._cursors:
            cursor.close()


@contextmanager
def _while_there() -> Iterator[None]:
    """Take it for the end where the generation was dropped under the cursor."""
    try:
        yield
    except OperationFailure as error:
        if error.code not in CURSOR_GONE:
            raise


def _with_ready(live: Generation, shares: Sequence[Share]) -> Sequence[Share]:
    """Return those of many shares of which something is ready: one question, in which a key is read for each."""
    names = [share.queue for share in shares if share.queue is not None]
    if len(names) <= FEW:
        return shares
    with translated():
        ready = set(live.due.distinct("queue", {"queue": {"$in": names}, "ready": True}))
    return [share for share in shares if share.queue in ready]


def _entries(live: Generation, share: Share, batch: int = 0) -> Cursor[Any]:
    return live.due.find(query_of(share), {"priority": 1, "jobs": 1}, sort=CLAIM_ORDER, batch_size=batch)


def query_of(share: Share) -> dict[str, Any]:
    """Return what finds a share's entries: by an index that has them in claim order, whatever queues there are."""
    if share.queue is not None:
        return {"queue": share.queue, "ready": True, "bucket": {"$in": sorted(share.buckets)}}
    others: dict[tuple[int, ...], list[str]] = defaultdict(list)  # together, those of which it is the same buckets
    for queue, buckets in share.others.items():
        if buckets:
            others[tuple(sorted(buckets))].append(queue)
    named = sorted({*share.buckets, *chain.from_iterable(others)})
    query: dict[str, Any] = {"ready": True, "bucket": {"$in": named}}
    if others:
        rest = {"queue": {"$nin": list(share.others)}, "bucket": {"$in": sorted(share.buckets)}}
        query["$or"] = [rest, *({"queue": {"$in": some}, "bucket": {"$in": [*of]}} for of, some in others.items())]
    elif share.others:
        query["queue"] = {"$nin": list(share.others)}
    return query


Place = tuple[str, str]
"""A job's id, and the entry that names it."""


def but_known(entries: Iterable[Mapping[str, Any]], is_known: Known) -> Iterator[Mapping[str, Any]]:
    """Yield entries without the jobs that are known: most that a lagging view has are, and are not put in order.

    One that is left without any stays: so what stands before it need not wait any longer.
    """
    for entry in entries:
        place = entry["_id"]
        yield {**entry, "jobs": [one for one in entry["jobs"] if not is_known(id_of(one), place)]}


def in_claim_order(entries: Iterable[Mapping[str, Any]]) -> Iterator[Place]:
    """Yield the jobs of entries that come in claim order in claim order: each entry has several, of another bucket."""
    waiting: list[tuple[int, Member, str]] = []  # a heap
    for entry in entries:
        first = (-entry["priority"], entry["_id"])  # no job of this entry, or of one after it, stands before that
        while waiting and (waiting[0] < first or len(waiting) > MERGED_MAX):
            yield _place(heappop(waiting))
        for one in entry["jobs"]:
            heappush(waiting, (-entry["priority"], one, entry["_id"]))
    while waiting:
        yield _place(heappop(waiting))


def _place(waiting: tuple[int, Member, str]) -> Place:
    _, one, entry = waiting
    return id_of(one), entry


def _claimable(live: Generation, sound: Sound, places: Iterable[Place]) -> list[Candidate]:
    """Return the jobs in these places, in their order, but for those that have left them since the entry was read."""
    entry_of = dict(places)
    found = {document["_id"]: document for document in live.find_jobs(entry_of)} if entry_of else {}
    there = (found[job_id] for job_id, entry in entry_of.items() if found.get(job_id, {}).get("entry") == entry)
    # What has left keeps the name of its last entry.
    return [
        Candidate(job, document["entry"])
        for document in there
        if not document.get("parked") and (job := sound.job(document)) is not None and job.claimable
    ]
