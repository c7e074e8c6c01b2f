"""Jobs in a list: the columns that there are, and those that are shown where none are asked for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.named import Column, table
from eventqueue.model.events import task_of
from eventqueue.model.job import FINAL, Job, State
from eventqueue.model.progress import Progress
from eventqueue.model.waits import Kind, Wait
from eventqueue.system.printable import clean
from eventqueue.telling.states import error_of, since, state_of
from eventqueue.telling.words import COLOURS, age, waiting
from eventqueue.telling.zone import moment

ROOM = 20  # characters of a text, such as an error, beside the rest
COMMAND_LEAST = 12  # of a command: by its beginning it is known, and other columns tell more than its end
NEEDED = 3  # of the ranks: what a job waits for, and its queue
USUAL = ("id", "state", "waits", "queue", "tries", "age", "command", "error")
WIDE = (
    *("id", "state", "waits", "queue", "priority", "tries", "age", "created", "due", "ended", "tags", "worker"),
    *("command", "error"),
)


class Row(msgspec.Struct, frozen=True):
    """A job in a list, at a place counted from 1, and what is known beside it; `shown` is its id as it is shown."""

    job: Job
    place: int
    shown: str
    now: datetime
    wait: Wait | None = None
    progress: Progress | None = None


def state(of: State | str) -> Text:
    """A state in its colour."""
    return Text(of, COLOURS[of])


def jobs(rows: Sequence[Row], names: Sequence[str] = (), *, is_part: bool = False, is_numbered: bool = False) -> Table:
    """Jobs in a list; unless columns are named with what they wait for if it is more than a slot, and their errors if
    one failed last.

    `is_part`: with both in any case, since others follow. `is_numbered`: with their places, by which they can be named.
    """
    missing = set() if names or is_part else _needless(rows)
    shown = [one for one in names or USUAL if one not in missing]
    return replace(table(COLUMNS, ["place", *shown] if is_numbered else shown, rows, ROOM), needed=NEEDED)


def _needless(rows: Sequence[Row]) -> set[str]:
    waits = any(row.wait is not None and row.wait.kind is not Kind.DUE for row in rows)
    return {*(() if waits else ("waits",)), *(() if any(map(_error, rows)) else ("error",))}


def _state(row: Row) -> Cell:
    told = state(state_of(row.job, row.now))
    percent = None if row.progress is None else row.progress.percent
    return told if percent is None else told.append(f" {percent} %")


def _error(row: Row) -> str | None:
    error = error_of(row.job)
    return clean(error) if error else None


def _time(of: Callable[[Job], datetime | None]) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        at = of(row.job)
        return None if at is None else moment(at, "seconds")

    return cell


def _text(of: Callable[[Job], str | None]) -> Callable[[Row], Cell]:
    return lambda row: clean(of(row.job) or "")


def _meta(job: Job) -> str | None:
    return msgspec.json.encode(job.meta).decode() if job.meta else None


COLUMNS: Mapping[str, Column[Row]] = {
    "place": Column("@", lambda row: Text(str(row.place), "dim", justify="right")),
    "id": Column("ID", lambda row: clean(row.shown)),
    "state": Column("STATE", _state),
    "waits": Column("WAITS", lambda row: None if row.wait is None else waiting(row.wait, row.now), 2),
    "queue": Column("QUEUE", lambda row: row.job.queue, 3),
    "tries": Column("TRIES", lambda row: row.job.attempts, 5),
    "age": Column("AGE", lambda row: age(row.now - since(row.job, row.now)), 4),
    "command": Column("COMMAND", lambda row: clean(row.job.run.text), is_text=True, least=COMMAND_LEAST),
    "error": Column("ERROR", _error, is_text=True),
    "priority": Column("PRIORITY", lambda row: row.job.priority, 6),
    "created": Column("CREATED", _time(lambda job: job.created_at), 7),
    "due": Column("DUE", _time(lambda job: job.due_at), 7),
    "ended": Column("ENDED", _time(lambda job: job.updated_at if job.state in FINAL else None), 7),
    "updated": Column("UPDATED", _time(lambda job: job.updated_at), 8),
    "expires": Column("EXPIRES", _time(lambda job: job.expires_at), 8),
    "retries": Column("RETRIES", lambda row: row.job.max_retries, 8),
    "worker": Column("WORKER", _text(lambda job: job.worker), 8),
    "task": Column("TASK", _text(lambda job: task_of(job.run)), 8),
    "tags": Column("TAGS", _text(lambda job: ", ".join(job.tags)), 8, is_text=True),
    "key": Column("KEY", _text(lambda job: job.key), 8, is_text=True),
    "group": Column("GROUP", _text(lambda job: job.group), 8, is_text=True),
    "meta": Column("META", _text(_meta), 8, is_text=True),
    "correlation": Column("CORRELATION", _text(lambda job: job.correlation), 8, is_text=True),
}
