"""`queuectl worker show`: all of one worker, whether it lives or not, and what it ran."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eventqueue.cli.jobs import LIMIT_MAX
from eventqueue.cli.known import ANY_WORKER
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import PLAIN
from eventqueue.cli.then import At, seen_at, time_in, with_at
from eventqueue.cli.values import TEXT

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then
    from eventqueue.model.job import Job
    from eventqueue.model.readable import Read
    from eventqueue.ports.views import Gone, Worker, WorkerRuns

EVENTS = 50  # of a life, the newest
GONE = 1000  # workers among which one is looked for


@command("show")
@click.argument("name", metavar="ID", type=ANY_WORKER)
@with_at
@click.option(
    "--limit", "-n", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True, help="Of what it ran the last."
)
@click.option("--before", type=TEXT, metavar="PLACE", help="Of what it ran that before this: see `older` of --json.")
@with_session
def show(session: Session, name: str, at: At, *, limit: int, before: str | None) -> None:
    """Show all of a worker, also of one that is gone.

    How it stands, or what became of it and who told; what it runs or held; the attempts that it made, the last first,
    and how each ended; and its life as the log tells it. ID is an unambiguous beginning of its id, or of the name of
    one that lives.

    \b
    queuectl worker show web-3:1c1c
    queuectl worker show web-3:1c1c --limit 500 --json
    queuectl worker show web-3:1c1c --at 2026-11-28T03:12Z
    """
    from eventqueue.api.then import Then
    from eventqueue.cli.render.worker import details
    from eventqueue.errors import Refused
    from eventqueue.model.ends import shown_among
    from eventqueue.telling import documents, workers

    with session.queue() as queue:
        worker_id = queue.resolve_worker(name)
        shown = seen_at(session, queue, at)
        then = shown if isinstance(shown, Then) else None
        if then is None:
            session.out.behind(queue.connection.views.refresh())
        there = next((one for one in shown.workers() if one.id == worker_id), None)
        told = workers.told(queue, then, worker_id, there=there, most=EVENTS, find=lambda: _those_gone(shown))
        if told is None:
            raise Refused(f"Worker {worker_id} was not there yet: `queuectl worker show {worker_id}` tells since when.")
        runs = shown.worker_runs(worker_id, limit, before=before)
        running = _jobs(queue, there) if then is None else None
        far = queue.progress(running or ())
        now = time_in(shown)
    ids = [*(one.job for one in runs), *(one.id for one in running or ()), *(there.running if there else ())]
    short = shown_among(ids) if PLAIN.is_read(session) else str
    session.out.answer(
        lambda: documents.shown_worker(told, runs, None if then is None else then.moment),
        lambda: details(told, runs.runs, now, running=running, progress=far, shown=short),
    )
    if not session.out.as_json:
        _tell_of_more(session, runs, told.life, is_newest=before is None)


def _those_gone(shown: "Queue | Then") -> "Sequence[Gone]":
    from eventqueue.telling.workers import WITHIN

    return shown.workers_gone(WITHIN, GONE)


def _jobs(queue: "Queue", there: "Worker | None") -> "Sequence[Job]":
    """Return the jobs that a worker runs, in its order."""
    found = queue.connection.finder.get(there.running) if there is not None else {}
    return [found[one] for one in there.running if one in found] if there is not None else []


def _tell_of_more(session: Session, runs: "WorkerRuns", life: "Sequence[Read]", *, is_newest: bool) -> None:
    if runs.looked is not None:
        told = f"{runs.looked:,} events of the log were looked at, and it ran little of what happened"
        session.out.note(f"{told}: --before {shlex.quote(runs.older or '')} looks further back.")
    elif runs.older is not None:
        session.out.note(f"These are the last {len(runs):,} that it ran, and there are more: --limit shows them.")
    elif not runs.runs:
        session.out.note("It ran nothing." if is_newest else "It ran nothing before that.")
    if len(life) == EVENTS:
        session.out.note(f"Of its life these are the newest {EVENTS} events: `queuectl events --stream` shows all.")
