"""In what shape a list is printed: as a table, of which columns, as JSON, or the bare ids."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from eventqueue.cli.options import ask_for_json, given
from eventqueue.cli.session import Session
from eventqueue.cli.values import Choice, Text
from eventqueue.model.names import as_known, meant

JSON, LINES, IDS, TABLE = "json", "jsonl", "ids", "table"
# Held against what each list can show, which is slow to import, by a test.
JOBS = (
    *("id", "state", "waits", "queue", "tries", "age", "command", "error", "priority", "created", "due", "ended"),
    *("updated", "expires", "retries", "worker", "task", "tags", "key", "group", "meta", "correlation"),
)
QUEUES = ("queue", "pending", "scheduled", "processing", "completed", "failed", "dead", "cancelled", "paused", "by")
WORKERS = ("worker", "id", "pid", "host", "queues", "slots", "age", "seen", "state", "running", "by")
HISTORY = ("version", "time", "ago", "after", "event", "what", "by")
SCHEDULES = ("schedule", "when", "next", "last", "missed", "overlap", "runs", "set", "by")
ERRORS = ("fingerprint", "count", "first", "last", "age", "such", "queues", "error", "ignored")

IGNORED = ("fingerprint", "since", "age", "by", "until", "why", "error")


@dataclass(frozen=True)
class Shape:
    """What was asked for; `columns`: none where those are meant that are usual."""

    form: str
    columns: Sequence[str] = ()
    is_wide: bool = False

    def names(self, every: Sequence[str]) -> Sequence[str]:
        """Return the columns that are asked for, `every` one if it is wide; none: those that are usual."""
        return self.columns or (every if self.is_wide else ())

    def is_read(self, session: Session) -> bool:
        """Whether a person reads it, and so as many rows as a person does."""
        return self.form == TABLE and not session.out.as_json and sys.stdout.isatty()


PLAIN = Shape(TABLE)


def print_shaped(
    session: Session,
    shape: Shape,
    documents: Callable[[], Sequence[Any]],
    ids: Callable[[], Iterable[str]],
    tables: Callable[[], Any],
) -> None:
    """Print the answer of a command that lists, in the shape that was asked for."""
    match shape.form:
        case "jsonl":
            from eventqueue.cli.render.printing import print_line

            for one in documents():
                print_line(one)
        case "ids":
            session.out.lines(ids())
        case _:
            session.out.answer(documents, tables, is_whole=shape.is_wide)


class ColumnNames(Text):
    """Names of columns, with commas between them."""

    name = "columns"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.ParamType."""
        if not isinstance(value, str):
            return value
        names = [as_known(one.strip().lower(), self._known) for one in super().convert(value, param, ctx).split(",")]
        for one in names:
            if one not in self._known:
                self.fail(f"{one!r} is no column{meant(one, self._known)}: {', '.join(self._known)}", param, ctx)
        return tuple(dict.fromkeys(names))


def shaped(columns: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command its Shape; adds the options that say it."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--output",
            "-o",
            "form",
            type=Choice((JSON, LINES, IDS, TABLE)),
            help="As one JSON document, as one a line, as the bare ids, or as a table.",
        )
        @click.option(
            "--columns",
            type=ColumnNames(columns),
            metavar="A,B…",
            default=(),
            help=f"Of the table these columns: {', '.join(columns)}.",
        )
        @click.option("--wide", "is_wide", is_flag=True, help="The table with more columns, and none cut.")
        @wraps(command)
        def call(*args: Any, form: str | None, columns: Sequence[str], is_wide: bool, **options: Any) -> Any:
            return command(*args, shape=_shape(form, columns, is_wide=is_wide), **options)

        return call

    return give


def _shape(form: str | None, columns: Sequence[str], *, is_wide: bool) -> Shape:
    ctx = click.get_current_context()
    as_json = bool(given(ctx, "as_json"))
    if as_json and form not in (None, JSON):
        raise click.UsageError(f"Give --json or --output {form}, not both")
    if (columns or is_wide) and (as_json or form not in (None, TABLE)):
        raise click.UsageError("--columns and --wide are for tables: JSON has all there is")
    if columns and is_wide:
        raise click.UsageError("Give --columns or --wide, not both")
    if form == JSON:
        ask_for_json(ctx)
    return Shape(form or (JSON if as_json else TABLE), columns, is_wide)
