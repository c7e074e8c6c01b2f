"""An event in a person's words: what changed, not how it is stored. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from eventqueue.cli.render import others
from eventqueue.cli.render.words import count, sentence, shortened, span
from eventqueue.cli.render.zone import moment
from eventqueue.model.events import (
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Failed,
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

TAIL_MAX = 60  # characters of output in a line of history


def describe(recorded: Recorded) -> str:
    """Return what the event changed, in one line (a command's own line breaks apart)."""
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
        if field == "env" and value is not None:
            yield f"env of {', '.join(sorted(value))} set anew"
        elif value is not None:
            yield f"{field} from {_term(field, before)} to {_term(field, value)}"


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
    return sentence(f"{where}, {retries}", made, _due(event.run_at, recorded.at), event.run.text)


def _completed(event: Completed) -> str:
    code = None if event.exit_code is None else f"exit code {event.exit_code}"
    return sentence(code, _ran(event.duration), _tail(event.output))


def _failed(event: Failed, at: datetime) -> str:
    buried = f"buried by {event.buried_by}" if event.buried_by else None
    said = _tail(event.output)
    new = said if said and said.strip("“…”") not in event.error.message else None
    return sentence(event.error.told.rstrip("."), buried, _ran(event.duration), _again(event.retry_at, at), new)


def _ran(duration: float | None) -> str | None:
    return None if duration is None else f"ran {span(duration)}"


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
