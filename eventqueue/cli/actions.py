"""`queuectl cancel` and `retry`."""

from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, selecting, to_each
from eventqueue.cli.session import Session


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
