"""A list of jobs, as `list`, `dlq list` and every `--dry-run` print it."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from eventqueue.cli import documents, tables
from eventqueue.cli.output import Output
from eventqueue.cli.session import Session
from eventqueue.cli.values import time_of
from eventqueue.job import Job
from eventqueue.views import Filter
from eventqueue.waits import Wait

LIMIT = 50  # of what a person reads


def print_newest(session: Session, limit: int | None, since: datetime | timedelta | None = None, **wanted: Any) -> None:
    """Print the newest jobs that fit, and on stderr how far the view that they are from is behind.

    `limit`: so many at most. None: all, but on a terminal as many as a person reads; that there are more is said there.
    """
    if limit is None and sys.stdout.isatty() and not session.out.as_json:
        limit = LIMIT
    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        begin = None if since is None else time_of(since, now)
        # One more than is shown tells whether there are more.
        listing = queue.list(Filter(**wanted, since=begin, limit=None if limit is None else limit + 1))
        waits = queue.waits(listing.jobs[:limit])
    session.out.behind(listing.lag)
    print_jobs(session.out, listing.jobs[:limit], waits, now)
    if limit is not None and len(listing.jobs) > limit and not session.out.as_json:
        session.out.note(f"These are the newest {limit:,}, and there are more: --limit shows them.")


def print_jobs(out: Output, jobs: Sequence[Job], waits: Mapping[str, Wait], now: datetime) -> None:
    """Print the jobs, and what they wait for; for people, none is a note and no table."""
    if jobs or out.as_json:
        out.answer(
            lambda: [documents.waiting_job(one, waits.get(one.id)) for one in jobs],
            lambda: tables.jobs(jobs, waits, now),
        )
    else:
        out.note("No jobs.")
