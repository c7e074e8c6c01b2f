"""`queuectl wait`: until jobs end, named ones or all that fit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.doing import say_what_still_lives
from eventqueue.cli.named import NAMED_MAX
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, choosing
from eventqueue.cli.session import Session
from eventqueue.cli.values import SECONDS
from eventqueue.system.printable import clean
from eventqueue.telling.unknown import unknown
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import Job


@command("wait")
@click.option("--timeout", type=SECONDS, help="Wait so long at most, such as 90 or 10m.")
@choosing
def wait(session: Session, selection: Selection, *, timeout: float | None) -> int:
    """Wait until jobs end.

    Which ones is said by ids, or as to `queuectl list`: then for those that fit by now. An id that could be a condition
    stands behind id=. The exit code is 0 only if every one completed.

    \b
    queuectl wait "$(queuectl enqueue --quiet -- make)" && echo made
    queuectl wait state:processing queue:mail --timeout 10m
    """
    from eventqueue.model.job import State
    from eventqueue.telling import documents

    with session.queue() as queue:
        if selection.ids:
            jobs = _ended(session, queue, [queue.resolve(one) for one in selection.ids], timeout)
            for job in jobs:
                _tell(session, queue, job)
        else:
            selection.check(queue)
            fields = selection.wanted.fields(queue.connection.ground.clock.now())
            jobs = _of_those_that_fit(session, queue, fields, timeout)
    session.out.document(lambda: [documents.waiting_job(job, None) for job in jobs])
    return 0 if all(job.state is State.COMPLETED for job in jobs) else 1


def _of_those_that_fit(
    session: Session, queue: "Queue", fields: Mapping[str, Any], timeout: float | None
) -> "Sequence[Job]":
    from eventqueue.model.job import State

    found = queue.find(**fields)
    session.out.behind(found.lag)
    if not found.ids:
        session.out.note(unknown(queue, fields.get("queue")) or "No jobs.")
        return []
    session.out.note(f"Waiting for {count(len(found.ids), 'job')}.")
    jobs = _ended(session, queue, found.ids, timeout)
    others = [job for job in jobs if job.state is not State.COMPLETED]
    if not others:
        session.out.done(f"{count(len(jobs), 'job')} completed")
    else:
        session.out.warn(f"{len(jobs) - len(others):,} of {count(len(jobs), 'job')} completed")
    for job in others[:NAMED_MAX]:
        _tell(session, queue, job)
    if len(others) > NAMED_MAX:
        session.out.refuse(f"… and {count(len(others) - NAMED_MAX, 'job')} more.")
    return jobs


def _ended(session: Session, queue: "Queue", ids: "Sequence[str]", timeout: float | None) -> "Sequence[Job]":
    """Return the jobs once they have ended; who would wait for nothing is told so."""
    from eventqueue.api.steps import PORTION
    from eventqueue.errors import WaitTimeout

    try:
        ended = queue.wait(ids[:PORTION], 0)  # of more of them not all would be looked at
    except WaitTimeout:
        _tell_what_is_missing(session, queue, ids[:PORTION])
    else:
        if len(ended) == len(ids):
            return ended
    return queue.wait(ids, timeout)


def _tell_what_is_missing(session: Session, queue: "Queue", ids: "Sequence[str]") -> None:
    """Tell of what somebody has to do before these jobs can end, each thing of a queue once; some of them are asked."""
    from eventqueue.api.steps import LOOK_S
    from eventqueue.audit.clauses import Reason
    from eventqueue.errors import QueueError
    from eventqueue.model.waits import Kind
    from eventqueue.mongo.patience import answered_within

    if session.out.quiet:
        return
    by_hand = {Reason.PARKED, Reason.PAUSED, Reason.UNSERVED, Reason.UNKNOWN}
    told: set[tuple[str, Reason]] = set()
    # Who waits needs no right to know who works; and a database that does not answer is waited for like all else.
    with suppress(QueueError), answered_within(LOOK_S):
        if not queue.workers():
            session.out.note("No worker is alive: `queuectl worker start` starts one.")
            return
        waiting = list(islice((job for job in map(queue.get, ids) if job.due_at is not None), NAMED_MAX))
        waits = queue.waits(waiting)
        for job in waiting:
            if job.id not in waits or waits[job.id].kind is Kind.DUE:  # as nearly all are: nothing more is asked
                continue
            # As the views are: whoever waits for a job does not wait for them before.
            for clause in queue.explain(queue.history(job.id)).clauses:
                if clause.kind in by_hand and (job.queue, clause.kind) not in told:
                    told.add((job.queue, clause.kind))
                    session.out.note(f"Job {job.id} waits: {clause.text}.")


def _tell(session: Session, queue: "Queue", job: "Job") -> None:
    from eventqueue.model.job import State

    if job.state is State.COMPLETED:
        session.out.done(f"Job {job.id} completed")
        return
    why = f": {clean(job.last_error.told)}" if job.last_error and job.state is State.DEAD else ""
    session.out.refuse(f"Job {job.id} is {job.state}{why}")
    if job.state is State.CANCELLED:
        say_what_still_lives(session, queue, job.id)
