"""`queuectl wait`, `cancel` and `retry`."""

from collections.abc import Sequence

import click

from eventqueue.cli.acting import Deed, say_what_still_lives, to_each
from eventqueue.cli.known import JOB
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import SECONDS
from eventqueue.system.printable import clean


@command("wait")
@click.argument("ids", nargs=-1, required=True, metavar="ID...", type=JOB)
@click.option("--timeout", type=SECONDS, help="Wait so long at most, such as 90 or 10m.")
@with_session
def wait(session: Session, ids: Sequence[str], timeout: float | None) -> int:
    """Wait until jobs end.

    The exit code is 0 only if every one completed.

    \b
    queuectl wait "$(queuectl enqueue --quiet -- make)" && echo made
    """
    from eventqueue.cli.render import documents
    from eventqueue.model.job import State

    with session.queue() as queue:
        jobs = queue.wait([queue.resolve(one) for one in ids], timeout)
        for job in jobs:
            if job.state is State.COMPLETED:
                session.out.done(f"Job {job.id} completed")
            else:
                why = f": {clean(job.last_error.told)}" if job.last_error and job.state is State.DEAD else ""
                session.out.refuse(f"Job {job.id} is {job.state}{why}")
            if job.state is State.CANCELLED:
                say_what_still_lives(session, queue, job.id)
    session.out.document(lambda: [documents.waiting_job(job, None) for job in jobs])
    return 0 if all(job.state is State.COMPLETED for job in jobs) else 1


@command("cancel")
@selecting
def cancel(session: Session, selection: Selection) -> int:
    """Cancel jobs, waiting or running.

    Those that wait never run, those that run are killed. Which ones is said by ids, or as to `queuectl list`; where no
    state is named, or with --all, they are those that are pending, processing, or failed and waiting for their retry.
    Of dead ones say state:dead. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl cancel 0199f3a2 --why "the customer has called it off"
    queuectl cancel queue:mail 'created<-2h' --dry-run
    queuectl cancel --queue mail --yes
    """
    from eventqueue.api.acts import CANCELLED_OF
    from eventqueue.model.job import State

    why = selection.reason
    deed = Deed(
        lambda queue, ids: queue.cancel_many(ids, why), "Cancel {}?", "is cancelled", CANCELLED_OF, legal=(State.DEAD,)
    )
    return to_each(session, selection, deed)


@command("retry")
@selecting
def retry(session: Session, selection: Selection) -> int:
    """Bring failed, dead or cancelled jobs back to pending.

    Each gets a new budget of retries. Which ones is said by ids, or as to `queuectl list`; where no state is named, or
    with --all, they are those that are failed or dead. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl retry report
    queuectl retry --queue mail --error timeout --dry-run
    queuectl retry state:cancelled 'ended>-10m' --yes --why "it was the wrong queue"
    """
    from eventqueue.api.acts import RETRIED_OF
    from eventqueue.model.job import State

    why = selection.reason
    deed = Deed(
        lambda queue, ids: queue.retry_many(ids, why),
        "Retry {}?",
        "is pending again",
        RETRIED_OF,
        legal=(State.CANCELLED,),
    )
    return to_each(session, selection, deed)
