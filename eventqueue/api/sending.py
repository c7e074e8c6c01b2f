"""Calls of tasks on their way into a queue: each a job's fields, in one span, and all in the session that they name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from eventqueue.errors import InvalidInput
from eventqueue.tasks import tracing
from eventqueue.tasks.called import TaskCall

S = TypeVar("S")

if TYPE_CHECKING:  # who checks types knows it, whatever is installed
    from typing_extensions import TypeVar as WithDefault

    D = WithDefault("D", default=Any)
else:
    D = TypeVar("D")
"""What a job returns: anything, where its task is not known."""

Asked = Mapping[str, Any] | TaskCall[Any]
"""What is asked for: a job's fields, or a call of a task."""


@contextmanager
def sending(asked: Sequence[Asked]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the fields of each job. Where calls of tasks are among them there is a span, of which their jobs tell."""
    calls = [one for one in asked if isinstance(one, TaskCall)]
    if not calls:
        yield list(map(_fields, asked))
        return
    what, queue = _only(one.call.task for one in calls), _only(one.options.get("queue") for one in calls)
    with tracing.sending(what or "tasks", queue, len(calls)) as correlation:
        yield [_fields(one, correlation) for one in asked]


def read_of(asked: Asked | None) -> Callable[[Any], Any] | None:
    """Return what makes a result of what the log has of it, for a call of a task."""
    return asked.read if isinstance(asked, TaskCall) else None


def session_of(asked: Sequence[Asked], session: S | None, kind: type[S]) -> S | None:
    """Return the session in which all is to be written: the one given, or that of the calls' options.

    Raises InvalidInput where they are several, or one is not of this kind.
    """
    named = [one.options.get("session") for one in asked if isinstance(one, TaskCall)]
    found = {id(one): one for one in (session, *named) if one is not None}
    if len(found) > 1:
        raise InvalidInput("session", "is not one and the same of all that is enqueued together")
    for one in found.values():
        if not isinstance(one, kind):
            raise InvalidInput("session", f"is a {type(one).__name__}; it must be a {kind.__name__} here")
        return one
    return None


def _fields(asked: Asked, correlation: str | None = None) -> Mapping[str, Any]:
    return {"correlation": correlation, **asked.job()} if isinstance(asked, TaskCall) else asked


def _only(values: Iterator[Any]) -> Any:
    found = set(values)
    return found.pop() if len(found) == 1 else None
