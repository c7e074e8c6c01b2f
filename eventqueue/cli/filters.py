"""Which jobs a command that reads is for: conditions as texts, as options, or both; all must hold."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.known import JOB, QUEUE, TAG, WORKER
from eventqueue.cli.values import (
    FINGERPRINT,
    TEXT,
    VARIABLE,
    WHEN,
    WHEN_AHEAD,
    Choice,
    coming_at,
    moment_option,
    since_of,
    time_of,
    until_of,
)
from eventqueue.errors import InvalidInput
from eventqueue.system.zones import zone
from eventqueue.telling.words import STATES

if TYPE_CHECKING:
    from eventqueue.model.job import State

_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "state": click.option(
        "--state",
        type=Choice((*STATES, "scheduled", "due")),
        multiple=True,
        help="In this state; several: in any. Of those that are pending, scheduled ones are due later.",
    ),
    "queue": click.option("--queue", type=QUEUE, multiple=True, help="Of this queue; several: of any of them."),
    "tags": click.option("--tag", "tags", type=TAG, multiple=True, help="With this tag; several: with all of them."),
    "task": click.option("--task", type=TEXT, help="Of this Python task."),
    "command": click.option("--command", type=TEXT, help="With this text in the command line, whatever its case."),
    "error": click.option("--error", type=TEXT, help="With this text in the last error, whatever its case."),
    "fingerprint": click.option("--fingerprint", type=FINGERPRINT, help="With this kind of last error, see `errors`."),
    "meta": click.option("--meta", type=VARIABLE, multiple=True, help="With this value in meta; may be repeated."),
    "key": click.option("--key", type=TEXT, help="With this key."),
    "group": click.option("--group", type=TEXT, help="Of this group."),
    "restart_of": click.option("--restart-of", type=JOB, help="That takes up this job, by its whole id."),
    "worker": click.option("--worker", type=WORKER, help="That run on this worker; a part of its id is enough."),
    "priority": click.option("--priority", type=click.IntRange(-(2**31), 2**31 - 1), help="Of this priority."),
    "since": moment_option("--since", help="Created since (failed, dead and cancelled: that became so since)"),
    "until": click.option("--until", type=WHEN, help="The same, up to this time (UTC unless a zone is given)."),
    "ended_since": click.option(
        "--ended-since",
        type=WHEN,
        help="That completed, died or were cancelled since that time (UTC unless a zone is given).",
    ),
    "due_before": click.option(
        "--due-before",
        type=WHEN_AHEAD,
        help="That wait and are due by then, such as 1h (from now) or 18:00 (UTC unless a zone is given).",
    ),
    "scan": click.option("--scan", is_flag=True, help="Look at all jobs, however many do not fit."),
}


SCAN = _OPTIONS["scan"]


class Wanted:
    """What was asked for, as it was typed."""

    def __init__(self, texts: Sequence[str], options: Mapping[str, Any], state: "State | None" = None) -> None:
        self._texts = texts
        self._state = state
        self._options = {name: value for name, value in options.items() if value not in (None, (), False)}
        self._parsed(datetime.now(UTC))  # before anything is asked of a database

    @property
    def is_anything(self) -> bool:
        """Whether anything was asked for: to look at all, however many, is no choice among them."""
        return bool(self._texts or self._options.keys() - {"scan"})

    def of(self, state: "State") -> "Wanted":
        """Return the same of jobs in one state, which may be named, too; another one is wrong usage."""
        return Wanted(self._texts, self._options, state)

    def fields(self, now: datetime) -> dict[str, Any]:
        """Return the fields of a Filter; times such as `2h` are seen from `now`. Raises UsageError, InvalidInput."""
        from eventqueue.audit.filters import joined

        try:
            found = joined(self._parsed(now), self._read(now))
            return found if self._state is None else {**found, "state": self._state}
        except InvalidInput as error:
            if error.field not in self._options:  # which would be told by its option
                raise click.UsageError(str(error)) from error
            raise

    def _parsed(self, now: datetime) -> dict[str, Any]:
        from eventqueue.audit.filters import joined, parse

        found: dict[str, Any] = {}
        for text in self._texts:
            try:
                found = joined(found, parse(text, now, zone), is_any=True)
            except InvalidInput as error:
                raise click.UsageError(f"FILTER: {error.problem if error.field == 'filter' else error}") from error
        others = {*found.get("state_in", ()), found.get("state", self._state)} - {self._state}
        if self._state is not None and others:
            raise click.UsageError(f"FILTER: state: is {self._state} of all that are here, and not {min(others)}")
        return found

    def _read(self, now: datetime) -> dict[str, Any]:
        from eventqueue.audit.filters import in_state, joined

        found = dict(self._options)
        chosen: dict[str, Any] = {}
        for one in found.pop("state", ()):
            chosen = joined(chosen, in_state(one, now), is_any=True)
        for one in found.pop("queue", ()):
            chosen = joined(chosen, {"queue": one}, is_any=True)
        if "meta" in found:
            found["meta"] = _once_each(found["meta"])
        if "priority" in found:
            found["priority_min"] = found["priority_max"] = found.pop("priority")
        since = since_of(found.get("since"), now)
        found |= {} if since is None else {"since": since}
        if (until := until_of(found.get("until"), since, now)) is not None:
            found["until"] = until
        if "ended_since" in found:
            found["ended_since"] = time_of(found["ended_since"], now, "ended-since")
        if "due_before" in found:
            found["due_before"] = coming_at(found["due_before"], now, "due-before")
        return joined(chosen, found)


def _once_each(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise click.UsageError("--meta: a name is asked for twice")
    return found


def with_filters(command: Callable[..., Any], without: str | None = None) -> Callable[..., Any]:
    """Give a command the options, but for one, that say which jobs, as `asked`."""

    @wraps(command)
    def call(*args: Any, **options: Any) -> Any:
        asked = {name: options.pop(name) for name in _OPTIONS if name in options}
        return command(*args, asked=asked, **options)

    for name, option in reversed([*_OPTIONS.items()]):
        call = call if name == without else option(call)
    return call


def filtering(command: Callable[..., Any], without: str | None = None) -> Callable[..., Any]:
    """Give a command its Wanted; adds the argument and the options, but for one, that say which jobs."""

    @wraps(command)
    def call(*args: Any, texts: Sequence[str], asked: Mapping[str, Any], **options: Any) -> Any:
        return command(*args, wanted=Wanted(texts, asked), **options)

    return click.argument("texts", nargs=-1, metavar="[FILTER]...", type=TEXT)(with_filters(call, without))
