"""Lists of jobs in another order than their own: all that fit are read first, up to a number, and put in order here.

Only the newest first is an order that an index has for whatever is asked for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.values import Choice
from eventqueue.errors import Refused

if TYPE_CHECKING:
    from eventqueue.model.job import Job

MOST = 10_000  # jobs that are put in order
_NEVER = datetime.max.replace(tzinfo=UTC)

_ORDERS: Mapping[str, Callable[["Job"], Any]] = {
    "created": lambda job: (-job.created_at.timestamp(), -job.nth),
    "updated": lambda job: -job.updated_at.timestamp(),
    "due": lambda job: job.due_at or _NEVER,
    "priority": lambda job: (-job.priority, job.due_at or _NEVER, job.nth),
    "tries": lambda job: -job.attempts,
    "queue": lambda job: job.queue,
}

sorting = click.option(
    "--sort",
    type=Choice(tuple(_ORDERS)),
    help=f"In this order, of {MOST:,} jobs at most: the latest, the first due, the highest or the most first.",
)


def in_order(jobs: "Iterable[Job]", by: str) -> "Sequence[Job]":
    """Return the jobs in this order. Raises Refused where there are too many of them."""
    found = list(islice(jobs, MOST + 1))
    if len(found) > MOST:
        raise Refused(
            f"There are more than {MOST:,} jobs to put in order: a state, a queue, a tag or a time leaves fewer. "
            "In their own order any number is listed."
        )
    return sorted(found, key=_ORDERS[by])
