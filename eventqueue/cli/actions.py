"""`queuectl wait`, `cancel` and `retry`."""

from collections.abc import Sequence

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, say_what_still_lives, selecting, to_each
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

    Those that wait never run, those that run are killed. --all means every job that is pending, processing or
    failed and waiting for its retry.

    \b
    queuectl cancel 0199f3a2 --why "the customer has called it off"
    queuectl cancel --all --queue mail --dry-run
    """
    from eventqueue.model.job import State

    states = (State.PENDING, State.FAILED, State.PROCESSING)
    why = selection.reason
    return to_each(session, selection, states, lambda queue, ids: queue.cancel_many(ids, why), "is cancelled")


@command("retry")
@selecting
def retry(session: Session, selection: Selection) -> int:
    """Bring failed, dead or cancelled jobs back to pending.

    Each gets a new budget of retries. --all means every job that is failed or dead; a cancelled one has to be named.

    \b
    queuectl retry report
    queuectl retry --all --queue mail --error timeout --dry-run
    """
    from eventqueue.model.job import State

    states = (State.FAILED, State.DEAD)
    why = selection.reason
    return to_each(session, selection, states, lambda queue, ids: queue.retry_many(ids, why), "is pending again")
