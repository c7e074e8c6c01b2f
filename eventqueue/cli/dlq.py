"""`queuectl dlq`: the dead letter queue, jobs of which every attempt failed."""

import click

from eventqueue.cli.jobs import limited
from eventqueue.cli.options import Group, command
from eventqueue.cli.selection import Selection, selecting, to_each
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import FINGERPRINT, TEXT

DISCARDED = "discarded from the dead letter queue"

dlq = Group("dlq", help="The dead letter queue: jobs of which every attempt failed.")


@command("list")
@click.option("--queue", "queue_name", type=TEXT, help="Jobs of this queue only.")
@click.option("--task", type=TEXT, help="Jobs of this Python task only.")
@click.option("--error", type=TEXT, help="Jobs with this text in their last error only.")
@click.option("--fingerprint", type=FINGERPRINT, help="Jobs with this kind of last error only, see `errors`.")
@limited
@with_session
def list_(
    session: Session,
    *,
    queue_name: str | None,
    task: str | None,
    error: str | None,
    fingerprint: str | None,
    limit: int | None,
) -> None:
    """List dead jobs, those that died last first.

    \b
    queuectl dlq list --limit 10
    """
    from eventqueue.cli.listing import print_newest
    from eventqueue.model.job import State

    wanted = {"task": task, "error": error, "fingerprint": fingerprint}
    print_newest(session, limit, None, None, state=State.DEAD, queue=queue_name, **wanted)


@command("retry")
@selecting
def retry(session: Session, selection: Selection) -> int:
    """Bring dead jobs back to pending, with a new budget of retries.

    \b
    queuectl dlq retry --all --error "connection refused" --dry-run
    """
    from eventqueue.model.job import State

    return to_each(
        session,
        selection,
        (State.DEAD,),
        lambda queue, ids: queue.retry_many(ids, selection.reason, only=State.DEAD),
        "is pending again",
    )


@command("discard")
@selecting
def discard(session: Session, selection: Selection) -> int:
    """Give dead jobs up: they become cancelled, and stay in the log.

    \b
    queuectl dlq discard report
    queuectl dlq discard --all --queue mail --dry-run
    """
    from eventqueue.model.job import State

    return to_each(
        session,
        selection,
        (State.DEAD,),
        lambda queue, ids: queue.cancel_many(ids, selection.why or DISCARDED, only=State.DEAD),
        "is cancelled",
    )


for one in (list_, retry, discard):
    dlq.add_command(one)
