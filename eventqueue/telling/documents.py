"""The JSON documents: what `--json` prints. Times are ISO 8601 with `Z`, hashes and other bytes are hex."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.api.bulk import ActSum
from eventqueue.api.enqueueing import Existing, Receipt
from eventqueue.api.scheduling import Rescheduled, Scheduled
from eventqueue.audit.clauses import Why
from eventqueue.audit.differences import ABSENT, Differing
from eventqueue.audit.verdict import Verdict
from eventqueue.model.codec import to_data
from eventqueue.model.events import Amended, Call, Enqueued, Output, Recorded, RetryAmended, Shell, type_of
from eventqueue.model.job import Job, State
from eventqueue.model.progress import Progress
from eventqueue.model.readable import Read, Unreadable
from eventqueue.model.waits import Wait
from eventqueue.ports.views import (
    Counters,
    Difference,
    Glance,
    Gone,
    Metrics,
    QueueStatus,
    Stats,
    Status,
    Trial,
    ViewHealth,
    Worker,
    WorkerRun,
    WorkerRuns,
)
from eventqueue.schedules.events import ScheduleSet
from eventqueue.steering.ignoring import Regarded
from eventqueue.steering.pauses import Switched
from eventqueue.system.printable import clean
from eventqueue.telling.words import STATES, instant
from eventqueue.telling.workers import Told

HIDDEN = "•••"  # for what is secret, perhaps


def plain(value: Any) -> Any:
    """Return a value of ours in JSON's types, every field of it, absent or not."""
    match value:
        case msgspec.Struct():
            config = value.__struct_config__
            tag = {config.tag_field: config.tag} if config.tag_field else {}
            return tag | {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case datetime():
            return instant(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def _job(one: Job) -> dict[str, Any]:
    return {
        "id": one.id,
        "command": one.run.command if isinstance(one.run, Shell) else None,
        "task": one.run.task if isinstance(one.run, Call) else None,
        "run": _without_env(plain(one.run)),
        "queue": one.queue,
        "state": one.state,
        "attempts": one.attempts,
        "max_retries": one.max_retries,
        "priority": one.priority,
        "run_at": instant(one.run_at),
        "last_error": plain(one.last_error),
        "result": plain(one.result),
        "created_at": instant(one.created_at),
        "updated_at": instant(one.updated_at),
    }


def waiting_job(one: Job, wait: Wait | None, progress: Progress | None = None) -> dict[str, Any]:
    """A job in a list, and what it waits for: null if it does not wait to be claimed; and how far it is, as it says."""
    return _job(one) | {"waits": plain(wait), "progress": plain(progress)}


def whole_job(one: Job, *, show_env: bool = False) -> dict[str, Any]:
    """A job with all its fields; those of the list first."""
    whole = {**_job(one), **plain(one)}
    return whole if show_env else {**whole, "run": _without_env(whole["run"])}


def shown_job(
    one: Job,
    output: Output | None,
    wait: Wait | None,
    why: str,
    progress: Progress | None = None,
    *,
    show_env: bool = False,
    restarts: Sequence[str] = (),
) -> dict[str, Any]:
    """A job with all its fields, what it waits for, why it is so, and the end of what its last attempt wrote.

    `restarted_as`: the jobs that take it up.
    """
    whole = waiting_job(one, wait, progress) | whole_job(one, show_env=show_env)
    return whole | {"restarted_as": list(restarts), "why": why, "output": plain(output)}


CLAUSE = ("kind", "text", "event", "until")


def why(found: Why) -> dict[str, Any]:
    """Why a job is in its state: the paragraph, and its clauses."""
    clauses = [{name: plain(getattr(one, name)) for name in CLAUSE} for one in found.clauses]
    return {"id": found.id, "state": found.state, "text": found.text, "clauses": clauses}


def _without_env(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a run's or a request's fields with what stands for the values of its environment: they may be secret."""
    env = fields.get("env")
    if not env:
        return fields
    return {**fields, "env": hidden(env) if isinstance(env, Mapping) else HIDDEN}  # whatever a hand has put there


def hidden(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without its values."""
    return dict.fromkeys(env, HIDDEN)


def differing(one: Differing, *, show_env: bool = False) -> Differing:
    """Return in what two jobs differ without the values of the environment: they may be secret."""
    if show_env or one.path[:2] != ("run", "env"):
        return one
    return Differing(one.path, *(value if value is ABSENT else HIDDEN for value in (one.before, one.after)))


def _data(recorded: Recorded, *, show_env: bool) -> dict[str, Any]:
    data: dict[str, Any] = plain(to_data(recorded.event))
    if not show_env and isinstance(recorded.event, Enqueued):
        data |= {part: _without_env(data[part]) for part in ("run", "asked")}
    if not show_env and isinstance(recorded.event, Amended | RetryAmended):
        data |= {part: _without_env(data[part]) for part in ("was", "now")}
    if not show_env and isinstance(recorded.event, ScheduleSet):
        data["fields"] = _without_env(data["fields"])
    return data


def event(recorded: Recorded, previous: Recorded | None, *, show_env: bool = False) -> dict[str, Any]:
    """An event in its envelope; `after` is the time since the one before it, in seconds."""
    return {
        "version": recorded.version,
        "type": type_of(recorded.event),
        "at": instant(recorded.at),
        "after": None if previous is None else (recorded.at - previous.at).total_seconds(),
        "actor": recorded.actor,
        "data": _data(recorded, show_env=show_env),
        "stream": recorded.stream,
        "schema": recorded.event.schema,
        "id": recorded.id.hex(),
        "cause": plain(recorded.cause),
        "bucket": recorded.bucket,
        "prev": plain(recorded.prev),
        "hash": recorded.hash.hex(),
    }


def any_event(one: Read, *, show_env: bool = False) -> dict[str, Any]:
    """An event of any stream in its envelope, with the log's own time; of one that cannot be read, why."""
    ts = {"time": one.ts.time, "inc": one.ts.inc} if isinstance(one.ts, Timestamp) else None
    if isinstance(one, Unreadable):
        return {"stream": one.stream, "version": one.version, "problem": one.problem, "ts": ts}
    document = event(one, None, show_env=show_env)
    del document["after"]
    return {**document, "ts": ts}


def status(found: Status) -> dict[str, Any]:
    """Counts by state, then by queue and state; the pauses by queue; the queues that do not move; how many workers
    live; the lag in seconds, null if unknown. `scheduled`: of the pending ones by queue, null if unknown.
    """
    return {
        **{state: found.count(State(state)) for state in STATES},
        "scheduled": None if found.scheduled is None else dict(found.scheduled),
        "queues": {
            name: {state: counts.get(State(state), 0) for state in STATES} for name, counts in found.queues.items()
        },
        "paused": {name: plain(pause) for name, pause in found.paused.items()},
        "still": plain(found.still),
        "workers": len(found.workers),
        "lag": found.lag.seconds,
    }


def queue(one: QueueStatus) -> dict[str, Any]:
    """A queue: jobs by state, how many of the pending ones are due later, null if unknown; its pause, null if none."""
    counts = {state: one.counts.get(State(state), 0) for state in STATES}
    return {"name": one.name, **counts, "scheduled": one.scheduled, "paused": plain(one.pause)}


def schedule(one: Scheduled, *, show_env: bool = False) -> dict[str, Any]:
    """A schedule: when its ticks are, what is made at them, and its pause, null if it is not paused."""
    fields = dict(one.fields) if show_env else _without_env(dict(one.fields))
    every = None if one.every is None else one.every.total_seconds()
    return {**plain(replace(one, every=None)), "every": every, "fields": plain(fields)}


def rescheduled(done: Rescheduled) -> dict[str, Any]:
    """What a command did to a schedule, and how it stands; null where there is none any more."""
    now = None if done.schedule is None else schedule(done.schedule)
    told = {"name": done.name, "version": done.version, "new": done.is_new, "changed": done.is_changed}
    return {**told, "schedule": now}


def regarded(done: Regarded) -> dict[str, Any]:
    """How errors of a kind stand after `dlq ignore` or `unignore`."""
    return {"fingerprint": done.fingerprint, "ignored": plain(done.ignoring), "changed": done.is_new}


def switched(done: Switched) -> dict[str, Any]:
    """How a queue stands after a command, and whether that changed anything."""
    return {"name": done.queue, "paused": plain(done.pause), "version": done.version, "changed": done.is_new}


def stopped(worker: Worker, outcome: str) -> dict[str, Any]:
    """What became of a worker that was asked to stop: `left`, `lost` or `there`."""
    return {"id": worker.id, "name": worker.name, "host": worker.host, "outcome": outcome}


def live_worker(one: Worker) -> dict[str, Any]:
    """A worker that lives, among those that were: of its end nothing can be told."""
    return {**plain(one), **dict.fromkeys(_OF_ITS_END), "held": [], "held_number": 0}


def gone_worker(one: Gone) -> dict[str, Any]:
    """A worker that was: as one that lives, and what became of it."""
    return {**plain(one.worker), **_of_its_end(one)}


def _of_its_end(one: Gone) -> dict[str, Any]:
    return {name: plain(getattr(one, name)) for name in _OF_ITS_END}


def shown_worker(one: Told, runs: WorkerRuns, as_of: datetime | None) -> dict[str, Any]:
    """A worker with all that is to be told of it: as in a list, its life, in order, and what it ran, the last first.

    `as_of`: the time that is past, None for now; `at` is the time of its end.
    """
    set_ = dict.fromkeys(Worker.__struct_fields__) if one.worker is None else plain(one.worker)
    return {
        **set_,
        **({**dict.fromkeys(_OF_ITS_END), "held": [], "held_number": 0} if one.gone is None else _of_its_end(one.gone)),
        "id": one.id,
        "is_live": one.there is not None,
        "life": [any_event(event) for event in reversed(one.life)],
        "runs": [_worker_run(run) for run in runs],
        "older": runs.older,
        "looked": runs.looked,
        "as_of": None if as_of is None else instant(as_of),
    }


def _worker_run(one: WorkerRun) -> dict[str, Any]:
    run = None if one.run is None else _without_env(plain(one.run))
    lasted = None if one.lasted is None else one.lasted.total_seconds()
    return {**plain(one), "run": run, "lasted": lasted}


_OF_ITS_END = tuple(name for name in Gone.__struct_fields__ if name != "worker")


def verdict(one: Verdict) -> dict[str, Any]:
    """What an audit says: `verified` jobs and their events, and what is not as it must be."""
    return {
        "verified": one.jobs,
        "events": one.events,
        "findings": [plain(found) for found in one.findings],
        "more": one.more,
        "not_held": [clean(sentence) for sentence in one.not_held],
        "against": [clean(what) for what in one.against],
        "unrecorded": None if one.unrecorded is None else clean(one.unrecorded),
    }


def projection(one: ViewHealth) -> dict[str, Any]:
    """A view and how it is kept; what is unknown is null. Lag in seconds, rate in events a second."""
    return {**plain(one), "lag": one.lag.seconds}


def counters(found: Counters) -> list[dict[str, Any]]:
    """A projection's counters, each key with its names and amounts."""
    return [{"key": list(key), "counts": dict(names)} for key, names in found]


def trial(found: Trial) -> dict[str, Any]:
    """What a projection counted of so many old events, and which jobs it could not go on with."""
    return {
        "counters": counters(found.counters),
        "applied": found.applied,
        "refused": [plain(one) for one in found.refused],
        "refused_number": found.refused_number,
    }


def stats(found: Stats, only: str | None) -> dict[str, Any]:
    """What happened in a span of time: in all queues, and in each (or in one)."""
    queues = {name: plain(one) for name, one in found.queues.items() if only in (None, name)}
    total = {} if only is not None else {"total": plain(found.total)}
    return {"since": instant(found.since), "until": instant(found.until), **total, "queues": queues}


def metrics(found: Metrics) -> dict[str, Any]:
    """What a monitoring system asks for, by queue; durations and the lag in seconds, null if unknown."""
    queues = {
        name: {**plain(one), "counts": {state: one.counts.get(State(state), 0) for state in STATES}}
        for name, one in found.queues.items()
    }
    return {**plain(found), "lag": found.lag.seconds, "queues": queues}


def glance(found: Glance) -> dict[str, Any]:
    """Everything at one moment: counts, rates, workers with what they run, the last failures."""
    return {
        "at": instant(found.at),
        "lag": found.lag.seconds,
        "queues": {
            name: {state: counts.get(State(state), 0) for state in STATES} for name, counts in found.queues.items()
        },
        "paused": {name: plain(pause) for name, pause in found.paused.items()},
        "stats": stats(found.stats, None),
        "workers": [
            {**plain(worker), "running": [waiting_job(one, None, found.progress.get(one.id)) for one in running]}
            for worker, running in found.workers
        ],
        "failures": [waiting_job(one, found.waits.get(one.id)) for one in found.failures],
    }


def differences(verified: int, found: Sequence[Difference]) -> dict[str, Any]:
    """In what the views differ from the log."""
    return {"verified": verified, "differences": [plain(one) for one in found]}


def enqueued(one: Receipt) -> dict[str, Any]:
    """Which job it is that was asked for, whether it is a new one, and how it stands; `elsewhere`: where it runs."""
    found = one.existing or Existing(State.PENDING, None, None)
    stands = plain(found) if one.existing or one.created else dict.fromkeys(Existing.__struct_fields__)
    return {"id": one.id, "stream": one.stream, "version": one.version, "created": one.created, **stands}


def enqueued_all(receipts: Sequence[Receipt]) -> dict[str, Any]:
    """What became of the jobs of a file: how many are new, were there already, and of these had ended."""
    added = sum(one.created for one in receipts)
    return {
        "added": added,
        "existing": len(receipts) - added,
        "ended": sum(one.existing is not None and one.existing.ended_at is not None for one in receipts),
        "jobs": [enqueued(one) for one in receipts],
    }


def receipt(one: Receipt) -> dict[str, Any]:
    """What a command did to one of several jobs."""
    return {"id": one.id, "version": one.version, "changed": one.changed}


def restarted(old: str, one: Receipt) -> dict[str, Any]:
    """Which job takes up one that had ended, and whether it is a new one; how it stands, as of `enqueued`."""
    return {"restart_of": old, **enqueued(one)}


def refusal(job_id: str, problem: str, code: str | None) -> dict[str, Any]:
    """Why a command was not done to one of several jobs; `code`: of the error, None where it was not tried."""
    return {"id": clean(job_id), "error": clean(problem), "code": code}


def act_sum(found: ActSum | None) -> dict[str, Any]:
    """What became of all jobs of an act; None: there were none."""
    numbers = ("jobs", "done", "already", "refused", "untried", "in_doubt")
    return {"act": found and found.id, **{name: getattr(found, name, 0) for name in numbers}}
