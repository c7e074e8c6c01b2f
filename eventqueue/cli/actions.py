"""`queuectl cancel` and `retry`."""

from eventqueue.cli.acting import to_each
from eventqueue.cli.doing import Doing
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session


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
    from eventqueue.model.deeds import CANCEL

    why = selection.reason
    return to_each(session, selection, Doing(CANCEL, lambda queue, ids: queue.cancel_many(ids, why)))


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
    from eventqueue.model.deeds import RETRY

    why = selection.reason
    return to_each(session, selection, Doing(RETRY, lambda queue, ids: queue.retry_many(ids, why)))
