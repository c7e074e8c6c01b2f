"""Which jobs a command is for: those that are named, or all that fit conditions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.filters import SCAN, Wanted, with_filters
from eventqueue.cli.known import JOB
from eventqueue.cli.options import with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import AmbiguousId, JobNotFound

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

_ID = "id="  # in front of a job's id that could be a condition, too: no id has an `=` in it


@dataclass(frozen=True)
class Selection:
    """What was asked for, and why: `ids`, or where there are none, all that are `wanted`.

    `is_dry`: only to be shown. `is_agreed`: nobody is to be asked any more. `doubtful`: words that are conditions, and
    could be what a job's id begins with.
    """

    ids: Sequence[str]
    wanted: Wanted
    doubtful: Sequence[str] = ()
    is_dry: bool = False
    is_agreed: bool = False
    why: str | None = None

    @property
    def reason(self) -> str:
        """Why it is done, as the log tells it."""
        return self.why or "asked for"

    def check(self, queue: "Queue") -> None:
        """Raise UsageError for a condition that is what a job's id begins with."""
        for word in self.doubtful:
            try:
                found = queue.resolve(word)
            except JobNotFound:
                continue
            except AmbiguousId as error:
                raise _doubt(word, str(error)) from None
            raise _doubt(word, f"job {found} has such an id.")


def _doubt(word: str, what: str) -> click.UsageError:
    plain = re.sub(":", "=", word, count=1)
    return click.UsageError(
        f"{word!r} is a condition, and could be a job: {what} Say {plain} for the condition, or {_ID}{word} for the job"
    )


def selecting(command: Callable[..., Any], *, by_options: bool = True) -> Callable[..., Any]:
    """Give a command that acts its session and its Selection; adds the arguments that say which jobs, and how.

    `by_options`: see `choosing`.
    """

    @click.option("--all", "is_all", is_flag=True, help="All jobs that it is for, where no condition says which.")
    @with_why
    @click.option("--dry-run", "is_dry", is_flag=True, help="Show which jobs it would be, and leave them.")
    @click.option("--yes", "is_agreed", is_flag=True, help="Do not ask, where it is not jobs that are named.")
    @partial(choosing, by_options=by_options)
    @wraps(command)
    def call(
        session: Session, selection: Selection, /, *, is_dry: bool, is_agreed: bool, why: str | None, **options: Any
    ) -> Any:
        return command(session, replace(selection, is_dry=is_dry, is_agreed=is_agreed, why=why), **options)

    return call


def choosing(command: Callable[..., Any], *, by_options: bool = True) -> Callable[..., Any]:
    """Give a command its session and its Selection; adds the arguments that say which jobs.

    `by_options`: False where options say what is to become of jobs, so that conditions are said as text alone.
    """

    @click.argument("words", nargs=-1, metavar="[ID|FILTER]...", type=JOB)
    @partial(_filters, by_options=by_options)
    @with_session
    @wraps(command)
    def call(
        session: Session,
        /,
        *,
        words: Sequence[str],
        asked: Mapping[str, Any],
        is_all: bool | None = None,
        **options: Any,
    ) -> Any:
        ids, texts = _told_apart(words)
        wanted = Wanted(texts, asked)
        _check(ids, wanted, is_all=is_all)
        doubtful = [one for one in texts if _could_be_id(one)]
        return command(session, Selection(ids, wanted, doubtful), **options)

    return call


def _filters(command: Callable[..., Any], *, by_options: bool) -> Callable[..., Any]:
    if by_options:
        return with_filters(command)

    @wraps(command)
    def call(*args: Any, scan: bool, **options: Any) -> Any:
        return command(*args, asked={"scan": scan}, **options)

    scanning: Callable[..., Any] = SCAN(call)
    return scanning


def _told_apart(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the ids among some words, each once, and the conditions."""
    from eventqueue.audit.filters import is_condition

    ids: dict[str, None] = {}
    texts: list[str] = []
    for word in words:
        if word.startswith(_ID):
            ids[word.removeprefix(_ID)] = None
        elif is_condition(word):
            texts.append(word)
        else:
            ids[word] = None
    return [*ids], texts


def _could_be_id(word: str) -> bool:
    from eventqueue.model.fields import NAME

    return re.search(NAME, word) is not None


def _check(ids: Sequence[str], wanted: Wanted, *, is_all: bool | None) -> None:
    """Raise UsageError unless jobs are chosen in one way; `is_all`: None where a command is never for all."""
    if ids and wanted.is_anything:
        raise click.UsageError("Give the jobs' ids, or conditions that choose among all jobs, not both")
    if bool(ids) == bool(is_all or wanted.is_anything):
        or_all = "" if is_all is None else ", or --all"
        raise click.UsageError(f"Give the jobs' ids, or conditions such as queue:mail{or_all}")
