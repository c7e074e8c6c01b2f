"""Tampering with the views, with where they stand, and with what the log is in."""

from datetime import UTC, datetime
from typing import Any

from eventqueue.mongo.layout import VALIDATOR
from projections.keeping.tail import token_now
from tests.audit.tampering.kind import Kind
from tests.audit.tampering.scene import Scene
from tests.builders import claimed

VIEWS, STANDING, LOG = "views", "checkpoint", "the log's collection"


def in_view(name: str, which: dict[str, Any], change: dict[str, Any]) -> Any:
    """A hand that updates documents of a view."""

    def act(scene: Scene) -> None:
        assert scene.view(name).update_many(which, change).modified_count

    return act


def from_view(name: str, which: dict[str, Any]) -> Any:
    """A hand that deletes documents of a view."""

    def act(scene: Scene) -> None:
        assert scene.view(name).delete_many(which).deleted_count

    return act


def into_view(name: str, document: dict[str, Any]) -> Any:
    """A hand that puts a document into a view."""
    return lambda scene: scene.view(name).insert_one(dict(document))


def job(job_id: str, **fields: Any) -> Any:
    """A hand that sets fields of a job's document."""
    return in_view("jobs", {"_id": job_id}, {"$set": fields})


def _ghost(scene: Scene) -> None:
    document = scene.view("jobs").find_one({"_id": "done"})
    assert document is not None
    scene.view("jobs").insert_one({**document, "_id": "ghost"})


def standing(**fields: Any) -> Any:
    """A hand that sets fields of the checkpoint."""
    return lambda scene: scene.checkpoint.update_one({}, {"$set": fields})


def _stand_elsewhere(scene: Scene, *, is_ahead: bool) -> None:
    before = token_now(scene.database)
    scene.put(scene.next_of("job-waits", CLAIMED))
    scene.checkpoint.update_one({}, {"$set": {"token": token_now(scene.database) if is_ahead else before}})


def _rewind(scene: Scene) -> None:
    before = token_now(scene.database)
    scene.put(scene.next_of("job-waits", CLAIMED))
    scene.rewrite_views()
    scene.checkpoint.update_one({}, {"$set": {"token": before}})


def alias(change: dict[str, Any]) -> Any:
    """A hand that changes which views are the live ones."""
    return lambda scene: scene.database["views"].update_one({}, change)


def layout(change: dict[str, Any]) -> Any:
    """A hand that changes the layout document."""
    return lambda scene: scene.database["layout"].update_one({}, change)


def modified(**options: Any) -> Any:
    """A hand that changes the options of the log's collection."""
    return lambda scene: scene.database.command("collMod", "events", **options)


def _index_other(scene: Scene) -> None:
    scene.events.drop_index("ts")
    scene.events.create_index([("ts", 1)], name="ts", partialFilterExpression={"type": "claimed"})


def _make_anew(**options: Any) -> Any:
    def act(scene: Scene) -> None:
        documents = list(scene.events.find(sort=[("ts", 1)]))
        scene.events.drop()
        scene.database.create_collection("events", validator=VALIDATOR, **options)
        scene.events.create_index([("ts", 1)], name="ts")
        scene.events.insert_many(documents)
        scene.rewrite_views()

    return act


def _drop_view(name: str) -> Any:
    return lambda scene: scene.view(name).drop()


def _drop_and_fill(scene: Scene) -> None:
    documents = list(scene.view("jobs").find())
    scene.view("jobs").drop()
    scene.view("jobs").insert_many(documents)


def _empty_views_and_log(scene: Scene) -> None:
    scene.events.delete_many({})
    scene.outputs.delete_many({})
    for name in ("jobs", "due", "claims", "failures"):
        scene.view(name).delete_many({})


FUTURE = datetime(2199, 1, 1, tzinfo=UTC)
CLAIMED = claimed("worker-3")

KINDS: list[Kind] = [
    Kind(VIEWS, "a field of a job is altered", job("done", priority=9), "the view has priority 9, its events 0"),
    Kind(
        VIEWS,
        "what a job runs is altered",
        job("waits", **{"run.command": "rm"}),
        "the view has run, its events another",
    ),
    Kind(VIEWS, "a job gets another state", job("gone", state="completed"), "the view has state"),
    Kind(
        VIEWS, "a field is of another type", job("done", attempts="many"), "the view has attempts 'many', its events 1"
    ),
    Kind(VIEWS, "a job gets a field that is none", job("done", note="x"), "the view has a field note, which is none"),
    Kind(VIEWS, "a job's version is set back", job("done", version=2), "the view is at version 2, the log at 3"),
    Kind(
        VIEWS,
        "a job's version is set beyond the log",
        job("done", version=9),
        "the view is at version 9, the log ends at 3",
    ),
    Kind(VIEWS, "a job's version is no number", job("done", version="x"), "its version is 'x'"),
    Kind(
        VIEWS,
        "a job is parked by hand",
        job("done", parked={"projection": "jobs", "problem": "by hand"}),
        "stands still: by hand",
    ),
    Kind(VIEWS, "late results are forgotten", job("dead", late_version=0), "0 of 2 late results seen"),
    Kind(VIEWS, "late results are invented", job("done", late_version=1), "1 late results seen, the log has 0"),
    Kind(VIEWS, "a job is taken from the view", from_view("jobs", {"_id": "done"}), "the view does not have it"),
    Kind(VIEWS, "a job that never was is put into the view", _ghost, "the view has it, the log does not"),
    Kind(
        VIEWS,
        "a job is hidden from workers",
        from_view("due", {"jobs": {"$regex": "waits"}}),
        "is not shown to workers",
    ),
    Kind(
        VIEWS,
        "a job is held back from workers",
        in_view("due", {"jobs": {"$regex": "waits"}}, {"$set": {"ready": "held"}}),
        "is held back from workers, though nobody has paused its queue",
    ),
    Kind(
        VIEWS,
        "a job is shown to workers with another priority",
        in_view("due", {}, {"$set": {"priority": 9}}),
        "is shown to workers otherwise than it waits",
    ),
    Kind(
        VIEWS,
        "a job is shown to workers of another queue",
        in_view("due", {}, {"$set": {"queue": "x"}}),
        "is shown to workers otherwise than it waits",
    ),
    Kind(VIEWS, "a job is shown to nobody", in_view("due", {}, {"$set": {"ready": "maybe"}}), "is shown to nobody"),
    Kind(
        VIEWS,
        "a job is shown to workers once more",
        into_view(
            "due",
            {
                "_id": "x+1.0",
                "queue": "default",
                "bucket": 1,
                "priority": 0,
                "due_at": FUTURE,
                "ready": True,
                "jobs": ["0~done"],
            },
        ),
        "is shown to workers in entry",
    ),
    Kind(
        VIEWS,
        "a claim is taken from its worker",
        from_view("claims", {}),
        "is shown as held by nobody, not by worker-7",
    ),
    Kind(
        VIEWS,
        "a claim is given to another worker",
        into_view("claims", {"_id": "mallory", "jobs": ["runs"]}),
        "not by worker-7",
    ),
    Kind(
        VIEWS,
        "a worker is shown with a job that never was",
        into_view("claims", {"_id": "mallory", "jobs": ["ghost"]}),
        "is shown as held by mallory, not by nobody",
    ),
    Kind(
        VIEWS,
        "a dead job is taken from the failures",
        from_view("failures", {"_id": "dead"}),
        "is not among the failures, where it belongs",
    ),
    Kind(
        VIEWS,
        "a job is put among the failures",
        into_view("failures", {"_id": "done", "state": "dead"}),
        "is among the failures, where it does not belong",
    ),
    Kind(
        VIEWS,
        "a failure is listed otherwise",
        in_view("failures", {"_id": "dead"}, {"$set": {"queue": "x"}}),
        "is among the failures, with queue",
    ),
    Kind(
        VIEWS,
        "a counter is raised",
        in_view("stats", {"_id.key": "state"}, {"$inc": {"n.completed": 2}}),
        "the view counts 2 more than the log",
    ),
    Kind(
        VIEWS,
        "a counter is lowered",
        in_view("stats", {"_id.key": "state"}, {"$inc": {"n.completed": -1}}),
        "the view counts 1 fewer than the log",
    ),
    Kind(VIEWS, "counters are deleted", from_view("stats", {}), "fewer than the log"),
    Kind(VIEWS, "a counter is put in that is none", into_view("stats", {"_id": 7, "n": "x"}), "is no counter"),
    Kind(VIEWS, "the log and the views are emptied, but for their counters", _empty_views_and_log, "more than the log"),
    Kind(VIEWS, "a view is dropped", _drop_view("claims"), "is missing"),
    Kind(VIEWS, "a view is dropped, and put back", _drop_and_fill, "is not the one that was built"),
    Kind(
        VIEWS,
        "an index of a view is dropped",
        lambda scene: scene.view("due").drop_index("ready"),
        "index ready of due is missing",
    ),
    Kind(
        STANDING,
        "the checkpoint is deleted",
        lambda scene: scene.checkpoint.delete_many({}),
        "is the live one, and has no checkpoint",
    ),
    Kind(STANDING, "the checkpoint is retired", standing(is_retired=True), "its checkpoint is marked as retired"),
    Kind(
        STANDING,
        "the views are said to be of another log",
        standing(log="0" * 32),
        "the views are said to be of log 000",
    ),
    Kind(
        STANDING,
        "the views are said to be of other projections",
        standing(projections={"jobs": 1}),
        "the live views are of jobs 1",
    ),
    Kind(
        STANDING,
        "more events are said to be in the views",
        standing(applied=999),
        "999 events are said to be in the views",
    ),
    Kind(
        STANDING,
        "fewer events are said to be in the views",
        standing(applied=1),
        "1 events are said to be in the views",
    ),
    Kind(
        STANDING,
        "the last event is said to be another",
        standing(last={"stream": "job-x", "version": 1, "hash": bytes(32)}),
        "the last event in the views, job-x version 1, is not in the log",
    ),
    Kind(
        STANDING,
        "the last event is said to have another hash",
        standing(**{"last.hash": bytes(32)}),
        "is not in the log as it was applied",
    ),
    Kind(STANDING, "the last event is said to be none", standing(last=None), "it names no last event"),
    Kind(
        STANDING,
        "its place in the log is none",
        standing(token={"_data": "zz"}),
        "the checkpoint of the live views cannot be read",
    ),
    Kind(
        STANDING,
        "its place in the log leads nowhere",
        standing(token={"_data": "8269000000000000012B"}),
        "the views could not be held against the log",
    ),
    Kind(
        STANDING,
        "its place in the log is one to come",
        standing(token={"_data": "82F0000000000000012B"}),
        "its checkpoint is of a time that is yet to come",
    ),
    Kind(
        STANDING,
        "its place in the log is set ahead",
        lambda scene: _stand_elsewhere(scene, is_ahead=True),
        "the view is at version 1, the log at 2",
    ),
    Kind(STANDING, "its place in the log is set back", _rewind, "more than the log"),
    Kind(
        STANDING,
        "it was moved at a time that is yet to come",
        standing(moved_at=FUTURE),
        "it was moved at a time that is yet to come",
    ),
    Kind(STANDING, "its fence is no number", standing(fence="x"), "the checkpoint of the live views cannot be read"),
    Kind(
        STANDING,
        "no views are the live ones",
        lambda scene: scene.database["views"].delete_many({}),
        "no views are the live ones, though",
    ),
    Kind(
        STANDING,
        "the live views are some that are not there",
        alias({"$set": {"generation": 99}}),
        "generation 99 of the views is the live one, and has no checkpoint",
    ),
    Kind(
        STANDING,
        "the live views are called otherwise",
        alias({"$set": {"generation": "x"}}),
        "no generation of views is called 'x'",
    ),
    Kind(
        LOG,
        "the layout document is deleted",
        lambda scene: scene.database["layout"].delete_many({}),
        "the log has no layout document",
    ),
    Kind(LOG, "the log's id is altered", layout({"$set": {"log": "0" * 32}}), "the views are said to be of log"),
    Kind(LOG, "the log's id is no text", layout({"$set": {"log": 7}}), "the layout document names no log"),
    Kind(
        LOG, "the layout is said to be another", layout({"$set": {"version": 9}}), "the layout document says version 9"
    ),
    Kind(
        LOG,
        "the validator is said to be another",
        layout({"$set": {"validator": 99}}),
        "the layout document says validator 99",
    ),
    Kind(LOG, "the validator is taken away", modified(validator={}), "its validator is not that of the log"),
    Kind(
        LOG,
        "the validator is another",
        modified(validator={"type": {"$exists": True}}),
        "its validator is not that of the log",
    ),
    Kind(
        LOG,
        "the validator lets old events be",
        modified(validationLevel="moderate"),
        "its validationLevel is 'moderate', not 'strict'",
    ),
    Kind(
        LOG,
        "the validator only warns",
        modified(validationAction="warn"),
        "its validationAction is 'warn', not 'error'",
    ),
    Kind(LOG, "the log's index is dropped", lambda scene: scene.events.drop_index("ts"), "its index `ts` is missing"),
    Kind(LOG, "the log's index is another", _index_other, "its index `ts` is not the one that it should be"),
    Kind(
        LOG,
        "the log gets an index that drops events",
        lambda scene: scene.events.create_index("at", name="x", expireAfterSeconds=10**9),
        "its index `x` has expireAfterSeconds",
    ),
    Kind(
        LOG,
        "the log gets an index that refuses events",
        lambda scene: scene.events.create_index("hash", name="x", unique=True),
        "its index `x` has unique",
    ),
    Kind(
        LOG,
        "the log becomes a capped collection",
        _make_anew(capped=True, size=10**6),
        "it was created with the option capped",
    ),
    Kind(
        LOG,
        "the log gets another order of names",
        _make_anew(collation={"locale": "de"}),
        "it was created with the option collation",
    ),
]
