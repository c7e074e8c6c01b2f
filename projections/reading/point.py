"""One point of the live views, their checkpoint, and everything that differs there from the fold of the log."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain, islice
from sys import intern
from typing import Any

import bson
import msgspec
from pymongo.client_session import ClientSession

from eventqueue.errors import Fenced, QueueError, Refused, Unavailable
from eventqueue.model.codec import CODEC, alike, bucket_of
from eventqueue.model.events import Recorded, name_in, stream_of
from eventqueue.model.job import Job, evolve
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.slices import outlasting, slices
from eventqueue.ports.views import Difference
from eventqueue.steering.pauses import Pauses
from projections.folds import jobs
from projections.folds.decoding import Poison, read
from projections.folds.entries import HELD, SPREAD, WAITING, failure_entry, id_of, member
from projections.folds.jobs import to_document
from projections.folds.projection import Key, Projection, aged, versions
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import Generation, current
from projections.keeping.tail import Change, Tail

LET_GO_S = 15.0  # in which a projector looks at what it holds back once at least
AGAIN_S = 0.2
ENTRIES = 100  # of `due` that are looked at together, with the jobs in them
AGED_MAX = 10_000  # keys of counters, of which is remembered into what they are merged

Document = Mapping[str, Any]
Events = Sequence[Recorded | Poison]


class Shown(msgspec.Struct, frozen=True):
    """What the views show of some jobs at one moment."""

    jobs: Mapping[str, Document]
    due: Mapping[str, Document]  # the entry that a job names and that names it
    failures: Mapping[str, Document]
    holders: Mapping[str, str]

    @property
    def ids(self) -> set[str]:
        return {*self.jobs, *self.failures, *self.holders}


class Point:
    """The live views' checkpoint, and what can be said of them from there; a context manager."""

    def __init__(self, ground: Ground, projections: Sequence[Projection]) -> None:
        self._ground = ground
        self._projections = projections
        self._pauses = Pauses(ground.log)
        self._generation = _live(ground)
        began = ground.clock.now()
        # What is old is merged at once: years of minutes are many. Jobs come in about the order of their time.
        self._aged = {one.name: lru_cache(AGED_MAX)(partial(aged, one, now=began)) for one in projections}
        self._beyond: dict[str, int] = {}  # stream -> the first of its versions that the checkpoint does not cover
        with translated(), ground.database.client.start_session(snapshot=True) as session:
            self._held = self._checkpoint(session)
            # By how much the views count more than the log that was read so far: what is even is let go.
            self._excess = {one.name: self._read_counters(one, session) for one in projections}
        self._suspected: dict[str, str] = {}  # job -> its entry, which is held back though nobody has paused the queue
        self._tail = Tail(ground.database, self._held.token, await_ms=1)
        self._is_torn = False  # its server is gone, perhaps: it is read on from another one

    def __enter__(self) -> "Point":
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.__exit__(None, None, None)

    def _checkpoint(self, session: ClientSession) -> Checkpoint:
        document = (
            self._ground.database["checkpoints"]
            .with_options(CODEC)
            .find_one({"_id": self._generation.number, "is_retired": None}, session=session)
        )
        if document is None:
            raise Fenced("The views were switched meanwhile.")
        held = checkpoint.parsed(document)
        if held.projections != versions(self._projections):
            raise Refused(f"The views are projected by {held.projections}, which this process does not have.")
        return held

    def _read_counters(self, one: Projection, session: ClientSession) -> dict[Key, dict[str, int]]:
        counters: dict[Key, dict[str, int]] = {}
        found = slices(self._ground.database[self._generation.name_of(one.name)], {}, session=session)
        for document in chain.from_iterable(bson.decode_all(batch, CODEC) for batch in found):
            # Few different words, of very many counters.
            key = tuple(intern(part) if isinstance(part, str) else part for part in document["_id"]["key"])
            _add(counters, self._aged[one.name](key), {intern(name): n for name, n in document["n"].items()})
        return counters

    # Jobs

    def jobs_between(self, low: str, high: str | None, streams: Mapping[str, Events]) -> Iterator[Difference]:
        """Compare the jobs whose ids are above `low` and up to `high`; `streams` is what the log has of them."""
        bounds = {"$gt": low} if high is None else {"$gt": low, "$lte": high}
        yield from self._compare({name_in(stream): events for stream, events in streams.items()}, bounds)

    def jobs_of(self, ids: Sequence[str]) -> Iterator[Difference]:
        """Compare some jobs, without counting them."""
        histories = {job_id: outlasting(partial(read, self._ground.log, stream_of("job", job_id))) for job_id in ids}
        yield from self._compare(histories, {"$in": list(ids)})

    def _compare(self, histories: Mapping[str, Events], which: Mapping[str, Any]) -> Iterator[Difference]:
        shown = outlasting(lambda: self._show(which))
        outlasting(self._learn_what_is_beyond)
        found = [
            difference
            for job_id in sorted({*histories, *shown.ids})
            for difference in self._differences(job_id, histories.get(job_id, ()), shown)
        ]
        if found:
            self._check_live()
        yield from found

    def _check_live(self) -> None:
        if outlasting(lambda: _live(self._ground)).number != self._generation.number:
            raise Fenced("The views were switched meanwhile.")

    def _differences(self, job_id: str, history: Events, shown: Shown) -> Sequence[Difference]:
        try:
            return list(self._job(job_id, history, shown))
        except QueueError:
            raise
        except Exception as error:  # of what somebody has altered anything may be wrong
            return [Difference(jobs.NAME, job_id, f"the view cannot be read: {type(error).__name__}: {error}")]

    def _show(self, which: Mapping[str, Any]) -> Shown:
        """Read what there is of some jobs, all at one moment."""
        with translated(), self._ground.database.client.start_session(snapshot=True) as session:
            shown = self._find("jobs", {"_id": which}, session)
            failures = self._find("failures", {"_id": which}, session)
            claims = self._find("claims", {}, session)
            named = [one["entry"] for one in shown.values() if "entry" in one]
            entries = self._find("due", {"_id": {"$in": named}}, session)
        holders = {job_id: worker for worker, one in claims.items() for job_id in _texts(one.get("jobs"))}
        there = {job_id: worker for job_id, worker in holders.items() if _is_in(job_id, which)}
        due = {one["_id"]: entry for one in shown.values() if (entry := _entry_of(one, entries)) is not None}
        return Shown(shown, due, failures, there)

    def _find(self, name: str, query: Mapping[str, Any], session: ClientSession) -> dict[str, Document]:
        found = self._ground.database[self._generation.name_of(name)].with_options(CODEC).find(query, session=session)
        return {document["_id"]: document for document in found}

    def _learn_what_is_beyond(self) -> None:
        """Read the tail up to now: whatever the log showed us beyond the checkpoint is known afterwards."""
        until = majority_time(self._ground.database)
        while True:
            changes = self._read_tail()
            for change in changes:
                self._beyond.setdefault(change.event.stream, change.event.version)
            if token_time(changes[-1].token) > until if changes else self._tail.time >= until:
                return

    def _read_tail(self) -> Sequence[Change]:
        if self._is_torn:
            self._tail, self._is_torn = Tail(self._ground.database, self._tail.token, await_ms=1), False
        try:
            return self._tail.read()
        except Unavailable:
            self._is_torn = True
            raise

    def _job(self, job_id: str, history: Events, shown: Shown) -> Iterator[Difference]:
        document = shown.jobs.get(job_id, {})
        version, parked = document.get("version", 0), document.get("parked")
        if version > len(history):  # it moved on after the log was read
            history = outlasting(lambda: read(self._ground.log, stream_of("job", job_id)))
        covered = min(len(history), self._beyond.get(stream_of("job", job_id), len(history) + 1) - 1)
        counted = min(covered, version) if parked else covered
        job, problem = self._fold(history, version, counted)
        if problem is not None and not parked:
            yield Difference(jobs.NAME, job_id, problem)
        elif parked:
            yield Difference(parked["projection"], job_id, f"stands still: {parked['problem']}")
        elif not history:
            yield Difference(jobs.NAME, job_id, "the view has it, the log does not")
        elif version < covered:
            yield Difference(jobs.NAME, job_id, f"the view is at version {version}, the log at {covered}")
        yield from _document_differences(job_id, job, document)
        yield from self._entry_differences(job_id, None if parked else job, job, shown)

    def _fold(self, history: Events, version: int, counted: int) -> tuple[Job | None, str | None]:
        """Return the job at `version`, and what kept it from getting there; count what the checkpoint covers."""
        job: Job | None = None
        at: Job | None = None
        for event in history[: max(version, counted)]:
            if isinstance(event, Poison):
                return at, event.problem
            try:
                after = evolve(job, event)
                if event.version <= counted:
                    self._count(job, after, event)
            except Exception as error:  # whatever a projection may raise
                return at, f"version {event.version}: {type(error).__name__}: {error}"
            job = after
            at = job if event.version <= version else at
        return at, None

    def _count(self, before: Job | None, after: Job, event: Recorded) -> None:
        for one in self._projections:
            for key, increments in one.tally(before, after, event).items():
                _add(self._excess[one.name], self._aged[one.name](key), {n: -more for n, more in increments.items()})

    def _entry_differences(
        self, job_id: str, claimable: Job | None, job: Job | None, shown: Shown
    ) -> Iterator[Difference]:
        entry = shown.due.get(job_id)
        if problem := _entry_problem(entry, claimable, self._ground.clock.now()):
            yield Difference(jobs.NAME, job_id, problem)
        elif entry is not None and entry["ready"] == HELD and not self._is_paused(entry["queue"]):
            self._suspected[job_id] = entry["_id"]
        failure, is_failure = shown.failures.get(job_id), failure_entry(job)
        if failure != is_failure:
            yield Difference(jobs.NAME, job_id, f"is among the failures as {failure}, not as {is_failure}")
        holder, is_holder = shown.holders.get(job_id), None if job is None else job.worker
        if holder != is_holder:
            yield Difference(jobs.NAME, job_id, f"is shown as held by {holder}, not by {is_holder}")

    # Entries

    def strays(self) -> Iterator[Difference]:
        """Name the jobs that workers are shown in an entry where they have no place."""
        due = self._ground.database[self._generation.name_of("due")]
        stored = chain.from_iterable(bson.decode_all(batch, CODEC) for batch in slices(due, {}))
        ids = (entry["_id"] for entry in stored)
        while some := list(islice(ids, ENTRIES)):
            found = outlasting(partial(self._strays_in, some))
            if found:
                self._check_live()
            for job_id, entry in found:
                problem = f"is shown to workers in entry {entry}, where it has no place"
                yield Difference(jobs.NAME, job_id, problem)

    def _strays_in(self, entry_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        with translated(), self._ground.database.client.start_session(snapshot=True) as session:
            entries = self._find("due", {"_id": {"$in": entry_ids}}, session).values()
            named = [job_id for one in entries for job_id in _ids_in(one)]
            there = self._find("jobs", {"_id": {"$in": named}}, session)
        return list(_strays(entries, there))

    def _is_paused(self, queue: str) -> bool:
        return queue in outlasting(lambda: self._pauses.among([queue]))

    def held_back(self) -> Iterator[Difference]:
        """Name the jobs that are held back, and were before, though nobody has paused their queue.

        To let all of a queue go takes a moment, which is waited out.
        """
        give_up = time.monotonic() + LET_GO_S
        left = self._suspected
        while left:
            entries = outlasting(partial(self._still_held, left))
            left = {job_id: entry for job_id, entry in left.items() if entry in entries}
            if time.monotonic() > give_up:
                break
            if left:
                time.sleep(AGAIN_S)
        for job_id in left:
            problem = "is held back from workers, though nobody has paused its queue: who projects lets it go"
            yield Difference(jobs.NAME, job_id, problem)

    def _still_held(self, left: Mapping[str, str]) -> set[str]:
        due = self._ground.database[self._generation.name_of("due")].with_options(CODEC)
        found: dict[str, str] = {}
        entries = iter(set(left.values()))
        while some := list(islice(entries, ENTRIES)):
            with translated():
                found |= {one["_id"]: one["queue"] for one in due.find({"_id": {"$in": some}, "ready": HELD})}
        paused = self._pauses.among(set(found.values()))
        return {entry for entry, queue in found.items() if queue not in paused}

    # Late results

    def late_results(self, streams: Mapping[str, Events]) -> Iterator[Difference]:
        """Compare how many late results were counted for each of these jobs."""
        ids = [name_in(stream) for stream in streams]
        shown = outlasting(lambda: self._show({"$in": ids})).jobs
        outlasting(self._learn_what_is_beyond)
        for stream, history in streams.items():
            job_id = name_in(stream)
            covered = min(len(history), self._beyond.get(stream, len(history) + 1) - 1)
            document = shown.get(job_id, {})
            if document.get("parked"):
                covered = min(covered, document.get("late_version", 0))
            elif document.get("late_version", 0) < covered:
                yield Difference(jobs.NAME, job_id, f"{document.get('late_version', 0)} of {covered} late results seen")
            job, _ = self._fold(outlasting(partial(read, self._ground.log, stream_of("job", job_id))), 2**62, 0)
            for event in history[:covered]:
                if job is not None and isinstance(event, Recorded):
                    self._count(job, job, event)

    # Counters

    def counters(self) -> Iterator[Difference]:
        """Compare the counters, once all jobs and late results have been."""
        now = self._ground.clock.now()
        for one in self._projections:
            # Aged again: time has passed since they were read.
            excess: dict[Key, dict[str, int]] = {}
            for key, counts in self._excess[one.name].items():
                _add(excess, aged(one, key, now), counts)
            yield from _counter_differences(one.name, excess)


def _live(ground: Ground) -> Generation:
    live = current(ground.database)
    if live is None:
        raise Fenced("There are no views.")
    return live


def _ids_in(entry: Document) -> Sequence[str]:
    return [id_of(one) for one in _texts(entry.get("jobs"))]


def _texts(value: object) -> Sequence[str]:
    """Return the texts in what should be a list of them."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _is_in(job_id: str, which: Mapping[str, Any]) -> bool:
    if "$in" in which:
        return job_id in which["$in"]
    # As BSON orders texts: by their bytes.
    raw = job_id.encode()
    return which["$gt"].encode() < raw and ("$lte" not in which or raw <= which["$lte"].encode())


def _document_differences(job_id: str, job: Job | None, document: Mapping[str, Any]) -> Iterator[Difference]:
    if job is None:
        return
    expected = to_document(job)
    for field in expected:
        value = list(expected[field]) if isinstance(expected[field], tuple) else expected[field]
        if not alike(document.get(field), value):
            # What is run may hold secrets in its environment: that it differs is all that is told.
            values = f" {document.get(field)!r}, the log {expected[field]!r}" if field != "run" else ", the log another"
            problem = f"the view has {field}{values}"
            yield Difference(jobs.NAME, job_id, problem)


def _entry_of(job: Document, entries: Mapping[str, Document]) -> Document | None:
    """Return the entry in which a job's document says that it is, if it is there."""
    entry = entries.get(job.get("entry", ""))
    return entry if entry is not None and job["_id"] in _ids_in(entry) else None


def _strays(entries: Iterable[Document], documents: Mapping[str, Document]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        for job_id in _ids_in(entry):
            if documents.get(job_id, {}).get("entry") != entry["_id"]:
                yield job_id, entry["_id"]


def _entry_problem(entry: Document | None, job: Job | None, now: datetime) -> str | None:
    """Return what is wrong with the entry by which workers find a job; `job`: None if it must have none."""
    if job is None or job.due_at is None:
        return None if entry is None else "is shown to workers, though it does not wait to be claimed"
    if entry is None:
        return "is not shown to workers, though it waits to be claimed"
    if not isinstance(entry["ready"], bool) and entry["ready"] != HELD:
        return f"is shown to nobody: its entry is {entry['ready']!r}"
    alike = (entry["queue"], entry["bucket"], entry["priority"]) == (job.queue, bucket_of(job.stream), job.priority)
    # What is due may wait for its promotion, or be held back or let go, in a moment; what is not due must not be ready.
    is_early = entry["ready"] != WAITING and job.due_at > now
    if (
        alike
        and not is_early
        and member(job) in entry["jobs"]
        and entry["due_at"] <= job.due_at <= entry["due_at"] + SPREAD
    ):
        return None
    return f"is shown to workers as {entry}"


def _counter_differences(name: str, excess: Mapping[Key, Mapping[str, int]]) -> Iterator[Difference]:
    for key in sorted(excess, key=str):
        for counter, amount in sorted(excess[key].items()):
            problem = f"the view counts {abs(amount):,} {'more' if amount > 0 else 'fewer'} than the log"
            yield Difference(name, f"{'/'.join(map(str, key))} {counter}", problem)


def _add(counters: dict[Key, dict[str, int]], key: Key, more: Mapping[str, int]) -> None:
    counts = counters.setdefault(key, {})
    for counter, amount in more.items():
        if total := counts.pop(counter, 0) + amount:
            counts[counter] = total
    if not counts:
        del counters[key]
