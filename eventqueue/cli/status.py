"""`queuectl status`: the queue at a glance."""

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.then import At, seen_at, told_at, with_at


@command("status")
@with_at
@with_session
def status(session: Session, at: At) -> None:
    """Show the queue at a glance.

    How many jobs are in which state, by queue too; the workers alive; how far the view is behind. The JSON's lag
    is in seconds, null if unknown.

    \b
    queuectl status
    queuectl status --json | jq .pending
    queuectl status --at 2026-11-28T03:12Z
    """
    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    with session.queue() as queue:
        shown = seen_at(session, queue, at)
        found = shown.status()
    # Which queues did not move is not told of the past: that is not none.
    past = {} if at is None else {**told_at(shown), "still": None}
    session.out.answer(lambda: documents.status(found) | past, lambda: tables.status(found, is_past=at is not None))
