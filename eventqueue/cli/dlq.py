"""`queuectl dlq`: the dead letter queue, jobs of which every attempt failed."""

from functools import partial

import click

from eventqueue.cli.acting import to_each
from eventqueue.cli.doing import Doing
from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.jobs import limited
from eventqueue.cli.known import JOB
from eventqueue.cli.options import Group, command
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import JOBS, Shape, shaped
from eventqueue.cli.sorting import sorting

DISCARDED = "discarded from the dead letter queue"

dlq = Group("dlq", help="The dead letter queue: jobs of which every attempt failed.")


@command("list")
@partial(filtering, without="state")
@click.option("--after", type=JOB, metavar="ID", help="Those that are listed after this job.")
@sorting
@shaped(JOBS)
@limited
@with_session
def list_(
    session: Session, *, wanted: Wanted, after: str | None, sort: str | None, shape: Shape, limit: int | None
) -> None:
    """List dead jobs, those that died last first.

    Which ones, and in what shape, is said as to `queuectl list`.

    \b
    queuectl dlq list --limit 10
    queuectl dlq list --wide
    queuectl dlq list --queue mail 'error~"no space"'
    """
    from eventqueue.cli.listing import print_newest
    from eventqueue.model.job import State

    print_newest(session, limit, wanted.of(State.DEAD), after=after, shape=shape, sort=sort)


@command("retry")
@selecting
def retry(session: Session, selection: Selection) -> int:
    """Bring dead jobs back to pending, with a new budget of retries.

    Which ones is said by ids, or as to `queuectl list`. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl dlq retry 'error~"connection refused"' --dry-run
    queuectl dlq retry --all --yes
    """
    from eventqueue.model.deeds import RETRY
    from eventqueue.model.job import State

    why, dead = selection.reason, State.DEAD
    doing = Doing(RETRY.of(dead), lambda queue, ids: queue.retry_many(ids, why, only=dead))
    return to_each(session, selection, doing)


@command("discard")
@selecting
def discard(session: Session, selection: Selection) -> int:
    """Give dead jobs up: they become cancelled, and stay in the log.

    Which ones is said by ids, or as to `queuectl list`. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl dlq discard report
    queuectl dlq discard --queue mail --dry-run
    """
    from eventqueue.model.deeds import DISCARD
    from eventqueue.model.job import State

    why = selection.why or DISCARDED
    doing = Doing(DISCARD, lambda queue, ids: queue.cancel_many(ids, why, only=State.DEAD))
    return to_each(session, selection, doing)


for one in (list_, retry, discard):
    dlq.add_command(one)
