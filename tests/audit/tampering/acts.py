"""Tampering with what the log tells of workers, of what was done to the views, and of acts on many jobs."""

from collections.abc import Sequence
from typing import Any

from bson.timestamp import Timestamp

from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.codec import bucket_of
from eventqueue.model.events import Paused
from eventqueue.model.ignoring import Ignored
from eventqueue.model.lives import WorkerLeft
from eventqueue.model.upkeep import ParkedRetried
from tests.audit.tampering.jobs import ALTERED, removing, setting
from tests.audit.tampering.kind import Act, Kind, in_all_ways, then
from tests.audit.tampering.others import BACKWARDS, OLD
from tests.audit.tampering.scene import STARTED, Scene, put_next

WORKERS, UPKEEP, ACTS, IGNORES = "workers", "upkeep of the views", "acts on many jobs", "errors that are ignored"
WORKER, VIEWS, ACT, IGNORE = "worker-1a2b", "views-live", "act-0a1b", "ignore-4f5d1f1c5a"
UNNAMED = "it names act nobody, of which the log has nothing"
RESTAMPED = "the server stamped it (`ts`) before the event before it"


def exchanging(stream: str, one: int, other: int) -> Act:
    """A hand that has two events of a stream change places, with their stamps."""

    def act(scene: Scene) -> None:
        first, second = scene.stored(stream, one), scene.stored(stream, other)
        scene.replace({**first, "_id": second["_id"]})
        scene.replace({**second, "_id": first["_id"]})

    return act


def exchanging_what_they_say(stream: str, one: int, other: int) -> Act:
    """The same hand, which leaves times and stamps where they were."""

    def act(scene: Scene) -> None:
        first, second = scene.stored(stream, one), scene.stored(stream, other)
        times = [{name: event[name] for name in ("_id", "at", "ts")} for event in (first, second)]
        scene.replace({**first, **times[1]})
        scene.replace({**second, **times[0]})

    return act


def putting_between(stream: str, event: Any) -> Act:
    """A hand that puts an event behind the first one of a stream, stamped between it and the next."""

    def act(scene: Scene) -> None:
        new = scene.next_of(stream, event)
        first, *rest = scene.history(stream)
        scene.remove(stream, *(one["_id"]["version"] for one in rest))
        behind = [{**new, "at": first["at"]}, *rest]
        for version, document in enumerate(behind, start=2):
            ts = Timestamp(first["ts"].time, first["ts"].inc + version)
            scene.put({**document, "_id": {"stream": stream, "version": version}, "ts": ts})

    return act


def inventing(stream: str, *events: Any) -> Act:
    """A hand that puts in a stream that never was, stamped as an old one."""

    def act(scene: Scene) -> None:
        old = scene.stored("job-done", 1)
        for number, event in enumerate(events):
            document = scene.next_of(stream, event)
            scene.put({**document, "at": old["at"], "ts": Timestamp(old["ts"].time, old["ts"].inc + number)})
        scene.rechain(stream)

    return act


def renaming(stream: str, name: str) -> Act:
    """A hand that gives a stream another name."""

    def act(scene: Scene) -> None:
        for document in scene.history(stream):
            scene.events.delete_one({"_id": document["_id"]})
            scene.put({**document, "_id": {**document["_id"], "stream": name}, "bucket": bucket_of(name)})
        scene.rechain(name)

    return act


def of_any_stream(of: str, stream: str, what: str, foreign: str) -> Sequence[Kind]:
    """What can be done to a stream of three events, each of which says `why`, `host` or the like, but to its data."""
    return [
        *in_all_ways(
            of,
            f"who did it is altered in {what}",
            stream,
            setting(stream, 2, "actor", "mallory"),
            {"plain": ALTERED, "hashes": ""},
        ),
        *in_all_ways(
            of,
            f"an event of {what} is dated before the one before it",
            stream,
            setting(stream, 2, "at", OLD),
            dict.fromkeys(("plain", "hashes"), BACKWARDS),
        ),
        *in_all_ways(
            of,
            f"an event in the middle of {what} is deleted",
            stream,
            removing(stream, 2),
            dict.fromkeys(("plain", "hashes"), "version 3 stands where version 2 belongs"),
        ),
        *in_all_ways(
            of,
            f"the first event of {what} is deleted, and the others are counted anew",
            stream,
            then(removing(stream, 1), lambda scene: scene.renumber(stream)),
            {"plain": ALTERED, "hashes": ""},
        ),
        Kind(of, f"the last event of {what} is deleted", removing(stream, 3)),
        Kind(of, f"all of {what} is deleted", removing(stream)),
        *in_all_ways(
            of,
            f"two events of {what} change places",
            stream,
            exchanging(stream, 2, 3),
            {"plain": ALTERED, "hashes": RESTAMPED},
        ),
        *in_all_ways(
            of,
            f"two events of {what} change places, but for their times",
            stream,
            exchanging_what_they_say(stream, 2, 3),
            {"plain": ALTERED, "hashes": ""},
        ),
        Kind(
            of,
            f"an event of another kind of stream is put at the end of {what}",
            put_next(stream, Paused(why="x")),
            foreign,
        ),
        Kind(
            of,
            f"an event is put beyond the end of {what}",
            put_next(stream, WorkerLeft(), _id={"stream": stream, "version": 9}),
            "version 9 stands where version 4 belongs",
        ),
    ]


KINDS: list[Kind] = [
    *of_any_stream(WORKERS, WORKER, "a worker's life", "`paused` is no event of a `worker` stream"),
    *in_all_ways(
        WORKERS,
        "why a worker was asked to stop is altered",
        WORKER,
        setting(WORKER, 2, "data.why", "no reason"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        WORKERS,
        "what a lost worker held is altered",
        "worker-3c4d",
        setting("worker-3c4d", 2, "data.held", []),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        WORKERS,
        "a lost worker becomes one that has left",
        "worker-3c4d",
        then(setting("worker-3c4d", 2, "type", "worker-left"), setting("worker-3c4d", 2, "data", {})),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        WORKERS,
        "a request to stop is put in that never was",
        WORKER,
        putting_between(WORKER, STARTED),
        {"plain": ALTERED, "hashes": ""},
    ),
    Kind(WORKERS, "a worker is invented, stamped as an old one", inventing("worker-9f9f", STARTED, WorkerLeft())),
    Kind(WORKERS, "a worker gets another name, hashes recomputed", renaming(WORKER, "worker-5e6f")),
    *of_any_stream(UPKEEP, VIEWS, "what was done to the views", "`paused` is no event of a `views` stream"),
    *in_all_ways(
        UPKEEP,
        "why views were built anew is altered",
        VIEWS,
        setting(VIEWS, 1, "data.why", "no reason"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        UPKEEP,
        "that a job was let go on is put in",
        VIEWS,
        putting_between(VIEWS, ParkedRetried(projection="stats", job="x")),
        {"plain": ALTERED, "hashes": ""},
    ),
    *of_any_stream(IGNORES, IGNORE, "what is ignored", "`paused` is no event of a `ignore` stream"),
    *in_all_ways(
        IGNORES,
        "what an error that is ignored is like is altered",
        IGNORE,
        setting(IGNORE, 3, "data.like", "exit code 9"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        IGNORES,
        "until when errors are ignored is altered",
        IGNORE,
        setting(IGNORE, 3, "data.until", OLD),
        {"plain": ALTERED, "hashes": ""},
    ),
    Kind(IGNORES, "errors are ignored that never were", inventing("ignore-0a1b2c3d4e", Ignored(like="exit code 9"))),
    *in_all_ways(
        ACTS,
        "why something was done to many jobs is altered",
        ACT,
        setting(ACT, 1, "data.why", "no reason"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        ACTS,
        "what was done to many jobs is altered",
        ACT,
        setting(ACT, 1, "data.what", "retry"),
        {"plain": ALTERED, "hashes": "`cancelled` is not what act 0a1b does to a job, which is to retry it"},
    ),
    *in_all_ways(
        ACTS,
        "to how many jobs it was done is altered",
        ACT,
        setting(ACT, 2, "data.done", 7),
        {"plain": ALTERED, "hashes": "its sum is 7, and it was begun for 1"},
    ),
    *in_all_ways(
        ACTS,
        "the act that a job was part of is altered",
        "job-gone",
        setting("job-gone", 2, "data.act", "nobody"),
        {"plain": ALTERED, "hashes": UNNAMED, "views": ALTERED, "both": UNNAMED},
    ),
    Kind(ACTS, "all of an act is deleted", removing(ACT), "it names act 0a1b, of which the log has nothing"),
    Kind(ACTS, "the end of an act is deleted", removing(ACT, 2)),
    *in_all_ways(
        ACTS,
        "the beginning of an act is deleted, and its end counted anew",
        ACT,
        then(removing(ACT, 1), lambda scene: scene.renumber(ACT)),
        {"plain": ALTERED, "hashes": "an act ends that has not begun"},
    ),
    Kind(ACTS, "an act that is over ends again", put_next(ACT, ActEnded(done=1)), "of an act that is over"),
    Kind(ACTS, "an act that is over begins again", put_next(ACT, ActBegun(what="retry")), "of an act that is over"),
    Kind(ACTS, "an act gets another name, hashes recomputed", renaming(ACT, "act-2c3d"), "it names act 0a1b"),
    Kind(ACTS, "an act is invented, stamped as an old one", inventing("act-9f9f", ActBegun(what="cancel", jobs=3))),
]
