"""`queuectl list`, `show` and `history`: what there is to know of jobs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import click

from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.known import JOB
from eventqueue.cli.options import command, show_env
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import HISTORY, JOBS, Shape, print_shaped, shaped
from eventqueue.cli.sorting import sorting
from eventqueue.cli.then import At, seen_at, time_in, told_at, with_at
from eventqueue.errors import QueueError, Refused
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.events import Recorded

LIMIT_MAX = 2**31 - 2

limited = click.option(
    "--limit", "-n", type=click.IntRange(1, LIMIT_MAX), help="So many at most [default: all; on a terminal 50]."
)


@command("list")
@filtering
@click.option("--after", type=JOB, metavar="ID", help="Those that are listed after this job.")
@sorting
@shaped(JOBS)
@limited
@with_at
@with_session
def list_(
    session: Session,
    *,
    wanted: Wanted,
    after: str | None,
    sort: str | None,
    shape: Shape,
    limit: int | None,
    at: At,
) -> None:
    """List jobs, newest first.

    Which ones is said by options, by conditions, or by both; all must hold. A value with blanks in it stands in
    quotation marks. On a terminal each has its place, by which commands know it then: `queuectl show @3`; so they do by
    the id as it is shown, the end of a long one. What is longer than the screen is shown in a pager.

    \b
    queuectl list --state failed --since 2h
    queuectl list state:dead 'error~"no space"' 'ended>-2h' meta.customer=acme
    queuectl list --queue mail -o ids
    queuectl list state:pending --sort due --columns id,due,tags
    queuectl list --state processing --at 2026-11-28T03:12Z
    """
    from eventqueue.cli.listing import print_newest

    print_newest(session, limit, wanted, at, after=after, shape=shape, sort=sort)


@command("show")
@click.argument("job_id", metavar="ID", type=JOB)
@with_at
@click.option("--version", type=click.IntRange(1, LIMIT_MAX), help="As it was after so many of its events.")
@show_env
@with_session
def show(session: Session, job_id: str, *, at: At, version: int | None, show_env: bool) -> None:
    """Show all of a job, and the end of its output.

    While it runs, that is of what it has written so far. A part of the id is enough, if no other job's id begins with
    it, and so is its end, or its place in the list before. `queuectl why` tells more of why it is in its state.

    \b
    queuectl show report
    queuectl show @1
    queuectl show 0199f3a2 --json --show-env
    queuectl show report --at 2026-11-28T03:12Z
    queuectl show report --version 3
    """
    from eventqueue.audit.clauses import sentence
    from eventqueue.cli.attempts import last_output, output_so_far
    from eventqueue.cli.render.details import details
    from eventqueue.model.job import State, fold
    from eventqueue.telling import documents

    if at is not None and version is not None:
        raise click.UsageError("Give --at or --version, not both")
    with session.queue() as queue:
        whole = queue.resolve(job_id)
        shown = seen_at(session, queue, at if version is None else _time_of_version(queue, whole, version))
        found = shown.history(whole)[:version]
        job = fold(found)
        assert job is not None
        wait, far = shown.waits([job]).get(job.id), shown.progress([job]).get(job.id)
        runs = job.state is State.PROCESSING and shown is queue
        so_far = output_so_far(queue.output_so_far(job.id)) if runs else None
        output = so_far or last_output(found, lambda claim: queue.output(job.id, claim))
        why = sentence(shown.explain(found).clauses[0])
        restarts = queue.restarts(job.id) if shown is queue else ()
    session.out.answer(
        lambda: documents.shown_job(job, output, wait, why, far, show_env=show_env, restarts=restarts) | told_at(shown),
        lambda: details(
            job,
            why,
            output,
            time_in(shown),
            far,
            show_env=show_env,
            is_so_far=so_far is not None,
            restarts=restarts,
        ),
    )


def _time_of_version(queue: "Queue", job_id: str, version: int) -> datetime:
    from eventqueue.model.moments import moment_of

    found = queue.history(job_id)
    if version > len(found):
        raise Refused(f"Job {job_id} has {count(len(found), 'event')}: `queuectl history {job_id}` shows them.")
    return moment_of(found[version - 1]) or found[version - 1].at


@command("history")
@click.argument("job_id", metavar="ID", type=JOB)
@shaped(HISTORY)
@show_env
@with_session
def history(session: Session, job_id: str, *, shape: Shape, show_env: bool) -> None:
    """Show a job's events in order.

    When each was, how long after the one before, by whom, and what it changed.

    \b
    queuectl history report
    queuectl history report --columns time,event,by
    """
    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.history(whole := queue.resolve(job_id))
        restarts, now = queue.restarts(whole), time_in(queue)
        acts = {} if session.out.as_json else _acts_in(queue, found)
    events = zip(found, [None, *found], strict=False)
    print_shaped(
        session,
        shape,
        lambda: [documents.event(one, before, show_env=show_env) for one, before in events],
        lambda: [one.id.hex() for one in found],
        lambda: tables.history(found, now, acts, shape.names(HISTORY)),
    )
    if restarts:
        session.out.note(f"It was restarted as {', '.join(restarts)}.")


def _acts_in(queue: "Queue", history: "Sequence[Recorded]") -> dict[str, int]:
    """Return on how many jobs the acts were that a job's events name, as far as that is told."""
    from eventqueue.model.events import OfMany

    found: dict[str, int] = {}
    for act_id in {one.event.act for one in history if isinstance(one.event, OfMany) and one.event.act is not None}:
        with suppress(QueueError):
            if (number := queue.act(act_id).jobs) is not None:
                found[act_id] = number
    return found
