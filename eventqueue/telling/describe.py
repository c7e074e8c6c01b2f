"""An event in a person's words: what changed, not how it is stored."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from eventqueue.model.amending import CALLED, VARIABLE
from eventqueue.model.events import (
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Failed,
    OfMany,
    Output,
    Recorded,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    Terms,
    name_in,
)
from eventqueue.schedules.ticks import told
from eventqueue.telling import others
from eventqueue.telling.words import count, sentence, shortened, span
from eventqueue.telling.zone import moment

TAIL_MAX = 60  # characters of output in a line of history
NONE: Mapping[str, int] = MappingProxyType({})


def describe(recorded: Recorded, acts: Mapping[str, int] = NONE) -> str:
    """Return what the event changed, in one line (a command's own line breaks apart).

    `acts`: of acts on many jobs, by id, on how many.
    """
    said = _said(recorded)
    act = recorded.event.act if isinstance(recorded.event, OfMany) else None
    if act is None:
        return said
    number = f"{acts[act]:,}" if act in acts else "many"
    return sentence(said, f"as one of {number}, act {act}")


def _said(recorded: Recorded) -> str:
    event = recorded.event
    match event:
        case Enqueued():
            return _enqueued(event, recorded)
        case Claimed(attempt=attempt, host=host, pid=pid):
            return f"attempt {attempt} on {host} (pid {pid})"
        case Completed():
            return _completed(event)
        case Failed():
            return _failed(event, recorded.at)
        case Retried(cause=RetryCause.OPERATOR, why=why):
            return sentence("with a new budget of retries", why)
        case Retried():
            return "its wait is over"
        case DeadLettered(reason=reason):
            return reason
        case Released(reason=reason, due_at=due_at):
            return sentence(reason, _due(due_at, recorded.at))
        case Cancelled(why=why):
            return why
        case Amended(was=was, now=now, why=why) | RetryAmended(was=was, now=now, why=why):
            return sentence(*changes(was, now), why)
        case _:
            return others.describe(event, recorded.at)


def output_of(recorded: Recorded) -> Output | None:
    """Return what the attempt wrote that this event ended, None for any other event."""
    return recorded.event.output if isinstance(recorded.event, Completed | Failed) else None


def changes(was: Terms, now: Terms) -> Iterator[str]:
    """Yield each field that was changed, from what and to what; of `env` the names: its values may be secret."""
    for field in now.__struct_fields__:
        value, before = getattr(now, field), getattr(was, field)
        if field == "unset":
            yield from _unset(was, value)
        elif field == "env" and value is not None:
            yield f"{CALLED[field]}: {', '.join(sorted(value))} set anew"
        elif value is not None:
            yield f"{CALLED.get(field, field)} from {_term(field, before)} to {_term(field, value)}"


def _unset(was: Terms, names: tuple[str, ...]) -> Iterator[str]:
    if "timeout" in names:
        yield f"timeout from {_term('timeout', was.timeout)} to none"
    if variables := sorted(name.removeprefix(VARIABLE) for name in names if name.startswith(VARIABLE)):
        yield f"{CALLED['env']}: {', '.join(variables)} unset"


def _term(field: str, value: Any) -> str:
    match value:
        case None | ():
            return "none"
        case datetime():
            return moment(value, "seconds")
        case float() | int() if field == "timeout":
            return span(value)
        case str() if field == "command":
            return f"“{shortened(value, TAIL_MAX)}”"
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def _enqueued(event: Enqueued, recorded: Recorded) -> str:
    where = f"in queue {event.queue}" + (f" at priority {event.priority}" if event.priority else "")
    retries = count(event.max_retries, "retry", "retries")
    made = told(name_in(recorded.stream), event.correlation)
    restart = None if event.restart_of is None else f"a restart of {event.restart_of}"
    due = _due(event.run_at, recorded.at)
    return sentence(f"{where}, {retries}", restart, event.why, made, due, event.run.text)


def _completed(event: Completed) -> str:
    code = None if event.exit_code is None else f"exit code {event.exit_code}"
    return sentence(code, _ran(event.duration), _tail(event.output))


def _failed(event: Failed, at: datetime) -> str:
    buried = f"buried by {event.buried_by}" if event.buried_by else None
    said = _tail(event.output)
    new = said if said and said.strip("“…”") not in event.error.message else None
    return sentence(event.error.told.rstrip("."), buried, _ran(event.duration), _again(event.retry_at, at), new)


def _ran(duration: float | None) -> str | None:
    # Milliseconds are what the log keeps, so 0 is what took less than one.
    return None if duration is None else f"ran {span(duration) if duration else 'less than 1 ms'}"


def _again(retry_at: datetime | None, at: datetime) -> str:
    return "no retry left" if retry_at is None else f"retry in {span((retry_at - at).total_seconds())}"


def _due(due_at: datetime, at: datetime) -> str | None:
    return f"due at {moment(due_at, 'seconds')}" if due_at > at else None


def _tail(output: Output | None) -> str | None:
    """The last line that it wrote, to stderr if there is one."""
    if output is None:
        return None
    lines = (output.stderr.text.strip() or output.stdout.text.strip()).splitlines()
    return f"“{shortened(lines[-1].strip(), TAIL_MAX)}”" if lines else None
