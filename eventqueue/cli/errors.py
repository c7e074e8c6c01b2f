"""`queuectl errors`: what jobs fail with, alike failures as one."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from eventqueue.cli.jobs import limited
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import SINCE, TEXT

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue


@command("errors")
@click.option("--queue", "queue_name", type=TEXT, help="Of this queue only.")
@click.option("--since", type=SINCE, help="Of jobs that failed since, such as 10m.")
@limited
@with_session
def errors(session: Session, queue_name: str | None, since: datetime | timedelta | None, limit: int | None) -> None:
    """Show what jobs failed with, by kind.

    Of those that are failed or dead now. Messages that differ in numbers, ids, paths and hex alone are of one kind,
    the largest first; its fingerprint chooses its jobs:

    \b
    queuectl errors --since 1d
    queuectl dlq retry --all --fingerprint 8aec858657 --dry-run
    """
    from eventqueue.cli.listing import LIMIT
    from eventqueue.cli.render import documents, tables
    from eventqueue.cli.render.progress import counting
    from eventqueue.cli.render.words import count
    from eventqueue.cli.values import time_of

    if limit is None and sys.stdout.isatty() and not session.out.as_json:
        limit = LIMIT
    with session.queue() as queue:
        begin = None if since is None else time_of(since, queue.connection.ground.clock.now())
        session.out.behind(queue.connection.views.refresh())
        with counting("reading", _total(queue, queue_name), hidden=session.out.quiet, unit="failures") as progress:
            found = queue.errors(queue_name, begin, progress)
    shown = found.groups[:limit]
    session.out.answer(lambda: [documents.plain(one) for one in shown], lambda: [tables.errors(shown)] if shown else [])
    if not shown:
        session.out.note("No failures.")
    if len(shown) < len(found.groups):
        session.out.note(f"These are the largest {len(shown):,} of {len(found.groups):,} kinds: --limit shows more.")
    if found.ungrouped:
        session.out.note(f"{count(found.ungrouped, 'failure')} of further kinds are not shown: there are too many.")


def _total(queue: "Queue", name: str | None) -> int:
    """Return how many there are to read, but for those that `since` leaves out."""
    from eventqueue.model.job import State

    counts = queue.connection.views.counts()
    return sum(
        of.get(state, 0) for one, of in counts.items() if name in (None, one) for state in (State.FAILED, State.DEAD)
    )
