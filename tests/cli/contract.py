"""What `--json` prints of jobs, events and queues, as types: docs/schema/1.json is made of them.

    python -m tests.cli.contract >docs/schema/1.json

Within a version names may be added, and none goes or changes its meaning.
"""

import json
import sys
from typing import Annotated, Any, Literal

import msgspec

VERSION = 1
Instant = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="A time in UTC.",
        extra_json_schema={"format": "date-time"},
    ),
]
Seconds = Annotated[float, msgspec.Meta(description="A duration in seconds.")]
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", description="A SHA-256.")]
Count = Annotated[int, msgspec.Meta(ge=0)]
State = Literal["pending", "processing", "completed", "failed", "dead", "cancelled"]


class Shell(msgspec.Struct, tag="shell", tag_field="kind"):
    """A line for `/bin/sh -c`; the values of `env` are hidden without `--show-env`."""

    command: str
    cwd: str | None
    env: dict[str, str]


class Call(msgspec.Struct, tag="python", tag_field="kind"):
    """A call of a Python task."""

    task: str
    args: list[Any]
    kwargs: dict[str, Any]


class Error(msgspec.Struct):
    """Why an attempt failed."""

    type: str
    message: str
    traceback: str | None


class Captured(msgspec.Struct):
    """The end of a stream, and the length of it all in bytes; `sha256` of what is kept apart."""

    text: str
    length: Count
    sha256: Hash | None


class Output(msgspec.Struct):
    """What an attempt wrote."""

    stdout: Captured
    stderr: Captured


class Result(msgspec.Struct):
    """How the attempt ended that completed the job; `value`: what its task returned."""

    exit_code: int | None
    duration: Seconds | None
    output: Output | None
    value: Any


class Wait(msgspec.Struct):
    """What a job waits for; of a paused queue since when, by whom, and why."""

    kind: Literal["parked", "expired", "later", "paused", "unserved", "unknown", "due"]
    until: Instant | None
    since: Instant | None
    by: str | None
    why: str | None


class Progress(msgspec.Struct):
    """How far a Python task says it is."""

    done: float
    total: float | None
    note: str | None
    at: Instant


class Job(msgspec.Struct, kw_only=True):
    """A job in a list."""

    id: str
    command: str | None
    task: str | None
    run: Shell | Call
    queue: str
    state: State
    attempts: Count
    max_retries: Count
    priority: int
    run_at: Instant
    last_error: Error | None
    result: Result | None
    created_at: Instant
    updated_at: Instant
    waits: Wait | None
    progress: Progress | None


class Backoff(msgspec.Struct):
    """How long a retry waits: `base` to the power of the failure's number, at most `cap`, and a part by chance."""

    base: Seconds
    cap: Seconds
    jitter: float


class WholeJob(Job, kw_only=True):
    """A job as `show` shows it."""

    due_at: Instant | None
    expires_at: Instant | None
    backoff: Backoff
    timeout: Seconds | None
    key: str | None
    tags: list[str]
    group: str | None
    meta: dict[str, Any]
    correlation: str | None
    failures: Count
    claim: Count | None
    worker: str | None
    claimed_at: Instant | None
    version: Count
    hash: Hash
    nth: Count
    restart_of: str | None
    restarted_as: list[str]
    why: str
    output: Output | None


class Event(msgspec.Struct, kw_only=True):
    """An event of a job's history; `after`: since the one before it."""

    version: Count
    type: str
    at: Instant
    after: Seconds | None
    actor: str
    data: dict[str, Any]
    stream: str
    schema: int
    id: str
    cause: str | None
    bucket: Count
    prev: Hash | None
    hash: Hash


class Receipt(msgspec.Struct):
    """What `enqueue` prints."""

    id: str
    stream: str
    version: Count
    created: bool
    state: State
    ended_at: Instant | None
    elsewhere: str | None


class Restart(Receipt):
    """What `restart` prints of each job: the new one's receipt."""

    restart_of: str


class Act(msgspec.Struct):
    """What became of one job that was acted on."""

    id: str
    version: Count
    changed: bool


class Refusal(msgspec.Struct, omit_defaults=True):
    """Why it was not done to one job; `in_doubt`: whether it was is unknown. `code`: null where it was not tried."""

    id: str
    error: str
    code: str | None
    in_doubt: bool = False
    is_tried: bool = True


class ActSum(msgspec.Struct):
    """What became of all jobs of an act that chose them by conditions; `act`: its id, null where there were none."""

    act: str | None
    jobs: Count
    done: Count
    already: Count
    refused: Count
    untried: Count
    in_doubt: Count


class Pause(msgspec.Struct):
    """Who has paused a queue, when and why."""

    since: Instant
    by: str
    why: str | None


class Counts(msgspec.Struct):
    """Jobs by state."""

    pending: Count
    processing: Count
    completed: Count
    failed: Count
    dead: Count
    cancelled: Count


class Queue(Counts, kw_only=True):
    """A queue in a list; `scheduled`: how many of the pending jobs are due later, null where that is not known."""

    name: str
    scheduled: Count | None
    paused: Pause | None


class Held(msgspec.Struct):
    """A job that a worker held when it was lost, and the state that it is in since."""

    job: str
    state: State | None


class WorkerRun(msgspec.Struct, kw_only=True):
    """An attempt that a worker made; `ending`: the type of the event that ended it, null while it runs."""

    job: str
    claim: int
    attempt: Count | None
    queue: str | None
    run: Shell | Call | None
    began_at: Instant | None
    ending: str | None
    ended_at: Instant | None
    exit_code: int | None
    error: str | None
    lasted: Seconds | None


class Worker(msgspec.Struct, kw_only=True):
    """A worker as `worker show` shows it, with its newest events, and what it ran, the last first.

    `is_live`: whether it is there; `ending`: what became of it, null where nobody has told. `older`: what `--before`
    takes for what it ran before these. `as_of`: the time of `--at`; `at`: of its end. What cannot be read is null.
    """

    id: str
    name: str | None
    host: str | None
    pid: int | None
    queues: list[str] | None
    concurrency: int | None
    started_at: Instant | None
    renewed_at: Instant | None
    stop_by: Instant | None
    running: list[str] | None
    by: str | None
    tasks: list[str] | None
    ending: Literal["left", "lost", "silent"] | None
    at: Instant | None
    told_by: str | None
    seen_dead: bool | None
    asked_by: str | None
    why: str | None
    held: list[Held]
    held_number: Count
    successor: str | None
    is_live: bool
    life: list[dict[str, Any]]
    runs: list[WorkerRun]
    older: str | None
    looked: Count | None
    as_of: Instant | None


class Problem(msgspec.Struct):
    """What went wrong, on stderr; `field`: what it is about."""

    code: str
    message: str
    field: str | None
    exit: int


class Failure(msgspec.Struct):
    """The line on stderr."""

    error: Problem


CONTRACT = (Job, WholeJob, Event, Receipt, Restart, Act, Refusal, ActSum, Queue, Worker, Failure)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of them all."""
    _, found = msgspec.json.schema_components(CONTRACT, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What queuectl --json prints, version {VERSION}",
        "$defs": dict(sorted(found.items())),
    }


if __name__ == "__main__":
    json.dump(schema(), sys.stdout, indent=2)
    print()
