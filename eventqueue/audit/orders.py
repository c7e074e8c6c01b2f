"""Lists of jobs in another order than their own: all that fit are read first, up to a number, and put in order here.

Only the newest first is an order that an index has for whatever is asked for. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from msgspec.structs import replace

from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.job import Job
from eventqueue.model.names import one_of
from eventqueue.ports.views import Filter

MOST = 10_000  # jobs that are put in order
_NEVER = datetime.max.replace(tzinfo=UTC)

ORDERS: Mapping[str, Callable[[Job], Any]] = {
    "created": lambda job: (-job.created_at.timestamp(), -job.nth),
    "updated": lambda job: -job.updated_at.timestamp(),
    "due": lambda job: job.due_at or _NEVER,
    "priority": lambda job: (-job.priority, job.due_at or _NEVER, job.nth),
    "tries": lambda job: -job.attempts,
    "queue": lambda job: job.queue,
}


def order(name: str | None) -> str | None:
    """Return the order that is asked for, None for a list's own. Raises InvalidInput."""
    if name is None or name in ORDERS:
        return name
    raise InvalidInput("sort", f"is {name!r}{one_of('the orders', name, tuple(ORDERS))}")


def ordered(read: Callable[[Filter], Iterator[Job]], wanted: Filter, by: str | None) -> Iterator[Job]:
    """Return the jobs that are wanted, in this order: the first of them, as many as the filter's limit is.

    `read` yields those of a filter in their own order. Raises Refused where there are too many to put in order.
    """
    return read(wanted) if by is None else iter(_sorted(read(replace(wanted, limit=None)), by)[: wanted.limit])


def _sorted(jobs: Iterable[Job], by: str) -> list[Job]:
    found = list(islice(jobs, MOST + 1))
    if len(found) > MOST:
        raise Refused(
            f"There are more than {MOST:,} jobs to put in order: a state, a queue, a tag or a time leaves fewer. "
            "In their own order any number is listed."
        )
    return sorted(found, key=ORDERS[by])
