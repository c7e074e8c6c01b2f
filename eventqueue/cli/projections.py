"""`queuectl projections`: how the views are kept, and what an operator can do about them."""

import signal
from typing import TYPE_CHECKING

import click

from eventqueue.cli.options import Group, command, with_why
from eventqueue.cli.render.progress import counting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT
from eventqueue.system.interrupts import interrupting
from eventqueue.system.printable import clean
from eventqueue.telling.words import at_least, count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.ports.views import Difference

projections = Group("projections", help="The views: who keeps them, and how to prove or rebuild them.")


@command("list")
@with_session
def list_(session: Session) -> int:
    """Show each view: its version, who keeps it, how far it is behind.

    What is unknown is shown as unknown. The exit code is 1 if a view stands still or a job is parked.

    \b
    queuectl projections list
    """
    from eventqueue.cli.render import views
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.projections()
    session.out.answer(lambda: [documents.projection(one) for one in found], lambda: views.projections(found))
    return 1 if any(views.is_troubled(one) for one in found) else 0


@command("show")
@click.argument("name", type=TEXT)
@click.argument("prefix", nargs=-1, type=TEXT)
@with_session
def show(session: Session, name: str, prefix: tuple[str, ...]) -> None:
    """Show the counters of a projection.

    All, or those whose keys begin with PREFIX:

    \b
    queuectl projections show stats state
    """
    from eventqueue.cli.render import views
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.counters(name, *prefix)
    if not found and not session.out.as_json:
        session.out.note("No counters.")
        return
    session.out.answer(lambda: documents.counters(found), lambda: views.counters(found))


@command("rebuild")
@click.argument("name", required=False, type=TEXT)
@click.option("--without", multiple=True, type=TEXT, metavar="NAME", help="Give up this view, which is not installed.")
@with_why
@with_session
def rebuild(session: Session, name: str | None, without: tuple[str, ...], why: str | None) -> None:
    """Build the views anew from the log.

    Beside the live ones, which are then switched to: reads and claims go on meanwhile. Views are whole, so the others
    are built with the one that is named.

    \b
    queuectl projections rebuild
    """
    from eventqueue.ports.views import TOLD_MAX

    # As Ctrl-C does: what was begun is dropped, and not left for the next rebuild to find.
    interrupting([signal.SIGTERM])
    with session.queue() as queue:
        total = queue.log_size()
        applied = 0
        with counting("building", total, hidden=session.out.quiet, unit="events") as advance:

            def tell(number: int) -> None:
                nonlocal applied
                applied = number
                advance(number)

            generation = queue.rebuild_views(name, tell, without=without, why=why)
        parked = len(queue.connection.views.snapshot()["parked"])
    session.out.document(lambda: {"generation": generation, "applied": applied, "parked": parked})
    session.out.done(f"Views built from {count(applied, 'event')}; generation {generation} is live")
    if parked:
        session.out.note(f"{at_least(parked, TOLD_MAX, 'job')} parked in them: `queuectl projections list` shows why.")


@command("verify")
@click.argument("name", required=False, type=TEXT)
@click.option("--all", "is_all", is_flag=True, help="All jobs and all counters (the default).")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Only N jobs, picked at random, and no counters.")
@with_session
def verify(session: Session, name: str | None, is_all: bool, sample: int | None) -> int:
    """Fold the log afresh and hold the live views against it.

    While traffic flows, without false alarms: both are compared at one point. Names each difference; the exit code
    is 1 if there is any. The views are brought to the end of the log before, and built anew where they are damaged or
    ahead of it: what mends nothing is `queuectl audit verify`.

    \b
    queuectl projections verify
    queuectl projections verify --sample 1000
    """
    from eventqueue.cli.render import views
    from eventqueue.telling import documents

    if is_all and sample is not None:
        raise click.UsageError("Give --all or --sample, not both")
    with session.queue() as queue:
        done, found = _verify(session, queue, name, sample)
    session.out.document(lambda: documents.differences(done, found))
    if found and not session.out.as_json:
        session.out.answer(dict, lambda: views.differences(found))
        remedy = (
            "events are missing from the log, it seems, so build nothing anew: `queuectl audit verify --all` tells more"
            if any(one.is_lost for one in found)
            else "`queuectl projections rebuild` makes the views new"
        )
        session.out.refuse(f"{count(len(found), 'difference')}: {remedy}.")
    if not found:
        session.out.done(f"{count(done, 'job' if sample else 'event')} verified, no difference")
    return 1 if found else 0


def _verify(session: Session, queue: "Queue", name: str | None, sample: int | None) -> "tuple[int, list[Difference]]":
    done = 0
    unit = "events" if sample is None else "jobs"
    total = queue.log_size() if sample is None else sample
    with counting("verifying", total, hidden=session.out.quiet, unit=unit) as advance:

        def tell(read: int) -> None:
            nonlocal done
            done = read
            advance(read)

        found = list(queue.verify_views(name, sample, tell))
    return done, found


@command("retry")
@click.argument("name", type=TEXT)
@click.argument("job_id", metavar="JOB", type=TEXT)
@with_why
@with_session
def retry(session: Session, name: str, job_id: str, why: str | None) -> int:
    """Let a parked job go on.

    Once what was wrong with the projection is mended: it is given all that the log has of the job.

    \b
    queuectl projections retry jobs report
    """
    from eventqueue.telling import documents

    with session.queue() as queue:
        job_id = queue.resolve(job_id)
        parked = queue.retry_parked(name, job_id, why)
    session.out.document(lambda: {"id": job_id, "parked": documents.plain(parked)})
    if parked is None:
        session.out.done(f"Job {clean(job_id)} goes on")
        return 0
    session.out.refuse(f"Job {clean(job_id)} is parked again: {clean(parked.problem)}")
    return 1


for one in (list_, show, rebuild, verify, retry):
    projections.add_command(one)
