"""Tampering with the histories of jobs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.model.codec import DATA_MAX, bucket_of
from eventqueue.model.events import Amended, Claimed, ConfigSet, Paused, Terms
from eventqueue.model.restarting import successor
from tests.audit.tampering.kind import Act, Kind, in_all_ways, then
from tests.audit.tampering.scene import ANEW, Scene, forged, put_next
from tests.builders import AMENDED, enqueued

ALTERED = "its hash is not that of its bytes: the event was altered"
UNCHAINED = "it does not continue the event before it: `prev` is another hash"
UNPLACED = "its `_id` is no stream and version"
UNREAD = "cannot be read"
DAY = timedelta(days=1)

OF = "jobs"


def setting(stream: str, version: int, path: str, value: Any) -> Any:
    """A hand that sets one field of an event, given by its path."""
    *inner, last = path.split(".")

    def change(document: dict[str, Any]) -> None:
        for name in inner:
            document = document[name]
        document[last] = value

    return lambda scene: scene.alter(stream, version, change)


def removing(stream: str, *versions: int) -> Any:
    """A hand that deletes events, or a stream."""
    return lambda scene: scene.remove(stream, *versions)


def rewritten(act: Act) -> Act:
    """The same hand, which has the views made new afterwards."""
    return then(act, Scene.rewrite_views)


def _shift(scene: Scene) -> None:
    for document in scene.history("job-done"):
        scene.replace({**document, "at": document["at"] - DAY})


def _cut_and_renumber(scene: Scene) -> None:
    scene.remove("job-again", 2, 3)
    scene.renumber("job-again")


def _put_between(scene: Scene) -> None:
    """Have a job claimed and released once more than it was."""
    history = scene.history("job-again")
    scene.remove("job-again", 4, 5)
    for version, document in enumerate([*history[1:3], *history[3:]], start=4):
        scene.put({**document, "_id": {"stream": "job-again", "version": version}, "ts": Timestamp(2**31 - 1, version)})
    for version, document in enumerate(scene.history("job-again"), start=1):
        scene.replace({**document, "ts": Timestamp(history[-1]["ts"].time, history[-1]["ts"].inc + version)})


def _rename(scene: Scene, stream: str, name: str) -> None:
    for document in scene.history(stream):
        scene.events.delete_one({"_id": document["_id"]})
        scene.put({**document, "_id": {**document["_id"], "stream": name}, "bucket": bucket_of(name)})


def _exchange(scene: Scene) -> None:
    _rename(scene, "job-waits", "job-x")
    _rename(scene, "job-gone", "job-waits")
    _rename(scene, "job-x", "job-gone")


def _exchange_and_rehash(scene: Scene) -> None:
    _exchange(scene)
    for stream in ("job-waits", "job-gone"):
        scene.rechain(stream)


def _invent(scene: Scene) -> None:
    document = scene.next_of("job-invented", enqueued())
    scene.put({**document, "ts": scene.stored("job-done", 1)["ts"]})


def _forget_done(scene: Scene) -> None:
    """Delete a job, and all that the views show of it but their numbers."""
    scene.remove("job-done")
    scene.outputs.delete_many({"_id.job": "done"})
    scene.view("jobs").delete_one({"_id": "done"})


def _forget_done_and_its_numbers(scene: Scene) -> None:
    numbers = list(scene.view("stats").find())
    _forget_done(scene)
    scene.rewrite_views()
    applied = 20 + 2  # of all jobs and late results: as many as there were
    assert numbers
    scene.checkpoint.update_one({}, {"$set": {"applied": applied}})


def _drop_log(scene: Scene) -> None:
    scene.events.drop()


def _misplace(key: Any) -> Any:
    return lambda scene: scene.put(forged({**scene.stored("job-done", 1), "_id": key}))


def _restamp(version: int, ts: Timestamp) -> Any:
    return setting("job-done", version, "ts", ts)


def _strip(scene: Scene) -> None:
    document = scene.stored("job-done", 2)
    del document["actor"]
    scene.replace(document)


def _add_field(scene: Scene) -> None:
    document = scene.stored("job-done", 3)
    ts, digest = document.pop("ts"), document.pop("hash")
    scene.replace(forged({**document, "note": "x", "ts": ts, "hash": digest}))


KINDS: list[Kind] = [
    *in_all_ways(
        OF,
        "what a job ended with is altered",
        "job-done",
        setting("job-done", 3, "data.exit_code", 1),
        {"plain": ALTERED, "hashes": "the view has hash", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "the command of a job is altered",
        "job-done",
        setting("job-done", 1, "data.run.command", "rm -rf /"),
        {"plain": ALTERED, "hashes": "the view has run, its events another", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "what was changed of a job that waited is altered",
        "job-moved",
        setting("job-moved", 2, "data.now.priority", 6),
        {"plain": ALTERED, "hashes": "the view has priority", "views": ALTERED, "both": ""},
    ),
    Kind(
        OF,
        "a job that runs is said to have been changed while it waited",
        put_next("job-runs", AMENDED),
        "`amended` is not legal for a job that is processing",
    ),
    Kind(
        OF,
        "a job is said to have been changed from what it was not",
        put_next("job-waits", AMENDED),
        "it tells of another `priority` than the job had",
    ),
    Kind(
        OF,
        "a job is said to have been changed in what did not change",
        put_next("job-waits", Amended(was=Terms(queue="other", priority=5), now=Terms(priority=7))),
        "it tells of a `queue` that it does not change",
    ),
    Kind(
        OF,
        "a job is said to have been changed in nothing",
        put_next("job-waits", Amended(was=Terms(), now=Terms())),
        "it changes nothing",
    ),
    Kind(
        OF,
        "a job is said to have been given more than a job may have",
        put_next("job-waits", Amended(was=Terms(env={}), now=Terms(env={"LARGE": "x" * DATA_MAX}))),
        "it makes more of the job than a job may have",
    ),
    Kind(
        OF,
        "a task is said to run another command",
        put_next("job-calls", Amended(was=Terms(), now=Terms(command="make"))),
        "it tells of another `command` than the job had",
    ),
    *in_all_ways(
        OF,
        "of what job a job is the restart is altered",
        f"job-{ANEW}",
        setting(f"job-{ANEW}", 1, "data.restart_of", "nobody"),
        {
            "plain": ALTERED,
            "hashes": "the view has restart_of",
            "views": ALTERED,
            "both": "it takes up job nobody, of which the log has nothing",
        },
    ),
    Kind(
        OF,
        "a job that was restarted is deleted, views rewritten",
        rewritten(removing("job-dead")),
        "it takes up job dead, of which the log has nothing",
    ),
    Kind(
        OF,
        "a job is said to be the restart of one that waits",
        put_next(f"job-{successor('waits', 0)}", replace(enqueued(), restart_of="waits")),
        "it takes up job waits, which had not ended so by then",
    ),
    Kind(
        OF,
        "a job is said to be the restart of one that was restarted otherwise",
        put_next("job-other", replace(enqueued(), restart_of="dead")),
        "it takes up job dead, which had not ended so by then",
    ),
    *in_all_ways(
        OF,
        "what a task is called with is altered",
        "job-calls",
        setting("job-calls", 1, "data.run.args", [43]),
        {"plain": ALTERED, "hashes": "the view has run, its events another", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "what a task returned is altered",
        "job-calls",
        setting("job-calls", 3, "data.result", {"rows": 43}),
        {"plain": ALTERED, "hashes": "the view has result", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "who did it is altered",
        "job-gone",
        setting("job-gone", 2, "actor", "mallory"),
        {"plain": ALTERED, "hashes": "the view has hash", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "an event's own id is altered",
        "job-done",
        setting("job-done", 2, "id", bytes(16)),
        {"plain": ALTERED, "hashes": "the view has hash", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "what caused an event is altered",
        "job-done",
        setting("job-done", 2, "cause", bytes(16)),
        {"plain": ALTERED, "hashes": "the view has hash", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "an event is dated before the one before it",
        "job-done",
        setting("job-done", 2, "at", datetime(2001, 1, 1, tzinfo=UTC)),
        dict.fromkeys(("plain", "hashes", "views", "both"), "its time is before that of the event before it"),
    ),
    *in_all_ways(
        OF,
        "all of a job is dated back by a day",
        "job-done",
        _shift,
        {"plain": ALTERED, "hashes": "the view has created_at", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "an event's type is altered into another that a job could not have",
        "job-gone",
        then(
            setting("job-gone", 2, "type", "dead-lettered"),
            setting("job-gone", 2, "data", {"reason": "x"}),
        ),
        dict.fromkeys(("plain", "hashes", "views", "both"), "`dead-lettered` is not legal for a job that is pending"),
    ),
    *in_all_ways(
        OF,
        "an event's type is altered into another that a job could have",
        "job-again",
        then(
            setting("job-again", 3, "type", "cancelled"),
            setting("job-again", 3, "data", {"why": "x"}),
            removing("job-again", 4, 5),
        ),
        {"plain": ALTERED, "hashes": "the log ends at 3: events are missing", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "an event's type is none that is known",
        "job-done",
        setting("job-done", 2, "type", "reviewed"),
        dict.fromkeys(("plain", "hashes", "views", "both"), "is of type 'reviewed', schema 1, which is unknown here"),
    ),
    *in_all_ways(
        OF,
        "an event's schema is none that is known",
        "job-done",
        setting("job-done", 2, "schema", 99),
        dict.fromkeys(("plain", "both"), "is of type 'claimed', schema 99, which is unknown here"),
    ),
    *in_all_ways(
        OF,
        "an event's data does not fit its type",
        "job-done",
        setting("job-done", 2, "data", {"worker": 7}),
        dict.fromkeys(("plain", "both"), UNREAD),
    ),
    *in_all_ways(
        OF,
        "an event is dated beyond the year 9999",
        "job-done",
        setting("job-done", 2, "at", DatetimeMS(2**55)),
        {"plain": UNREAD},
    ),
    *in_all_ways(
        OF,
        "an event's bucket is altered",
        "job-done",
        setting("job-done", 2, "bucket", 64),
        dict.fromkeys(("plain", "hashes", "views", "both"), "its bucket is 64, not"),
    ),
    Kind(OF, "an event continues another one than it did", setting("job-done", 2, "prev", bytes(32)), UNCHAINED),
    Kind(OF, "an event's hash is altered", setting("job-done", 3, "hash", bytes(32)), ALTERED),
    Kind(
        OF,
        "one event in the middle is altered, and it alone is hashed again",
        lambda scene: scene.replace(forged({**scene.stored("job-done", 2), "actor": "mallory"})),
        UNCHAINED,
    ),
    Kind(
        OF,
        "an event is stamped (`ts`) before the one before it",
        _restamp(2, Timestamp(1, 1)),
        "the server stamped it (`ts`) before the event before it",
    ),
    Kind(
        OF,
        "an event is stamped (`ts`) with a time that is yet to come",
        _restamp(3, Timestamp(2**32 - 2, 1)),
        "the server stamped it (`ts`) with a time that is yet to come",
    ),
    Kind(OF, "an event's `ts` is of another type", setting("job-done", 3, "ts", "now"), ALTERED),
    Kind(OF, "an event lacks a field", _strip, UNREAD),
    Kind(OF, "an event has one field more, and is hashed again", _add_field, "it has 13 fields, an event has 12"),
    *in_all_ways(
        OF,
        "who did it is no text",
        "job-done",
        setting("job-done", 2, "actor", 7),
        dict.fromkeys(("plain", "both"), "its `actor` is of type int, not a text"),
    ),
    *in_all_ways(
        OF,
        "an event in the middle is deleted",
        "job-done",
        removing("job-done", 2),
        dict.fromkeys(("plain", "hashes", "views", "both"), "version 3 stands where version 2 belongs"),
    ),
    *in_all_ways(
        OF,
        "the first event of a job is deleted",
        "job-done",
        removing("job-done", 1),
        dict.fromkeys(("plain", "hashes", "views", "both"), "version 2 stands where version 1 belongs"),
    ),
    *in_all_ways(
        OF,
        "events in the middle are deleted, and the gap is closed",
        "job-again",
        _cut_and_renumber,
        {"plain": ALTERED, "hashes": "the log ends at 3: events are missing", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "events are put between others",
        "job-again",
        _put_between,
        {"plain": ALTERED, "hashes": "the view has hash", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        OF,
        "the last event of a job is deleted",
        "job-gone",
        removing("job-gone", 2),
        {"plain": "the view is at version 2, the log ends at 1: events are missing from the log", "views": ""},
    ),
    *in_all_ways(
        OF,
        "a job is deleted whole",
        "job-gone",
        removing("job-gone"),
        {"plain": "the view has it, the log does not: events are missing from the log", "views": ""},
    ),
    Kind(OF, "a job is deleted whole, and its view and output, too", _forget_done, "more than the log"),
    Kind(
        OF,
        "a job is deleted whole, views rewritten, but the checkpoint counts what it did",
        _forget_done_and_its_numbers,
        "events are said to be in the views, the log has",
    ),
    Kind(
        OF,
        "a job is deleted, and its late results are left",
        rewritten(removing("job-dead")),
        "its job is not in the log, or was never claimed",
    ),
    *in_all_ways(
        OF,
        "all events are deleted",
        "job-done",
        lambda scene: (scene.events.delete_many({}), scene.outputs.delete_many({})),
        {"plain": "the view has it, the log does not: events are missing from the log", "views": ""},
    ),
    Kind(OF, "the log's collection is dropped", _drop_log, "the collection of the log is missing"),
    *in_all_ways(
        OF,
        "an event that a job could not have is put at its end",
        "job-done",
        put_next("job-done", Claimed(worker="mallory", host="h", pid=1, attempt=2)),
        dict.fromkeys(("plain", "views"), "`claimed` is not legal for a job that is completed"),
    ),
    *in_all_ways(
        OF,
        "an event of another kind of stream is put at a job's end",
        "job-done",
        put_next("job-done", Paused(why="x")),
        dict.fromkeys(("plain", "views"), "`paused` is not legal for a job that is completed"),
    ),
    Kind(
        OF,
        "an event is put beyond a job's end",
        put_next("job-waits", ConfigSet(name="x", value=1), _id={"stream": "job-waits", "version": 9}),
        "version 9 stands where version 2 belongs",
    ),
    *in_all_ways(OF, "a job is invented, stamped as an old one", "job-invented", _invent, {"plain": "", "views": ""}),
    *in_all_ways(
        OF,
        "two jobs change names",
        "job-waits",
        _exchange,
        {"plain": ALTERED, "views": ALTERED},
    ),
    Kind(
        OF,
        "two jobs change names, hashes recomputed",
        _exchange_and_rehash,
        "the view has hash",
    ),
    Kind(
        OF,
        "two jobs change names, hashes recomputed, views rewritten",
        rewritten(_exchange_and_rehash),
    ),
    Kind(OF, "an event stands under version and stream", _misplace({"version": 9, "stream": "job-done"}), UNPLACED),
    Kind(OF, "an event stands under a text", _misplace("put-in"), UNPLACED),
    Kind(OF, "an event stands under a date", _misplace(datetime(2026, 1, 1, tzinfo=UTC)), UNPLACED),
    Kind(OF, "an event stands under a stream alone", _misplace({"stream": "job-done"}), UNPLACED),
    Kind(
        OF,
        "an event stands under a version that is a text",
        _misplace({"stream": "job-done", "version": "2"}),
        UNPLACED,
    ),
    Kind(
        OF,
        "an event stands under a version that is a fraction",
        _misplace({"stream": "job-done", "version": 3.5}),
        UNPLACED,
    ),
    Kind(
        OF,
        "an event stands under a version that is beyond all",
        _misplace({"stream": "job-done", "version": 2**60}),
        UNPLACED,
    ),
    Kind(
        OF,
        "an event stands under a stream, a version and more",
        _misplace({"stream": "job-done", "version": 9, "x": 1}),
        UNPLACED,
    ),
    Kind(
        OF,
        "a stream has a category that is none",
        _misplace({"stream": "task-done", "version": 1}),
        "its category `task` is none that this eventqueue knows",
    ),
    Kind(
        OF,
        "a stream has no category",
        _misplace({"stream": "done", "version": 1}),
        "its category `done` is none that this eventqueue knows",
    ),
    Kind(
        OF,
        "a stream's name is longer than names are",
        _misplace({"stream": f"job-{'x' * 300}", "version": 1}),
        "the name of its stream has 304 characters",
    ),
]
