"""A queue in which things happen by chance, and what it shows of itself, live or of a time that is past."""

import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.api.enqueueing import Receipt
from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.audit.clauses import Reason
from eventqueue.errors import IllegalTransition
from eventqueue.model.codec import Sealed, seal
from eventqueue.model.events import EMPTY, Event, Head
from eventqueue.model.job import Amend, Cancel, Claim, Command, Enqueue, Job, Retry, State, decide, evolve
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted
from eventqueue.model.moments import moment_of, was_by
from eventqueue.mongo.ground import Ground
from eventqueue.ports.log import Append
from eventqueue.ports.views import Filter, Status
from eventqueue.steering.chronicle import tell
from eventqueue.telling import documents
from eventqueue.worker.life.place import incarnation_here
from tests.builders import amend, complete, fail, release, request

LATE = timedelta(minutes=3)  # events are taken later than they were sealed, by so much at most
QUEUES, TAGS = ("mail", "web"), ("day", "night")
FILTERS: Sequence[Filter] = [
    Filter(limit=None),
    Filter(limit=3),
    *(Filter(state=state, limit=None) for state in State),
    *(Filter(state=state, queue="mail", limit=2) for state in State),
    Filter(queue="web", limit=None),
    Filter(tag="day", limit=None),
    Filter(tag="night", state=State.PENDING, limit=None),
    Filter(state_in=(State.DEAD, State.FAILED), limit=None),
    Filter(state_in=(State.FAILED, State.PROCESSING), limit=None),
    Filter(state_in=(State.COMPLETED, State.DEAD), queue="web", limit=2),
]


class Chances:
    """Lets things happen in a queue, one at a time, as workers and people do them."""

    def __init__(self, queue: Queue, seed: int) -> None:
        self.queue = queue
        self.ground = queue.connection.ground
        self.chance = random.Random(seed)
        self.ids: list[str] = []
        self.workers: list[str] = []
        self.silent: list[str] = []

    def happen(self) -> None:
        """Let something happen that changes the log."""
        acts = (self._enqueue, self._pass, self._pause, self._come, self._leave, self._vanish, self._bury)
        self.chance.choices(acts, (30, 60, 4, 4, 2, 2, 1))[0]()

    def _enqueue(self) -> None:
        fields = [
            {
                "command": "true",
                "queue": self.chance.choice(QUEUES),
                "tags": [self.chance.choice(TAGS)],
                "max_retries": self.chance.choice((0, 2)),
            }
            for _ in range(self.chance.choice((1, 1, 3)))
        ]
        self.ids += [receipt.id for receipt in self.queue.enqueue_many(fields) if isinstance(receipt, Receipt)]

    def _pass(self) -> None:
        if not self.ids:
            return
        job = self.queue.get(self.chance.choice(self.ids))
        for command in self._commands(job):
            try:
                events = decide(job, command, self.ground.clock.now())
            except IllegalTransition:
                continue
            if events:
                append_to(self.ground, job.stream, job.head, events)
                return

    def _commands(self, job: Job) -> Sequence[Command]:
        claim = job.claim or 0
        all_: list[Command] = [
            *([Claim(self.chance.choice(self.workers or ["nobody"]), "host", 1)] * 4),
            *([complete(claim)] * 3),
            *([fail(claim)] * 3),
            release(claim),
            Cancel("asked for"),
            Retry("asked for"),
            *([amend_by(self.chance)] * 2),
        ]
        self.chance.shuffle(all_)
        return all_

    def _pause(self) -> None:
        queue = self.chance.choice((*QUEUES, "empty"))
        self.chance.choice((self.queue.pause_queue, self.queue.resume_queue))(queue, "by chance")

    def _come(self) -> None:
        me = incarnation_here(f"w:{uuid4().hex[:12]}", "w", self.chance.choice(((), ("mail",))), 2)
        self.queue.connection.incarnations.register(me)
        began = WorkerStarted(name=me.name, host=me.host, pid=me.pid, concurrency=2, queues=me.queues, lease=0)
        tell(self.ground.log, self.ground.clock, me.id, began, "test")
        self.workers.append(me.id)

    def _leave(self) -> None:
        if self.workers:
            worker = self.workers.pop(self.chance.randrange(len(self.workers)))
            tell(self.ground.log, self.ground.clock, worker, WorkerLeft(), "test")
            self.queue.connection.incarnations.retire(worker)

    def _vanish(self) -> None:
        """Have a worker die, and nobody notice but by its lease."""
        if self.workers:
            worker = self.workers.pop(self.chance.randrange(len(self.workers)))
            silent = [{"$set": {"renewed_at": "$$NOW", "expires_at": {"$subtract": ["$$NOW", 1]}}}]
            self.ground.database["workers"].update_one({"_id": worker}, silent)
            self.silent.append(worker)

    def _bury(self) -> None:
        if self.silent:
            worker = self.silent.pop(self.chance.randrange(len(self.silent)))
            incarnations = self.queue.connection.incarnations
            lost = WorkerLost(renewed_at=incarnations.get([worker])[worker].renewed_at)
            assert incarnations.bury(worker, "test")
            tell(self.ground.log, self.ground.clock, worker, lost, "test")

    def end(self) -> None:
        """Bury all who are silent: only by that does the log tell since when."""
        while self.silent:
            self._bury()

    def moment(self) -> datetime:
        """Return the time now, which all that happened is by; what happens next comes later."""
        for worker in self.workers:  # which live, however long all this takes
            assert self.queue.connection.incarnations.renew(worker)
        last = next(self.queue.events(reverse=True))
        moment = max(self.ground.clock.now(), moment_of(last) or self.ground.clock.now())
        while self.ground.clock.now() <= moment:  # a millisecond
            pass
        return moment


def amend_by(chance: random.Random) -> Amend:
    """Have a job wait otherwise than it does, in another queue perhaps."""
    fields: dict[str, Any] = {"queue": chance.choice(QUEUES), "tags": [chance.choice(TAGS)]}
    fields["priority"] = chance.choice((0, 1))
    return amend(**dict(chance.sample(sorted(fields.items()), chance.randint(1, 3))))


def append_to(ground: Ground, stream: str, head: Head, events: Iterable[Event]) -> None:
    """Append events to a stream as its next."""
    sealed = seal(stream, head, list(events), actor="test", now=ground.clock.now())
    (done,) = ground.log.append([Append(sealed)])
    assert done.is_whole


def seen(one: Queue | Then) -> Mapping[str, Any]:
    """Return all that a queue shows of itself, as it is printed."""
    jobs = one.list(Filter(limit=None)).jobs
    return {
        "status": _status(one.status()),
        "queues": [documents.queue(each) | {"scheduled": None} for each in one.queues() if _was_used(each)],
        "workers": sorted(
            (each.id, each.name, each.host, each.pid, each.queues, each.concurrency, sorted(each.running))
            for each in one.workers()
        ),
        "jobs": [documents.whole_job(one.get(job.id)) for job in jobs],
        "waits": documents.plain(one.waits(jobs)),
        "silent": [(job.id, _silent(one, job)) for job in jobs if job.state is State.PROCESSING],
        "lists": [_ids(one.list(filter_).jobs) for filter_ in FILTERS],
    }


def _status(found: Status) -> Mapping[str, Any]:
    return {**documents.status(found), "lag": None, "still": None, "scheduled": None}  # of the past none is told


def _silent(one: Queue | Then, job: Job) -> Sequence[str]:
    clauses = one.explain(one.history(job.id)).clauses
    return [each.text for each in clauses if each.kind is Reason.SILENT] if job.worker != "nobody" else []


def _was_used(one: Any) -> bool:
    return any(one.counts.values()) or one.pause is not None


def _ids(jobs: Sequence[Job]) -> Sequence[Any]:
    return [(one.id, one.version, one.state) for one in jobs]


# Histories of the past


def taken(one: Sealed, at: datetime) -> Sealed:
    """Return an event as the log has it if it took it at `at`: the server keeps a `ts` that is not zero."""
    ts = Timestamp(int(at.timestamp()), at.microsecond // 1000 + 1)
    stored = struct.pack("<II", ts.inc, ts.time)
    return Sealed(replace(one.recorded, ts=ts), one.raw[:-52] + stored + one.raw[-44:])


def lived(ground: Ground, number: int, now: datetime, span: timedelta, seed: int) -> list[Append]:
    """Append the histories of so many jobs, which happened in the last `span` before `now`; return them."""
    chance = random.Random(seed)
    found = [_life(f"job-old-{n}", now - chance.random() * span, now, span, chance) for n in range(number)]
    for start in range(0, number, 200):
        assert all(one.is_whole for one in ground.log.append(found[start : start + 200]))
    return found


def _life(stream: str, at: datetime, now: datetime, span: timedelta, chance: random.Random) -> Append:
    asked = request(queue=chance.choice(QUEUES), tags=[chance.choice(TAGS)], max_retries=1)
    commands: list[Command] = [Enqueue(asked)]
    job: Job | None = None
    sealed: list[Sealed] = []
    late = at
    while commands and at < now and len(sealed) < 20:
        try:
            events = decide(job, commands.pop(), at)
        except IllegalTransition:
            events = []
        for one in seal(stream, job.head if job else EMPTY, events, actor="test", now=at):
            late = max(late, one.recorded.at + chance.choice((0, 0, 0.5, 1)) * chance.random() * LATE)
            sealed.append(taken(one, min(late, now)))
            job = evolve(job, one.recorded)
        at += chance.choice((0.0, 0.001, 0.01, 0.1)) * span
        claim = (job.claim if job else None) or 0
        commands.append(
            chance.choice(
                (
                    *(Claim("w", "host", 1), Claim("w", "host", 1), complete(claim), fail(claim), Cancel("x")),
                    *(Retry("y"), amend_by(chance)),
                )
            )
        )
    return Append(tuple(sealed))


def counts_by(histories: Iterable[Append], moment: datetime) -> Mapping[str, Mapping[State, int]]:
    """Return what is to be counted of these histories by `moment`: each folded by itself."""
    found: dict[str, dict[State, int]] = {}
    for one in histories:
        job: Job | None = None
        for recorded in one.recorded:
            if was_by(recorded, moment):
                job = evolve(job, recorded)
        if job is not None:
            of_queue = found.setdefault(job.queue, {})
            of_queue[job.state] = of_queue.get(job.state, 0) + 1
    return found
