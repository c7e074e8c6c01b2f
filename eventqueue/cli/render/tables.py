"""Lists of things as tables for people."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace
from rich.text import Text

from eventqueue.audit.errors import MESSAGE_MAX, ErrorGroup
from eventqueue.audit.tally import Kind, Tally
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.jobs import state
from eventqueue.cli.render.named import Column, table
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.ignoring import IgnoredKind, Ignoring
from eventqueue.model.job import LEGAL, Job, State
from eventqueue.model.moments import moment_of
from eventqueue.model.pause import Pause
from eventqueue.model.readable import Read, Unreadable
from eventqueue.ports.views import Ending, Gone, Lag, QueueStatus, Status, Worker
from eventqueue.system.printable import clean
from eventqueue.telling.describe import describe
from eventqueue.telling.states import SCHEDULED
from eventqueue.telling.words import COLOURS, STATES, TITLES, age, count, elapsed, sentence, shortened, span
from eventqueue.telling.workers import how
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.model.settings import Source

STILL_MAX = 10  # queues that do not move
ERRORS = ("fingerprint", "count", "first", "last", "such", "queues", "error")
IGNORED = ("fingerprint", "age", "by", "until", "why", "error")
ENDINGS = {Ending.LEFT: "green", Ending.LOST: "red", Ending.SILENT: "yellow"}


HISTORY = ("version", "time", "ago", "after", "event", "by", "what")  # a text at the end is cut for want of room alone
Step = tuple[Recorded | None, Recorded]
"""An event, behind the one before it."""


def history(found: Sequence[Recorded], now: datetime, acts: Mapping[str, int], names: Sequence[str] = HISTORY) -> Table:
    """A job's events: when, how long ago, how long after the one before, who, and what; `acts`: see `describe`."""
    columns: Mapping[str, Column[Step]] = {
        "version": Column("#", lambda step: Text(str(step[1].version), "dim")),
        "time": Column("TIME", lambda step: moment(step[1].at, "seconds")),
        "ago": Column("AGO", lambda step: age(now - step[1].at)),
        "after": Column("AFTER", _after),
        "event": Column("EVENT", lambda step: Text(type_of(step[1].event), "bold")),
        "by": Column("BY", lambda step: clean(step[1].actor), is_text=True),
        "what": Column("WHAT", lambda step: clean(describe(step[1], acts)), is_text=True),
    }
    return table(columns, names or HISTORY, list(zip([None, *found], found, strict=False)))


def _after(step: Step) -> str:
    before, one = step
    return "" if before is None else f"+{span((one.at - before.at).total_seconds())}"


def events(found: Sequence[Read]) -> Table:
    """Events of any streams: when, where, who, and what."""
    rows = [_event(one) if isinstance(one, Recorded) else _unreadable(one) for one in found]
    return Table(["TIME", "STREAM", "#", "EVENT", "BY", "WHAT"], rows, loose=2, dated=True)


def _event(one: Recorded) -> list[Cell]:
    colour = COLOURS[LEGAL[type(one.event)][1]] if type(one.event) in LEGAL else "magenta"
    return [
        moment(one.at),
        clean(one.stream),
        Text(str(one.version), "dim"),
        Text(type_of(one.event), colour),
        clean(one.actor),
        clean(describe(one)),
    ]


def _unreadable(one: Unreadable) -> list[Cell]:
    taken = moment_of(one)
    at = None if taken is None else moment(taken)
    return [at, clean(one.stream), Text(str(one.version), "dim"), Text("unreadable", "red"), None, clean(one.problem)]


def states(found: Sequence[Job]) -> Table:
    """A job after each of its events."""
    rows: list[list[Cell]] = [
        [
            one.version,
            moment(one.updated_at),
            state(one.state),
            one.attempts,
            one.failures,
            moment(one.due_at) if one.due_at else None,
            one.worker,
            clean(one.last_error.told) if one.last_error else None,
        ]
        for one in found
    ]
    return Table(["VERSION", "TIME", "STATE", "ATTEMPTS", "FAILURES", "DUE AT", "WORKER", "LAST ERROR"], rows, loose=3)


Shown = Callable[[str], str]
"""From an id to what is shown of it."""


def errors(found: Sequence[ErrorGroup], now: datetime, names: Sequence[str] = (), shown: Shown = str) -> Table:
    """What jobs failed with, a line a kind: how many, when, where, and an example."""
    columns: Mapping[str, Column[ErrorGroup]] = {
        "fingerprint": Column("FINGERPRINT", lambda one: Text(one.fingerprint, "bold")),
        "count": Column("COUNT", lambda one: one.count),
        "first": Column("FIRST", lambda one: moment(one.first, "seconds"), 3),
        "last": Column("LAST", lambda one: moment(one.last, "seconds")),
        "age": Column("AGE", lambda one: age(now - one.last)),
        "such": Column("SUCH AS", lambda one: clean(shown(one.example.job)), is_text=True),
        "queues": Column("QUEUES", lambda one: ", ".join(one.queues), 2, is_text=True),
        "error": Column("ERROR", lambda one: clean(one.example.message), is_text=True),
        "ignored": Column("IGNORED", lambda one: _ignored(one.ignored), is_text=True),
    }
    usual = (*ERRORS, *(["ignored"] if any(one.ignored for one in found) else []))
    return table(columns, names or usual, found)


def ignored(found: Sequence[IgnoredKind], now: datetime, names: Sequence[str] = ()) -> Table:
    """The kinds of failures that are ignored, a line each: since when, by whom, until when, why, and a message."""
    columns: Mapping[str, Column[IgnoredKind]] = {
        "fingerprint": Column("FINGERPRINT", lambda one: Text(one.fingerprint, "bold")),
        "since": Column("SINCE", lambda one: moment(one.ignored.since, "seconds"), 3),
        "age": Column("AGE", lambda one: age(now - one.ignored.since)),
        "by": Column("BY", lambda one: clean(one.ignored.by), is_text=True),
        "until": Column("UNTIL", lambda one: _until(one.ignored)),
        "why": Column("WHY", lambda one: one.ignored.why and clean(one.ignored.why), is_text=True),
        "error": Column("ERROR", lambda one: clean(shortened(one.like, MESSAGE_MAX)), is_text=True),
    }
    said = {"until": any(one.ignored.until for one in found), "why": any(one.ignored.why for one in found)}
    usual = [name for name in IGNORED if said.get(name, True)]
    return table(columns, names or usual, found)


def _until(ignoring: Ignoring) -> str | None:
    return None if ignoring.until is None else moment(ignoring.until, "minutes")


def _ignored(ignoring: Ignoring | None) -> str | None:
    if ignoring is None:
        return None
    until = None if ignoring.until is None else f"until {_until(ignoring)}"
    return clean(sentence(f"by {ignoring.by}", until, ignoring.why))


def tally(found: Tally, by: str, scheduled: int = 0) -> Table:
    """How many jobs there are of each kind, with an example of each error; of pending ones `scheduled` stand apart."""
    titles = [by.upper(), "COUNT"]
    kinds = _told_apart(found.kinds, scheduled) if by == "state" and scheduled else found.kinds
    rows: list[list[Cell]] = [[clean(_kind(one.value, by)), one.count] for one in kinds]
    if by == "error":
        titles.append("SUCH AS")
        rows = [[*row, clean(one.example or "")] for row, one in zip(rows, found.kinds, strict=True)]
    return Table(titles, rows)


def _told_apart(kinds: Sequence[Kind], scheduled: int) -> Sequence[Kind]:
    due = [Kind(one.value, max(0, one.count - scheduled)) if one.value == State.PENDING else one for one in kinds]
    return sorted([*(one for one in due if one.count), Kind(SCHEDULED, scheduled)], key=lambda one: -one.count)


def _kind(value: str | None, by: str) -> str:
    return moment(datetime.fromisoformat(value), "minutes") if value and by == "hour" else value or "-"


_WORKERS = ("worker", "id", "pid", "queues", "slots", "age", "seen", "state", "running", "by")


def workers(found: Sequence[Worker], now: datetime, names: Sequence[str] = (), shown: Shown = str) -> Table:
    """Live workers and what they run."""
    columns: Mapping[str, Column[Worker]] = {
        "worker": Column("WORKER", lambda one: one.name),
        "id": Column("ID", lambda one: one.id),
        "pid": Column("PID", lambda one: str(one.pid)),
        "host": Column("HOST", lambda one: one.host),
        "queues": Column("QUEUES", lambda one: ", ".join(one.queues) or "all"),
        "slots": Column("SLOTS", lambda one: one.concurrency),
        "age": Column("AGE", lambda one: age(now - one.started_at)),
        "seen": Column("SEEN", lambda one: None if one.renewed_at is None else f"{age(now - one.renewed_at)} ago"),
        "state": Column("STATE", _serving),
        "running": Column("RUNNING", lambda one: _running(one, shown), is_text=True),
        "by": Column("BY", lambda one: one.by, is_text=True),
    }
    return replace(table(columns, names or _WORKERS, found), whole=True)


def _running(one: Worker, shown: Shown) -> Cell:
    return clean(", ".join(map(shown, one.running))) or Text("idle", "dim")


def _serving(one: Worker) -> Text:
    return Text("serving", "green") if one.stop_by is None else Text("stopping", "yellow")


def gone(found: Sequence[Gone], now: datetime) -> Table:
    """Workers that were: what became of each, what it held, and who took its place."""
    rows: list[list[Cell]] = [
        [
            clean(one.worker.id),
            Text(one.ending, ENDINGS[one.ending]),
            f"{age(now - (one.at or one.worker.renewed_at or now))} ago",
            span(elapsed(one.worker.started_at, one.at or one.worker.renewed_at or now)),
            _held(one) or Text("nothing", "dim"),
            clean(sentence(how(one), one.successor and f"next: {one.successor}")),
        ]
        for one in found
    ]
    return Table(["ID", "WAS", "ENDED", "LIVED", "HELD", "HOW"], rows, loose=2, whole=True)


def _held(one: Gone) -> str:
    told = ", ".join(f"{held.job} ({held.state or 'not shown'})" for held in one.held)
    more = one.held_number - len(one.held)
    return clean(f"{told} and {more:,} more" if more else told)


def status(found: Status, *, is_past: bool = False) -> list[Table | Text]:
    """The counts, then those of each queue, then who is at work; `is_past`: as the log tells it, which no view lags."""
    numbers = {TITLES[name]: found.count(State(name)) for name in STATES}
    if later := sum((found.scheduled or {}).values()):
        due = {"Pending": max(0, numbers.pop("Pending") - later), "Scheduled": later}
        numbers = due | numbers
    states = [
        Text.assemble((f"{name:<11}", COLOURS[name.lower()]), f"{number:>9,}") for name, number in numbers.items()
    ]
    alive = f"{count(len(found.workers), 'worker')} alive{'' if is_past else f'; {_lag(found.lag)}'}"
    return [*states, *_queues(found), Text(""), *_paused(found), *_still(found), Text(alive)]


def _queues(found: Status) -> list[Table | Text]:
    later = found.scheduled or {}
    names = sorted({*found.queues, *found.paused})
    rows = [QueueStatus(name, found.queues.get(name, {}), None, later.get(name, 0)) for name in names]
    return [Text(""), table(_COUNTS, _counts(rows), rows)] if rows else []


def _paused(found: Status) -> list[Text]:
    return [
        Text(f"queue {name} is paused since {moment(one.since, 'seconds')} by {_by(one)}", "yellow")
        for name, one in sorted(found.paused.items())
    ]


def _still(found: Status) -> list[Text]:
    lines = [Text(clean(f"queue {one.queue} does not move: {one.text}"), "red") for one in found.still[:STILL_MAX]]
    more = len(found.still) - STILL_MAX
    return [
        *lines,
        *([Text(f"… and {count(more, 'queue')} more that do not: --json names them", "red")] if more > 0 else []),
    ]


def _by(pause: Pause) -> str:
    return clean(f"{pause.by}: {pause.why}" if pause.why else pause.by)


# Of a queue what waits and what went wrong is needed most.
_RANKS = {State.CANCELLED: 6, State.COMPLETED: 5, State.PROCESSING: 3}


def _number(of: State) -> Column[QueueStatus]:
    return Column(TITLES[of].upper(), lambda one: one.counts.get(of, 0), _RANKS.get(of, 0))


_COUNTS: Mapping[str, Column[QueueStatus]] = {
    "queue": Column("QUEUE", lambda one: one.name),
    "pending": Column("PENDING", lambda one: max(0, one.counts.get(State.PENDING, 0) - (one.scheduled or 0))),
    "scheduled": Column("SCHEDULED", lambda one: one.scheduled, 1),
    **{state: _number(State(state)) for state in STATES if state != State.PENDING},
}


def _counts(found: Sequence[QueueStatus]) -> Sequence[str]:
    return [one for one in _COUNTS if one != "scheduled" or any(queue.scheduled for queue in found)]


def queues(found: Sequence[QueueStatus], now: datetime, names: Sequence[str] = ()) -> Table:
    """Queues with their jobs by state; the paused ones with since when, by whom and why.

    Unless columns are named scheduled jobs, and pauses, have one only where there are some. What is scheduled is not
    among what is pending.
    """
    columns: Mapping[str, Column[QueueStatus]] = {
        **_COUNTS,
        "paused": Column("PAUSED", lambda one: None if one.pause is None else _paused_for(one.pause, now)),
        "by": Column("BY", lambda one: None if one.pause is None else _by(one.pause), is_text=True),
    }
    pauses = ["paused", "by"] if any(one.pause for one in found) else []
    return table(columns, names or [*_counts(found), *pauses], found)


def _paused_for(pause: Pause, now: datetime) -> Text:
    return Text(f"{age(now - pause.since)} ago", "yellow")


def _lag(lag: Lag) -> str:
    if lag.is_fresh:
        return "the view is up to date"
    return "how far the view is behind is unknown" if lag.seconds is None else f"the view is {span(lag.seconds)} behind"


def configuration(found: "Mapping[str, Source]", meanings: Mapping[str, str]) -> Table:
    """Every setting, its value, where that comes from, and what it is for."""
    rows: list[list[Cell]] = [
        [name, setting(one), Text(one.source, "dim" if one.source == "built-in" else "bold"), meanings[name]]
        for name, one in found.items()
    ]
    return Table(["SETTING", "VALUE", "FROM", "MEANING"], rows, whole=True)


def setting(one: "Source") -> str:
    """A setting's value as it would be typed."""
    return "none" if one.value is None else f"{one.value:.12g}" if isinstance(one.value, float) else str(one.value)
