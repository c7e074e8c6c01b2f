"""Tampering with late results, settings, pauses, and what is kept of what jobs wrote."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from bson.timestamp import Timestamp

from eventqueue.model.events import ConfigSet, Paused, Resumed
from tests.audit.tampering.jobs import ALTERED, UNCHAINED, removing, rewritten, setting
from tests.audit.tampering.kind import Kind, in_all_ways
from tests.audit.tampering.scene import WROTE, Scene, forged, put_next
from tests.builders import COMPLETED

LATE, CONFIG, QUEUE, OUTPUTS = "late results", "settings", "pauses", "outputs"
BACKWARDS = "its time is before that of the event before it"
OLD = datetime(2001, 1, 1, tzinfo=UTC)


def keeping(job: str, **fields: Any) -> Any:
    """A hand that alters what is kept of a job's attempt."""
    return lambda scene: scene.outputs.update_one({"_id": {"job": job, "claim": 2}}, {"$set": fields})


def _keep_elsewhere(key: Any) -> Any:
    def act(scene: Scene) -> None:
        document = scene.outputs.find_one({"_id.job": "done"})
        assert document is not None
        scene.outputs.insert_one({**document, "_id": key})

    return act


def _forge_output(scene: Scene) -> None:
    keeping("done", stdout=b"43 rows\n")(scene)
    digest = sha256(b"43 rows\n").digest()
    setting("job-done", 3, "data.output.stdout.sha256", digest)(scene)
    scene.rechain("job-done")


def _retain_less(scene: Scene) -> None:
    scene.database.command("collMod", "outputs", index={"name": "retention", "expireAfterSeconds": 5_000_000})
    scene.put(scene.next_of("config-default", ConfigSet(name="output-retention", value=6_000_000.0)))


KINDS: list[Kind] = [
    *in_all_ways(
        LATE,
        "a late result is altered",
        "late-dead",
        setting("late-dead", 1, "data.data.exit_code", 1),
        {"plain": ALTERED, "hashes": "", "views": ALTERED, "both": ""},
    ),
    *in_all_ways(
        LATE,
        "a late result is dated before the one before it",
        "late-dead",
        setting("late-dead", 2, "at", OLD),
        dict.fromkeys(("plain", "hashes", "views", "both"), BACKWARDS),
    ),
    *in_all_ways(
        LATE,
        "a late result becomes that of a claim that never was",
        "late-dead",
        setting("late-dead", 2, "data.claim", 7),
        dict.fromkeys(("hashes", "both"), "it is the result of claim 7, which its job never had"),
    ),
    *in_all_ways(
        LATE,
        "a late result becomes another worker's",
        "late-dead",
        setting("late-dead", 2, "data.worker", "mallory"),
        dict.fromkeys(("hashes", "both"), "it is the result of worker mallory, its claim was held by worker-1"),
    ),
    *in_all_ways(
        LATE,
        "the first late result of a job is deleted",
        "late-dead",
        removing("late-dead", 1),
        dict.fromkeys(("plain", "hashes", "views", "both"), "version 2 stands where version 1 belongs"),
    ),
    *in_all_ways(
        LATE,
        "the last late result of a job is deleted",
        "late-dead",
        removing("late-dead", 2),
        {"plain": "2 late results seen, the log has 1: events are missing from it", "views": ""},
    ),
    *in_all_ways(
        LATE,
        "all late results of a job are deleted",
        "late-dead",
        removing("late-dead"),
        {"plain": "2 late results seen, the log has 0: events are missing from it", "views": ""},
    ),
    *in_all_ways(
        LATE,
        "an event of a job is put among late results",
        "late-dead",
        put_next("late-dead", COMPLETED),
        dict.fromkeys(("plain", "views"), "`completed` is no event of a `late` stream"),
    ),
    *in_all_ways(
        CONFIG,
        "the value of a setting is altered",
        "config-default",
        setting("config-default", 3, "data.value", 9),
        {"plain": ALTERED, "hashes": ""},
    ),
    Kind(
        CONFIG,
        "an older value of a setting is altered, and it alone is hashed again",
        lambda scene: scene.replace(
            forged({**scene.stored("config-default", 1), "data": {"name": "grace", "value": 1.0}})
        ),
        UNCHAINED,
    ),
    *in_all_ways(
        CONFIG,
        "who set it is altered",
        "config-default",
        setting("config-default", 2, "actor", "mallory"),
        {"plain": ALTERED, "hashes": ""},
    ),
    *in_all_ways(
        CONFIG,
        "a setting is dated before the one before it",
        "config-default",
        setting("config-default", 2, "at", OLD),
        dict.fromkeys(("plain", "hashes"), BACKWARDS),
    ),
    *in_all_ways(
        CONFIG,
        "a setting in the middle is deleted",
        "config-default",
        removing("config-default", 2),
        dict.fromkeys(("plain", "hashes"), "version 3 stands where version 2 belongs"),
    ),
    Kind(CONFIG, "the last setting is deleted", removing("config-default", 3)),
    Kind(CONFIG, "all settings are deleted", removing("config-default")),
    Kind(
        CONFIG,
        "an event of a queue is put among settings",
        put_next("config-default", Resumed()),
        "`resumed` is no event of a `config` stream",
    ),
    *in_all_ways(
        CONFIG,
        "a setting is of a type that is none",
        "config-default",
        setting("config-default", 2, "type", "config-guessed"),
        dict.fromkeys(("plain", "hashes"), "is of type 'config-guessed', schema 1, which is unknown here"),
    ),
    Kind(
        CONFIG,
        "a setting is stamped (`ts`) before the one before it",
        setting("config-default", 3, "ts", Timestamp(1, 1)),
        "the server stamped it (`ts`) before the event before it",
    ),
    *in_all_ways(
        QUEUE,
        "the reason of a pause is altered",
        "queue-mail",
        setting("queue-mail", 3, "data.why", "no reason"),
        {"plain": ALTERED, "hashes": ""},
    ),
    Kind(QUEUE, "the last pause of a queue is deleted", removing("queue-mail", 3)),
    *in_all_ways(
        QUEUE,
        "the end of a pause is deleted",
        "queue-mail",
        removing("queue-mail", 2),
        dict.fromkeys(("plain", "hashes"), "version 3 stands where version 2 belongs"),
    ),
    Kind(QUEUE, "all pauses of a queue are deleted", removing("queue-mail")),
    *in_all_ways(
        QUEUE,
        "a pause's bucket is altered",
        "queue-mail",
        setting("queue-mail", 1, "bucket", 64),
        dict.fromkeys(("plain", "hashes"), "its bucket is 64, not"),
    ),
    Kind(
        QUEUE,
        "a setting is put among pauses",
        put_next("queue-mail", ConfigSet(name="grace", value=1.0)),
        "`config-set` is no event of a `queue` stream",
    ),
    Kind(
        QUEUE,
        "a pause is put beyond the end",
        put_next("queue-mail", Paused(why="x"), _id={"stream": "queue-mail", "version": 9}),
        "version 9 stands where version 4 belongs",
    ),
    Kind(
        OUTPUTS,
        "a kept output is replaced",
        keeping("done", stdout=b"43 rows\n"),
        "its kept stdout is not what it wrote",
    ),
    Kind(OUTPUTS, "a kept output is cut", keeping("done", stdout=WROTE[:-2]), "its kept stdout is not what it wrote"),
    Kind(OUTPUTS, "a kept output is emptied", keeping("dead", stderr=b""), "its kept stderr is not what it wrote"),
    Kind(
        OUTPUTS,
        "an output is put where nothing was written",
        keeping("done", stderr=b"warning\n"),
        "its kept stderr is not what it wrote",
    ),
    Kind(
        OUTPUTS,
        "a kept output becomes that of another attempt",
        keeping("done", attempt=2),
        "its output is kept as of attempt 2, it was attempt 1",
    ),
    Kind(
        OUTPUTS,
        "an output is kept of a job that never was",
        _keep_elsewhere({"job": "ghost", "claim": 2}),
        "output is kept of an attempt that the log does not have",
    ),
    Kind(
        OUTPUTS,
        "an output is kept of a claim that never was",
        _keep_elsewhere({"job": "done", "claim": 9}),
        "output is kept of an attempt that the log does not have",
    ),
    Kind(OUTPUTS, "an output is kept under no job", _keep_elsewhere({"claim": 2}), "is no output"),
    Kind(OUTPUTS, "a kept output is no bytes", keeping("done", stdout=7), "is no output"),
    Kind(
        OUTPUTS,
        "a kept output is replaced, its event altered to fit, hashes recomputed",
        _forge_output,
        "the view has result",
    ),
    Kind(
        OUTPUTS,
        "a kept output is replaced, its event altered to fit, hashes recomputed, views rewritten",
        rewritten(_forge_output),
    ),
    Kind(OUTPUTS, "outputs are dropped sooner than is set", _retain_less, "the server drops outputs after"),
]
