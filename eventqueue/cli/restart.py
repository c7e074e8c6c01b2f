"""`queuectl restart`: a new job that does what one that has ended was to do."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.acting import to_each
from eventqueue.cli.amending import FIELDS, UNSET
from eventqueue.cli.doing import Doing
from eventqueue.cli.enqueue import given_fields, with_options
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session
from eventqueue.cli.values import timed
from eventqueue.errors import Refused

if TYPE_CHECKING:
    from eventqueue.api.bulk import Bulk
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import Job


@command("restart")
@click.option("--edit", "is_edited", is_flag=True, help="Change it in an editor ($VISUAL, $EDITOR) first.")
@with_options((*FIELDS, UNSET))
@partial(selecting, by_options=False)
def restart(
    session: Session,
    selection: Selection,
    /,
    *,
    is_edited: bool,
    unset: Sequence[str],
    **options: Any,
) -> int:
    """Have new jobs do what others were to do that have ended.

    As these were last, but for what is given; due now. Each is known as the restart of the old one, which stays as it
    ended. A key stays the old one's. To ask again is safe: what has ended is taken up once; to run it once more,
    restart the new one. For a job that failed or died, `retry` goes on with the same one.

    Which jobs is said by ids, or by conditions as text such as queue:mail: options say what becomes of them. Where no
    state is named, or with --all, they are those that are dead; of others say state:completed or state:cancelled.
    Where they are not named by their ids it shows some, and asks.

    \b
    queuectl restart report --why "the numbers were wrong"
    queuectl restart 0199f3a2 --queue urgent --env REGION=eu --unset timeout
    queuectl restart report --edit
    queuectl restart state:completed queue:mail 'ended>-2h' --dry-run
    """
    from eventqueue.model.deeds import RESTART
    from eventqueue.model.restarting import alterations

    fields: Mapping[str, Any] = given_fields(options)
    # Before a server is asked: what is wrong with it is so of every job.
    alterations(timed(fields, datetime.now(UTC)), unset)
    if is_edited and (len(selection.ids) != 1 or fields or unset):
        raise click.UsageError("--edit is of one job, and goes with no other change")

    def act(queue: "Queue", ids: Iterable[str]) -> "Bulk":
        if is_edited:
            from eventqueue.cli.editing import edited

            changed, gone = edited(_to_be_edited(queue, *ids))
            return queue.restart_many(ids, selection.why, unset=gone, **changed)
        at = timed(fields, queue.connection.ground.clock.now())
        return queue.restart_many(ids, selection.why, unset=unset, **at)

    return to_each(session, selection, _Restarting(RESTART, act))


def _to_be_edited(queue: "Queue", job_id: str) -> "Job":
    """Return a job that can be restarted: nobody is to type what cannot be done. Raises Refused."""
    from eventqueue.model.restarting import check_ended, successor

    job = queue.get(job_id)
    check_ended(job)
    if (new := successor(job.id, job.attempts)) in queue.restarts(job.id):
        raise Refused(f"Job {job_id} was restarted already, as {new}: once that has ended, restart that one.")
    return job


class _Restarting(Doing):
    """Of each job the new one is told, and not only that it was made."""

    def tell(self, session: Session, queue: "Queue", job_id: str, done: "Receipt") -> None:  # noqa: ARG002
        """See Doing."""
        from eventqueue.cli.render.existing import stands

        session.out.bare(done.id)
        if done.created:
            session.out.done(f"Job {job_id} is restarted as {done.id}")
        elif done.existing is None or done.existing.ended_at is None:
            session.out.note(f"Job {job_id} was restarted already, as {done.id}: {stands(done)}")
        else:
            again = f"`queuectl restart {done.id}` makes a further one"
            session.out.warn(f"Job {job_id} was restarted already, as {done.id}: {stands(done)}; {again}")

    def receipt(self, job_id: str, done: "Receipt") -> dict[str, Any]:
        """See Doing."""
        from eventqueue.telling.documents import restarted

        return restarted(job_id, done)
