"""`queuectl status`: the queue at a glance."""

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session


@command("status")
@with_session
def status(session: Session) -> None:
    """Show the queue at a glance.

    How many jobs are in which state, by queue too; the workers alive; how far the view is behind. The JSON's lag
    is in seconds, null if unknown.

    \b
    queuectl status
    queuectl status --json | jq .pending
    """
    from eventqueue.cli.render import documents, tables

    with session.queue() as queue:
        found = queue.status()
    session.out.answer(lambda: documents.status(found), lambda: tables.status(found))
