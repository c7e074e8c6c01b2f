"""All of one worker for people: how it stands, what it runs or held, what it ran, and its life."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.jobs import state
from eventqueue.cli.render.named import Column, table
from eventqueue.cli.render.tables import ENDINGS, Shown
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.job import Job
from eventqueue.model.moments import moment_of
from eventqueue.model.progress import Progress
from eventqueue.model.readable import Read
from eventqueue.ports.views import Gone, Held, Worker, WorkerRun
from eventqueue.system.printable import clean
from eventqueue.telling.describe import describe
from eventqueue.telling.words import COLOURS, age, elapsed, far, shortened, span
from eventqueue.telling.workers import Told, how
from eventqueue.telling.zone import moment, with_age

LABEL = 12
TASKS_MAX = 50
ROOM, RUN_LEAST = 20, 12  # characters beside the rest: of an error, of what is run
COLOURED = {"completed": COLOURS["completed"], "failed": COLOURS["failed"], "unreadable": "red"}


def details(
    one: Told,
    ran: Sequence[WorkerRun],
    now: datetime,
    *,
    running: Sequence[Job] | None,
    progress: Mapping[str, Progress],
    shown: Shown,
) -> list[Table | Text]:
    """Return all of a worker, and what it ran, the last first; `shown`: see there.

    `running`: the jobs that it runs; None of a time that is past, of which their ids are known. `progress`: of these.
    """
    parts: list[Table | Text] = [_fields(one, now, shown, is_past=running is None)]
    if running:
        parts += [Text("\nwhat it runs", "dim"), _running(running, progress, now, shown)]
    if one.gone is not None and one.gone.held:
        parts += [Text("\nwhat it held", "dim"), *_held(one.gone, shown)]
    if ran:
        parts += [Text("\nwhat it ran, the last first", "dim"), _ran(ran, now, shown)]
    if one.life:
        parts += [Text("\nits life", "dim"), _life(one.life)]
    return parts


def _fields(one: Told, now: datetime, shown: Shown, *, is_past: bool) -> Text:
    worker = one.worker
    fields = [("id", Text(clean(one.id), "bold")), ("state", _state(one, now))]
    fields += [] if worker is None else [(label, Text(clean(value))) for label, value in _set(one, worker, now)]
    if is_past and one.there is not None and one.there.running:
        fields.append(("ran", Text(clean(", ".join(map(shown, one.there.running))))))
    if one.gone is not None and one.gone.successor is not None:
        fields.append(("next", Text(clean(f"{one.gone.successor}, under its name"))))
    return Text("\n").join(Text.assemble((f"{label:<{LABEL}} ", "dim"), value) for label, value in fields)


def _state(one: Told, now: datetime) -> Text:
    gone = one.gone
    if gone is not None:
        when = "" if gone.at is None else f"{gone.ending} {age(now - gone.at)} ago: "
        return Text(clean(f"{when}{how(gone)}"), ENDINGS[gone.ending])
    if one.there is None:
        return Text("not there, and nobody has told of its end", "yellow")
    if one.there.stop_by is None:
        return Text("serving", "green")
    return Text(f"stopping: hands back what it runs by {moment(one.there.stop_by, 'seconds')}", "yellow")


def _set(one: Told, worker: Worker, now: datetime) -> Iterator[tuple[str, str]]:
    busy = "" if one.there is None else f", {len(one.there.running):,} busy"
    yield "name", worker.name
    yield "where", f"{worker.host} (pid {worker.pid})"
    yield "slots", f"{worker.concurrency:,}{busy}"
    yield "queues", ", ".join(worker.queues) or "all"
    yield "started", with_age(worker.started_at, now) + (f", by {worker.by}" if worker.by else "")
    if worker.renewed_at is not None:
        yield "heard of", with_age(worker.renewed_at, now)
    if worker.tasks:
        more = len(worker.tasks) - TASKS_MAX
        yield "tasks", ", ".join(worker.tasks[:TASKS_MAX]) + (f" and {more:,} more" if more > 0 else "")


def _running(found: Sequence[Job], progress: Mapping[str, Progress], now: datetime, shown: Shown) -> Table:
    columns: Mapping[str, Column[Job]] = {
        "job": Column("JOB", lambda job: clean(shown(job.id))),
        "queue": Column("QUEUE", lambda job: job.queue, 3),
        "for": Column("FOR", lambda job: None if job.claimed_at is None else age(now - job.claimed_at)),
        "try": Column("TRY", lambda job: job.attempts, 5),
        "far": Column("PROGRESS", lambda job: clean(far(progress[job.id])) if job.id in progress else None, 2),
        "runs": Column("RUNS", lambda job: clean(job.run.text), is_text=True, least=RUN_LEAST),
    }
    names = [name for name in columns if name != "far" or progress]
    return table(columns, names, found, ROOM)


def _held(gone: Gone, shown: Shown) -> Iterator[Table | Text]:
    columns: Mapping[str, Column[Held]] = {
        "job": Column("JOB", lambda held: clean(shown(held.job))),
        "state": Column("STATE", lambda held: Text("not shown", "dim") if held.state is None else state(held.state)),
    }
    yield table(columns, [*columns], gone.held)
    if (more := gone.held_number - len(gone.held)) > 0:
        yield Text(f"… and {more:,} more")


def _ran(found: Sequence[WorkerRun], now: datetime, shown: Shown) -> Table:
    columns: Mapping[str, Column[WorkerRun]] = {
        "began": Column("BEGAN", lambda one: None if one.began_at is None else moment(one.began_at, "seconds"), 4),
        "ago": Column("AGO", lambda one: None if one.began_at is None else age(now - one.began_at), 1),
        "job": Column("JOB", lambda one: clean(shown(one.job))),
        "queue": Column("QUEUE", lambda one: one.queue, 3),
        "try": Column("TRY", lambda one: one.attempt, 5),
        "ended": Column("ENDED", _ended),
        "took": Column("TOOK", lambda one: _took(one, now), 2),
        "runs": Column("RUNS", _run, is_text=True, least=RUN_LEAST),
        "error": Column("ERROR", _error, is_text=True),
    }
    names = [name for name in columns if name != "error" or any(map(_error, found))]
    return table(columns, names, found, ROOM)


def _ended(one: WorkerRun) -> Text:
    if one.ending is not None:
        return Text(one.ending, COLOURED.get(one.ending, "magenta"))
    return Text("unreadable", "red") if one.attempt is None else Text("runs", COLOURS["processing"])


def _took(one: WorkerRun, now: datetime) -> Cell:
    if one.lasted is not None:
        return span(max(0.0, one.lasted.total_seconds()))
    return span(elapsed(one.began_at, now)) if one.began_at is not None and one.ending is None else None


def _run(one: WorkerRun) -> str | None:
    return None if one.run is None else clean(one.run.text)


def _error(one: WorkerRun) -> str | None:
    if one.error is not None:
        return clean(shortened(one.error, 200))
    return f"exit code {one.exit_code}" if one.exit_code else None


def _life(found: Sequence[Read]) -> Table:
    columns: Mapping[str, Column[Read]] = {
        "time": Column("TIME", _at),
        "event": Column("EVENT", _type),
        "by": Column("BY", lambda one: clean(one.actor) if isinstance(one, Recorded) else None, 2, is_text=True),
        "what": Column("WHAT", _what, is_text=True),
    }
    return table(columns, [*columns], found, ROOM)


def _type(one: Read) -> Cell:
    return type_of(one.event) if isinstance(one, Recorded) else Text("unreadable", "red")


def _what(one: Read) -> str:
    return clean(describe(one) if isinstance(one, Recorded) else one.problem)


def _at(one: Read) -> Cell:
    at = one.at if isinstance(one, Recorded) else moment_of(one)
    return None if at is None else moment(at, "seconds")
