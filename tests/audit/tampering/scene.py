"""A small log with something of everything in it, its views, and the hand of somebody who may do anything to them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from msgspec.structs import replace
from pymongo.collection import Collection

from eventqueue.api.auditing import Beside, audit_all
from eventqueue.audit.seals import Seal
from eventqueue.audit.verdict import Verdict
from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.codec import CODEC, LENIENT, bucket_of, content_hash, seal
from eventqueue.model.events import (
    EMPTY,
    Cancelled,
    Captured,
    Completed,
    ConfigSet,
    Event,
    Failed,
    Head,
    LateResult,
    Output,
    Paused,
    Resumed,
)
from eventqueue.model.ignoring import Ignored, Unignored
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.model.restarting import successor
from eventqueue.model.upkeep import ParkedRetried, ViewsRebuilt
from eventqueue.mongo.ground import Ground, look_at
from eventqueue.mongo.outputs import Kept, Outputs
from eventqueue.ports.log import Append
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
)
from projections.auditing.auditor import ViewAuditor
from projections.registry import PROJECTIONS
from tests.builders import AMENDED, BOOM, DEAD_LETTERED, RELEASED, claimed, enqueued, failed
from tests.projections.stage import build, live_of

SECOND = timedelta(seconds=1)
WROTE, COMPLAINED = b"42 rows\n", b"exit code 3\n"


def captured(tail: bytes) -> Captured:
    """What an event says of a stream that ended so."""
    return Captured(text=tail.decode(), length=len(tail), sha256=sha256(tail).digest())


ENDED = Completed(exit_code=0, duration=0.5, output=Output(stdout=captured(WROTE)))
GAVE_UP = Failed(reason=failed().reason, error=BOOM, exit_code=3, output=Output(stderr=captured(COMPLAINED)))

LET_BE = Ignored(like="exit code 3", why="known")
STARTED = WorkerStarted(name="worker", host="host", pid=1, concurrency=2)

ANEW = successor("dead", 1)  # which takes up the job that is dead

STREAMS: Mapping[str, Sequence[Event]] = {
    "job-done": (enqueued(), claimed(), ENDED),
    "job-dead": (enqueued(max_retries=0), claimed(), GAVE_UP, DEAD_LETTERED),
    "job-again": (enqueued(), claimed(), RELEASED, claimed("worker-2"), Completed(exit_code=0)),
    "job-waits": (enqueued(priority=5),),
    "job-runs": (enqueued(), claimed("worker-7")),
    "job-gone": (enqueued(), Cancelled(why="it is over", act="0a1b")),
    "job-moved": (enqueued(), AMENDED),
    f"job-{ANEW}": (replace(enqueued(), restart_of="dead"),),
    "job-calls": (
        enqueued(command=None, task="mail", args=[42]),
        claimed(),
        Completed(result={"rows": 42}, exit_code=0, duration=0.5),
    ),
    "job-nightly:0a1b2c3d4e5f": (enqueued(),),
    "schedule-nightly": (
        ScheduleSet(fields={"command": "make"}, missed=Missed.ONCE, overlap=Overlap.SKIP, cron="0 2 * * *"),
        SchedulePaused(why="the disk is full"),
        ScheduleResumed(),
        ScheduleTriggered(job="nightly:0a1b2c3d4e5f"),
    ),
    "late-dead": (
        LateResult(claim=2, worker="worker-1", outcome="completed", data={"exit_code": 0}),
        LateResult(claim=2, worker="worker-1", outcome="failed", data={"exit_code": 9}),
    ),
    "config-default": (
        ConfigSet(name="max-retries", value=5),
        ConfigSet(name="grace", value=20.0),
        ConfigSet(name="max-retries", value=7),
    ),
    "ignore-4f5d1f1c5a": (
        Ignored(like="exit code 3", why="known"),
        Unignored(),
        Ignored(like="exit code 3", why="again"),
    ),
    "queue-mail": (Paused(why="it moves"), Resumed(), Paused(why="it moves again")),
    "worker-1a2b": (STARTED, WorkerStopAsked(grace=5.0, why="the night is over"), WorkerLeft()),
    "worker-3c4d": (STARTED, WorkerLost(seen_dead=True, held=("runs",))),
    "act-0a1b": (ActBegun(what="cancel", jobs=1, filter="queue:mail", why="it is over"), ActEnded(done=1)),
    "views-live": (
        ViewsRebuilt(generation=2, projections={"jobs": 1}, why="a backup was restored"),
        ParkedRetried(projection="stats", job="waits", why="mended"),
        ViewsRebuilt(generation=3, projections={"jobs": 1}, why="a disk was full"),
    ),
}


class Scene:
    """The log as it was, until a hand has been at it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.kept: list[Seal] = []  # elsewhere
        self.database = ground.database
        self.events: Collection[Any] = ground.database["events"]
        self.outputs: Collection[Any] = ground.database["outputs"]
        ground.log.append([_append(stream, *events, ground=ground) for stream, events in STREAMS.items()])
        kept = [("done", WROTE, b""), ("dead", b"", COMPLAINED)]
        Outputs(ground.database).put(
            [Kept(job_id=one, claim=2, attempt=1, stdout=out, stderr=err) for one, out, err in kept]
        )
        build(ground)

    def verdict(self) -> Verdict:
        """What an audit says of it now."""
        ground = look_at(self.database)
        return audit_all(ground, ViewAuditor(ground, PROJECTIONS), lambda _: None, Beside())

    # The log

    def stored(self, stream: str, version: int) -> dict[str, Any]:
        """An event's document as it is stored."""
        found = self.events.with_options(CODEC).find_one({"_id": {"stream": stream, "version": version}})
        assert found is not None
        return dict(found)

    def history(self, stream: str) -> list[dict[str, Any]]:
        """All of a stream's documents, in the order of their versions."""
        found = self.events.with_options(CODEC).find({"_id.stream": stream}, sort=[("_id.version", 1)])
        return [dict(one) for one in found]

    def alter(self, stream: str, version: int, change: Callable[[dict[str, Any]], object]) -> None:
        """Change an event in place; its hash stays."""
        document = self.stored(stream, version)
        change(document)
        self.replace(document)

    def replace(self, document: Mapping[str, Any]) -> None:
        """Put a document in the place of the one with its `_id`."""
        self.events.replace_one({"_id": document["_id"]}, raw(document), bypass_document_validation=True)

    def put(self, *documents: Mapping[str, Any]) -> None:
        """Insert documents, whatever they are."""
        for one in documents:
            self.events.insert_one(raw(one), bypass_document_validation=True)

    def remove(self, stream: str, *versions: int) -> None:
        """Delete events; all of the stream's, if none are given."""
        which = {"_id.version": {"$in": versions}} if versions else {}
        self.events.delete_many({"_id.stream": stream, **which})

    def rechain(self, stream: str) -> None:
        """Have every event of a stream name the hash of the one before it, and its own: as the recipe says."""
        prev = None
        for document in self.history(stream):
            rehashed = forged({**document, "prev": prev})
            self.replace(rehashed)
            prev = rehashed["hash"]

    def renumber(self, stream: str) -> None:
        """Close the gaps between a stream's versions."""
        for version, document in enumerate(self.history(stream), start=1):
            if document["_id"]["version"] != version:
                self.events.delete_one({"_id": document["_id"]})
                self.put({**document, "_id": {"stream": stream, "version": version}})

    def next_of(self, stream: str, event: Event) -> dict[str, Any]:
        """The document of an event as the next one of a stream, well made."""
        history = self.history(stream)
        last = history[-1] if history else None
        head = EMPTY if last is None else Head(last["_id"]["version"], last["hash"], last["at"])
        (one,) = seal(stream, head, [event], actor="mallory", now=self.ground.clock.now())
        return dict(bson.decode(one.raw, CODEC))

    # The views

    def view(self, name: str) -> Collection[Any]:
        """One of the collections of the live views."""
        return live_of(self.ground).collection(name)

    @property
    def checkpoint(self) -> Collection[Any]:
        """The collection of the one checkpoint."""
        return self.database["checkpoints"]

    def rewrite_views(self) -> None:
        """Make all views new from the log as it is now: nobody could have them fit it better."""
        build(self.ground)


def _append(stream: str, *events: Event, ground: Ground) -> Append:
    return Append(seal(stream, EMPTY, events, actor="people", now=ground.clock.now()))


def raw(document: Mapping[str, Any]) -> RawBSONDocument:
    """A document as bytes, in which the driver finds nothing to object to."""
    return RawBSONDocument(bson.encode(document), LENIENT.with_options(document_class=RawBSONDocument))


def forged(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event with the hash of its bytes, which is all that anybody needs who knows the recipe."""
    own = dict(document)
    if "bucket" not in own:
        own["bucket"] = bucket_of(str(document["_id"]["stream"]))
    ts, digest = own.pop("ts", Timestamp(1, 1)), own.pop("hash", bytes(32))
    stored = bson.encode({**own, "ts": ts, "hash": digest})
    return {**own, "ts": ts, "hash": content_hash(stored)}


def put_next(stream: str, event: Event, **fields: Any) -> Callable[[Scene], None]:
    """A hand that appends an event to a stream, well made but for these fields, which its hash covers."""
    return lambda scene: scene.put(forged({**scene.next_of(stream, event), **fields}))
