"""`queuectl restart`: a new job that does what one that has ended was to do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.amending import FIELDS, UNSET
from eventqueue.cli.enqueue import given_fields, with_options
from eventqueue.cli.known import JOB
from eventqueue.cli.options import command, with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import timed
from eventqueue.errors import QueueError, Refused

if TYPE_CHECKING:
    from eventqueue.api.bulk import Acted
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import Job


@command("restart")
@click.argument("ids", nargs=-1, required=True, metavar="ID...", type=JOB)
@click.option("--edit", "is_edited", is_flag=True, help="Change it in an editor ($VISUAL, $EDITOR) first.")
@with_options((*FIELDS, UNSET))
@with_why
@with_session
def restart(
    session: Session,
    /,
    *,
    ids: Sequence[str],
    is_edited: bool,
    unset: Sequence[str],
    why: str | None,
    **options: Any,
) -> int:
    """Have new jobs do what others were to do that have ended.

    As these were last, but for what is given; due now. Each is known as the restart of the old one, which stays as it
    ended. A key stays the old one's. To ask again is safe: what has ended is taken up once; to run it once more,
    restart the new one. For a job that failed or died, `retry` goes on with the same one.

    \b
    queuectl restart report --why "the numbers were wrong"
    queuectl restart 0199f3a2 --queue urgent --env REGION=eu --unset timeout
    queuectl restart report --edit
    """
    from eventqueue.model.restarting import alterations

    fields: Mapping[str, Any] = given_fields(options)
    # Before a server is asked: what is wrong with it is so of every job.
    alterations(timed(fields, datetime.now(UTC)), unset)
    if is_edited and (len(ids) > 1 or fields or unset):
        raise click.UsageError("--edit is of one job, and goes with no other change")
    with session.queue() as queue:
        if is_edited:
            from eventqueue.cli.editing import edited

            ids = [queue.resolve(ids[0])]
            fields, unset = edited(_to_be_edited(queue, ids[0]))
        fields = timed(fields, queue.connection.ground.clock.now())
        return _told(session, ids, _restarted(queue, ids, fields, unset, why))


def _to_be_edited(queue: "Queue", job_id: str) -> "Job":
    """Return a job that can be restarted: nobody is to type what cannot be done. Raises Refused."""
    from eventqueue.model.restarting import check_ended, successor

    job = queue.get(job_id)
    check_ended(job)
    if (new := successor(job.id, job.attempts)) in queue.restarts(job.id):
        raise Refused(f"Job {job_id} was restarted already, as {new}: once that has ended, restart that one.")
    return job


def _restarted(
    queue: "Queue", ids: Sequence[str], fields: Mapping[str, Any], unset: Sequence[str], why: str | None
) -> Mapping[str, "Receipt | QueueError"]:
    """Return what became of each job, by what was typed for it."""
    refused: dict[str, QueueError] = {}
    found: dict[str, str] = {}
    for typed in dict.fromkeys(ids):
        try:
            found[typed] = queue.resolve(typed)
        except Refused as error:
            refused[typed] = error
    done: Sequence[Acted] = [*queue.restart_many(found.values(), why, unset=unset, **fields)]
    return refused | {typed: one.outcome for typed, one in zip(found, done, strict=True)}


def _told(session: Session, ids: Sequence[str], done: Mapping[str, "Receipt | QueueError"]) -> int:
    from eventqueue.cli.render import documents

    told = []
    for typed in dict.fromkeys(ids):
        outcome = done[typed]
        if isinstance(outcome, QueueError):
            session.out.refuse(str(outcome))
            told.append(documents.refusal(typed, str(outcome)))
            continue
        told.append(documents.restarted(typed, outcome))
        _tell(session, typed, outcome)
        session.out.bare(outcome.id)
    session.out.document(lambda: told)
    return 1 if any(isinstance(one, QueueError) for one in done.values()) else 0


def _tell(session: Session, old: str, done: "Receipt") -> None:
    from eventqueue.cli.render.existing import stands

    if done.created:
        session.out.done(f"Job {old} is restarted as {done.id}")
    elif done.existing is None or done.existing.ended_at is None:
        session.out.note(f"Job {old} was restarted already, as {done.id}: {stands(done)}")
    else:
        again = f"`queuectl restart {done.id}` makes a further one"
        session.out.warn(f"Job {old} was restarted already, as {done.id}: {stands(done)}; {again}")
