"""`queuectl errors`: what jobs fail with, alike failures as one."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.jobs import limited
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import ERRORS, Shape, print_shaped, shaped
from eventqueue.cli.unknown import refuse_unknown
from eventqueue.errors import InvalidInput

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

PAST = timedelta(days=7)  # of the past, unless it is said of how much


@command("errors")
@partial(filtering, without="scan")
@click.option("--past", "is_past", is_flag=True, help="Of each attempt that failed, in 7 days unless --since is given.")
@click.option("--ignored", "is_all", is_flag=True, help="Those too that somebody ignores, see `queuectl dlq ignore`.")
@shaped(ERRORS)
@limited
@with_session
def errors(session: Session, *, wanted: Wanted, is_past: bool, is_all: bool, limit: int | None, shape: Shape) -> None:
    """Show what jobs failed with, by kind.

    Of those that are failed or dead now, and that fit, as to `queuectl list`; with --past each attempt that failed,
    also where all has gone well since: of a queue that its job was enqueued in, a task, a time or an error. Messages
    that differ in numbers, ids, paths and hex alone are of one kind, the largest first; its fingerprint chooses its
    jobs:

    \b
    queuectl errors --since 1d
    queuectl errors state:dead tag:nightly meta.customer=acme
    queuectl errors --columns count,age,error
    queuectl errors --past --since 03:00
    queuectl dlq retry --fingerprint 8aec858657 --dry-run
    queuectl errors --ignored
    """
    from eventqueue.cli.listing import LIMIT
    from eventqueue.cli.render import tables
    from eventqueue.cli.render.progress import counting
    from eventqueue.model.ends import shown_among
    from eventqueue.telling import documents
    from eventqueue.telling.words import count

    if limit is None and shape.is_read(session):
        limit = LIMIT
    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        fields = _fields(wanted, now, is_past=is_past)
        if not is_past:
            session.out.behind(queue.connection.views.refresh())
        total = _total(queue, fields.get("queue")) if fields.keys() <= {"queue", "since"} and not is_past else None
        with counting("reading", total, hidden=session.out.quiet, unit="failures") as progress:
            found = queue.errors(None, progress, is_past=is_past, **fields)
        if not found.failures:
            refuse_unknown(queue, fields.get("queue"))
    heeded = [one for one in found.groups if is_all or one.ignored is None]
    shown = heeded[:limit]
    short = shown_among(one.example.job for one in shown) if shape.is_read(session) and not shape.is_wide else str
    print_shaped(
        session,
        shape,
        lambda: [documents.plain(one) for one in shown],
        lambda: [one.fingerprint for one in shown],
        lambda: [tables.errors(shown, now, shape.names(ERRORS), short)] if shown else [],
    )
    if not found.failures:
        session.out.note("No failures." if is_past else "No job is failed or dead now: --past tells what has failed.")
    if len(shown) < len(heeded):
        session.out.note(f"These are the largest {len(shown):,} of {len(heeded):,} kinds: --limit shows more.")
    if is_all and found.absent:
        others = count(len(found.absent), "further kind")
        session.out.note(f"{others} ignored, with no failure among these: `queuectl dlq ignored` lists all.")
    if let_be := [one for one in found.groups if one.ignored is not None and not is_all]:
        failures = count(sum(one.count for one in let_be), "failure")
        session.out.note(f"{count(len(let_be), 'kind')} with {failures} ignored: --ignored shows them too.")
    if found.ungrouped:
        session.out.note(f"{count(found.ungrouped, 'failure')} of further kinds are not shown: there are too many.")


def _fields(wanted: Wanted, now: datetime, *, is_past: bool) -> dict[str, Any]:
    """Return the fields of the filter. Raises click.UsageError for what chooses no failures."""
    from eventqueue.api.failing import of_now, of_the_past
    from eventqueue.ports.views import Filter

    fields = wanted.fields(now)
    if is_past and "since" not in fields:
        fields["since"] = now - PAST
    try:
        (of_the_past if is_past else of_now)(Filter(**fields))
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    return fields


def _total(queue: "Queue", name: str | None) -> int:
    """Return how many there are to read, but for those that `since` leaves out."""
    from eventqueue.model.job import State

    counts = queue.connection.views.counts()
    return sum(
        of.get(state, 0) for one, of in counts.items() if name in (None, one) for state in (State.FAILED, State.DEAD)
    )
