"""`queuectl replay`: the log's events gone through again: of a job, into another database, or for another view."""

from dataclasses import replace as changed

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import command, said_by, show_env
from eventqueue.cli.render.progress import counting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT, Typed, moment_option, since_of
from eventqueue.errors import Refused
from eventqueue.system.printable import clean
from eventqueue.telling.words import count


@command("replay")
@click.argument("job_id", metavar="[ID]", required=False, type=JOB)
@click.option("--to", "to", type=click.IntRange(1), metavar="VERSION", help="Up to this event of the job.")
@click.option("--all", "is_all", is_flag=True, help="The whole log, into another database.")
@click.option("--into", type=TEXT, metavar="NAME", help="That database, which must be empty.")
@click.option("--projection", type=TEXT, metavar="MODULE:NAME", help="Count by this projection, and write nothing.")
@moment_option("--since", help="With --projection: what the log took from this time on")
@show_env
@with_session
def replay(
    session: Session,
    job_id: str | None,
    to: int | None,
    *,
    is_all: bool,
    into: str | None,
    projection: str | None,
    since: Typed | None,
    show_env: bool,
) -> None:
    """Go through events of the past once more.

    Of a job: the state that it was in after each of its events. With --all: the log copied, byte for byte, into a
    database for inspection, and its views built there. With --projection: what a projection of an installed package
    counts of old events, beside the live views.

    \b
    queuectl replay report --to 2
    queuectl replay --all --into inspection
    queuectl replay --since 30d --projection acme_costs:Cost
    """
    ways = (job_id is not None, is_all, projection is not None)
    if ways.count(True) != 1 or is_all != (into is not None):
        raise click.UsageError("Give a job's id, --all with --into NAME, or --projection MODULE:NAME")
    if (to is not None and job_id is None) or (since is not None and projection is None):
        raise click.UsageError("--to is for a job's id, --since for --projection")
    if job_id is not None:
        _show_states(session, job_id, to, show_env=show_env)
    elif into is not None:
        _copy(session, into)
    elif projection is not None:
        _count(session, projection, since)


def _show_states(session: Session, job_id: str, to: int | None, *, show_env: bool) -> None:
    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    with session.queue() as queue:
        states = queue.replay(queue.resolve(job_id))
    if to is not None and to > len(states):
        raise Refused(f"Job {states[0].id} has {count(len(states), 'event')}, and no version {to}.")
    shown = states[:to]
    session.out.answer(
        lambda: [documents.whole_job(one, show_env=show_env) for one in shown], lambda: tables.states(shown)
    )


def _copy(session: Session, into: str) -> None:
    with session.queue() as queue:
        total = queue.log_size()
        with counting("copying", total, hidden=session.out.quiet, unit="events") as tell, said_by("into"):
            number = queue.copy_log(into, tell)
    with changed(session, db=into).queue() as copied:
        copied.connection.views.refresh()
    session.out.document(lambda: {"db": into, "events": number})
    session.out.done(f"{count(number, 'event')} copied into {clean(into)}, and the views built")
    session.out.note(f"A worker that is started on {clean(into)} would run what is pending there, too: start none.")


def _count(session: Session, projection: str, since: Typed | None) -> None:
    from eventqueue.cli.render import views
    from eventqueue.telling import documents

    with session.queue() as queue:
        begin = since_of(since, queue.connection.ground.clock.now())
        with counting("replaying", queue.log_size(), hidden=session.out.quiet, unit="events") as tell:
            found = queue.try_projection(projection, begin, tell)
    if found.counters or session.out.as_json:
        session.out.answer(lambda: documents.trial(found), lambda: views.counters(found.counters))
    else:
        session.out.note("No counters.")
    for one in found.refused[:1]:
        refused = count(found.refused_number, "job")
        session.out.note(f"Of {refused} not all is counted; the first stopped at {clean(one.problem)}")
