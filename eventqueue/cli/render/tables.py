"""Lists of things as tables for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from eventqueue.audit.errors import ErrorGroup
from eventqueue.audit.tally import Tally
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.describe import describe
from eventqueue.cli.render.words import COLOURS, STATES, TITLES, age, count, instant, sentence, shortened, span, waiting
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.job import LEGAL, Job, State
from eventqueue.model.moments import moment_of
from eventqueue.model.pause import Pause
from eventqueue.model.progress import Progress
from eventqueue.model.readable import Read, Unreadable
from eventqueue.model.waits import Kind, Wait
from eventqueue.ports.views import Counts, Ending, Gone, Lag, QueueStatus, Status, Worker
from eventqueue.system.printable import clean

if TYPE_CHECKING:
    from eventqueue.model.settings import Source

_STATES = tuple(TITLES[state].upper() for state in STATES)
TROUBLED = (State.FAILED, State.DEAD)
STILL_MAX = 10  # queues that do not move
QUEUES_MAX = 40  # characters of their names
ENDINGS = {Ending.LEFT: "green", Ending.LOST: "red", Ending.SILENT: "yellow"}
WAITS_AT = 2  # the column behind the state


def state(of: State) -> Text:
    """A state in its colour."""
    return Text(of, COLOURS[of])


def jobs(
    found: Sequence[Job],
    waits: Mapping[str, Wait],
    progress: Mapping[str, Progress],
    now: datetime,
    *,
    is_part: bool = False,
) -> Table:
    """Jobs in a list; with what they wait for if it is more than a slot, and their errors if one failed last.

    `is_part`: with both in any case, since others follow.
    """
    titles = ["ID", "STATE", "QUEUE", "TRIES", "AGE", "COMMAND"]
    rows: list[list[Cell]] = [
        [one.id, _state(one, progress), one.queue, one.attempts, age(now - one.created_at), clean(one.run.text)]
        for one in found
    ]
    if is_part or any(wait.kind is not Kind.DUE for wait in waits.values()):
        titles.insert(WAITS_AT, "WAITS")
        for row, one in zip(rows, found, strict=True):
            row.insert(WAITS_AT, waiting(waits[one.id], now) if one.id in waits else None)
    if not is_part and not any(one.state in TROUBLED for one in found):
        return Table(titles, rows)
    for row, one in zip(rows, found, strict=True):
        error = one.last_error if one.state in TROUBLED else None
        row.append(clean(error.told) if error else None)
    return Table([*titles, "ERROR"], rows, loose=2)


def _state(one: Job, progress: Mapping[str, Progress]) -> Text:
    percent = progress[one.id].percent if one.id in progress else None
    return state(one.state) if percent is None else state(one.state).append(f" {percent} %")


def history(found: Sequence[Recorded], acts: Mapping[str, int]) -> Table:
    """A job's events: when, how long after the one before, what, and who; `acts`: see `describe`."""
    rows: list[list[Cell]] = [
        [
            Text(str(one.version), "dim"),
            instant(one.at, "seconds"),
            "" if before is None else f"+{span((one.at - before.at).total_seconds())}",
            Text(type_of(one.event), "bold"),
            clean(describe(one, acts)),
            clean(one.actor),
        ]
        for before, one in zip([None, *found], found, strict=False)
    ]
    return Table(["#", "TIME", "AFTER", "EVENT", "WHAT", "BY"], rows, loose=2)


def events(found: Sequence[Read]) -> Table:
    """Events of any streams: when, where, what, and who."""
    rows = [_event(one) if isinstance(one, Recorded) else _unreadable(one) for one in found]
    return Table(["TIME", "STREAM", "#", "EVENT", "WHAT", "BY"], rows, loose=2, dated=True)


def _event(one: Recorded) -> list[Cell]:
    colour = COLOURS[LEGAL[type(one.event)][1]] if type(one.event) in LEGAL else "magenta"
    return [
        instant(one.at),
        clean(one.stream),
        Text(str(one.version), "dim"),
        Text(type_of(one.event), colour),
        clean(describe(one)),
        clean(one.actor),
    ]


def _unreadable(one: Unreadable) -> list[Cell]:
    taken = moment_of(one)
    at = None if taken is None else instant(taken)
    return [at, clean(one.stream), Text(str(one.version), "dim"), Text("unreadable", "red"), clean(one.problem), None]


def states(found: Sequence[Job]) -> Table:
    """A job after each of its events."""
    rows: list[list[Cell]] = [
        [
            one.version,
            instant(one.updated_at),
            state(one.state),
            one.attempts,
            one.failures,
            instant(one.due_at) if one.due_at else None,
            one.worker,
            clean(one.last_error.told) if one.last_error else None,
        ]
        for one in found
    ]
    return Table(["VERSION", "TIME", "STATE", "ATTEMPTS", "FAILURES", "DUE AT", "WORKER", "LAST ERROR"], rows, loose=3)


def errors(found: Sequence[ErrorGroup]) -> Table:
    """What jobs failed with, a line a kind: how many, when, where, and an example."""
    rows: list[list[Cell]] = [
        [
            Text(one.fingerprint, "bold"),
            one.count,
            instant(one.first, "seconds"),
            instant(one.last, "seconds"),
            one.example.job,
            shortened(", ".join(one.queues), QUEUES_MAX),
            clean(one.example.message),
        ]
        for one in found
    ]
    return Table(["FINGERPRINT", "COUNT", "FIRST", "LAST", "SUCH AS", "QUEUES", "ERROR"], rows, loose=3)


def tally(found: Tally, by: str) -> Table:
    """How many jobs there are of each kind, with an example of each error."""
    titles = [by.upper(), "COUNT"]
    rows: list[list[Cell]] = [[clean(one.value or "-"), one.count] for one in found.kinds]
    if by == "error":
        titles.append("SUCH AS")
        rows = [[*row, clean(one.example or "")] for row, one in zip(rows, found.kinds, strict=True)]
    return Table(titles, rows)


def workers(found: Sequence[Worker], now: datetime) -> Table:
    """Live workers and what they run."""
    rows: list[list[Cell]] = [
        [
            one.name,
            one.id,
            str(one.pid),
            ", ".join(one.queues) or "all",
            one.concurrency,
            age(now - one.started_at),
            None if one.renewed_at is None else f"{age(now - one.renewed_at)} ago",
            Text("serving", "green") if one.stop_by is None else Text("stopping", "yellow"),
            ", ".join(one.running) or Text("idle", "dim"),
            one.by,
        ]
        for one in found
    ]
    return Table(
        ["WORKER", "ID", "PID", "QUEUES", "SLOTS", "AGE", "SEEN", "STATE", "RUNNING", "BY"], rows, loose=2, whole=True
    )


def gone(found: Sequence[Gone], now: datetime) -> Table:
    """Workers that were: what became of each, what it held, and who took its place."""
    rows: list[list[Cell]] = [
        [
            clean(one.worker.id),
            Text(one.ending, ENDINGS[one.ending]),
            f"{age(now - (one.at or one.worker.renewed_at or now))} ago",
            span(((one.at or one.worker.renewed_at or now) - one.worker.started_at).total_seconds()),
            _held(one) or Text("nothing", "dim"),
            clean(sentence(_told(one), one.successor and f"next: {one.successor}")),
        ]
        for one in found
    ]
    return Table(["ID", "WAS", "ENDED", "LIVED", "HELD", "HOW"], rows, loose=2, whole=True)


def _held(one: Gone) -> str:
    told = ", ".join(f"{held.job} ({held.state or 'not shown'})" for held in one.held)
    more = one.held_number - len(one.held)
    return clean(f"{told} and {more:,} more" if more else told)


def _told(one: Gone) -> str:
    if one.ending is Ending.SILENT:
        return "silent: the first worker that lives brings back what it held"
    asked = f"asked by {one.asked_by}{f': {one.why}' if one.why else ''}" if one.asked_by else None
    if one.ending is Ending.LEFT:
        return asked or "by itself"
    how = "seen dead" if one.seen_dead else "silent for longer than its lease"
    return sentence(f"{how}, told by {one.told_by}", asked)


def status(found: Status, *, is_past: bool = False) -> list[Table | Text]:
    """The counts, then those of each queue, then who is at work; `is_past`: as the log tells it, which no view lags."""
    states = [
        Text.assemble((f"{TITLES[name]:<11}", COLOURS[State(name)]), f"{found.count(State(name)):>9,}")
        for name in STATES
    ]
    alive = f"{count(len(found.workers), 'worker')} alive{'' if is_past else f'; {_lag(found.lag)}'}"
    return [*states, *_queues(found), Text(""), *_paused(found), *_still(found), Text(alive)]


def _queues(found: Status) -> list[Table | Text]:
    rows = [_queue(name, found.queues.get(name, {})) for name in sorted({*found.queues, *found.paused})]
    return [Text(""), Table(["QUEUE", *_STATES], rows, loose=0)] if rows else []


def _queue(name: str, counts: Counts) -> list[Cell]:
    return [name, *(counts.get(State(one), 0) for one in STATES)]


def _paused(found: Status) -> list[Text]:
    return [
        Text(f"queue {name} is paused since {instant(one.since, 'seconds')} by {_by(one)}", "yellow")
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


def queues(found: Sequence[QueueStatus], now: datetime) -> Table:
    """Queues with their jobs by state; the paused ones with since when, by whom and why."""
    rows: list[list[Cell]] = [
        [*_queue(one.name, one.counts), *(["", ""] if one.pause is None else _pause(one.pause, now))] for one in found
    ]
    return Table(["QUEUE", *_STATES, "PAUSED", "BY"], rows)


def _pause(pause: Pause, now: datetime) -> list[Cell]:
    return [Text(f"{age(now - pause.since)} ago", "yellow"), _by(pause)]


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
