"""Text that would steer a terminal, and a database in which every field that anybody can set holds it."""

from typing import Any

from bson.int64 import Int64

from eventqueue.api.queue import Queue
from eventqueue.model.events import Captured, Error, Failed, FailReason, Output, stream_of
from eventqueue.model.lives import WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.steering.chronicle import tell
from tests.builders import DEAD_LETTERED, claimed
from tests.cli.past import happened, keep

FORGED = "✔ forged"  # at the beginning of a line it looks like our own word

# Clipboard (OSC 52), clear, cursor, title, C1 in one character, bidi, zero width, bell, backspace, CR, DEL, NEL.
HOSTILE = (
    "\x1b]52;c;aGk=\x07\x1b[2J\x1b[10;10Hx\x1b]0;title\x1b\\\x9b2J\x90q\x9c\u202egnp\u2066\u2069\u200f\u061c\u200b"
    "\x08\x7f\x85\x0b\x0c\rover\u2028\U000e0001<b>"
    f"\n{FORGED}"
)
WILD = HOSTILE.encode() + b"\x9b31m\xff\xfe\n\x1b[31mred\ttab\n"


def fill(queue: Queue, uri: str, jobs: int) -> None:
    """Make a dead job of which every text is hostile, and `jobs` others that wait; a paused queue, three workers."""
    with Queue(uri, queue.connection.ground.database.name, actor=f"api/{HOSTILE}") as other:
        other.enqueue(
            id="wild",
            command=f"echo {HOSTILE}",
            cwd=f"/tmp/{HOSTILE}",
            env={"NAME": HOSTILE, HOSTILE.replace("=", ""): "value"},
            tags=[HOSTILE],
            meta={HOSTILE: {HOSTILE: [HOSTILE]}},
            group=HOSTILE,
            correlation=HOSTILE,
        )
        other.enqueue(key=HOSTILE, command="true", delay=9000)
        other.pause_queue("held", HOSTILE)
        job = {"command": f"echo {HOSTILE}", "cwd": f"/tmp/{HOSTILE}", "env": {"NAME": HOSTILE}, "tags": [HOSTILE]}
        for name in ("wild", "other"):
            other.schedule(name, job, cron="0 0 1 1 *", tz="Europe/Berlin", why=HOSTILE)
        other.pause_schedule("other", HOSTILE)
    text = WILD.decode(errors="backslashreplace")
    output = Output(stdout=Captured(text=text, length=len(WILD)), stderr=Captured(text=text, length=len(WILD)))
    error = Error(type=HOSTILE, message=HOSTILE, traceback=HOSTILE)
    happened(
        queue,
        "wild",
        claimed(worker=HOSTILE),
        Failed(reason=FailReason.ERROR, error=error, exit_code=1, output=output, buried_by=HOSTILE),
        DEAD_LETTERED,
    )
    keep(queue, "wild", claim=2, stdout=WILD, stderr=WILD)
    queue.enqueue_many({"command": f"echo {HOSTILE}", "queue": "many", "delay": 9000} for _ in range(jobs))
    queue.enqueue_many({"command": "true", "queue": "held", "id": f"held-{n}"} for n in range(3))
    register(queue)
    ground = queue.connection.ground
    started = WorkerStarted(name=HOSTILE, host=HOSTILE, pid=1, concurrency=1, queues=(HOSTILE,), by=HOSTILE)
    for event in (started, WorkerStopAsked(why=HOSTILE), WorkerLost(held=("wild", HOSTILE))):
        tell(ground.log, ground.clock, "lost", event, f"supervisor/{HOSTILE}")
    queue.enqueue(id="ran", command=f"echo {HOSTILE}", queue="lost")
    happened(queue, "ran", claimed(worker="lost"), Failed(reason=FailReason.ERROR, error=error), DEAD_LETTERED)
    queue.status()


def register(queue: Queue) -> None:
    """Have the two workers be alive, as long as a lease is good."""
    for number in range(2):
        queue.connection.incarnations.register(_worker(f"{number}{HOSTILE}"))


def _worker(name: str) -> Incarnation:
    return Incarnation(
        id=name, name=name, host=HOSTILE, pid=1, place="far", pid_started=1, queues=("held",), concurrency=1
    )


def tamper(queue: Queue) -> None:
    """Put hostile text into the log and the views past all checks, as somebody with rights on them could."""
    database = queue.connection.ground.database
    event: dict[str, Any] = dict(database["events"].find_one({"_id.stream": stream_of("job", "held-0")}) or {})
    foreign = {"_id": {"stream": f"job-{HOSTILE}", "version": Int64(1)}, "actor": HOSTILE}
    database["events"].insert_one({**event, **foreign})
