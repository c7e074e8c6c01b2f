"""`queuectl set` and `run-now`: a job that waits is changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.acting import to_each
from eventqueue.cli.doing import Doing
from eventqueue.cli.enqueue import given_fields, with_options
from eventqueue.cli.options import command
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session
from eventqueue.cli.values import SECONDS, SUCH_COMING, TEXT, VARIABLE, timed

if TYPE_CHECKING:
    from eventqueue.api.bulk import Bulk
    from eventqueue.api.queue import Queue
    from eventqueue.model.deeds import Deed

FIELDS = (
    click.option("--priority", type=int, help="Higher runs first."),
    click.option("--queue", help="Queue it goes to."),
    click.option("--run-at", metavar="TIME", help=f"Not before this time, {SUCH_COMING}."),
    click.option("--delay", type=SECONDS, help="Not before so long from now, such as 90 or 10m."),
    click.option("--max-retries", type=int, help="How often it is tried again."),
    click.option("--timeout", type=SECONDS, help="How long it may run."),
    click.option("--env", type=VARIABLE, multiple=True, help="Environment variable; the others stay as they are."),
    click.option("--tag", "tags", multiple=True, help="A tag, in the place of all that it has; several may be given."),
    click.option("--command", help="What it runs, as a line for the shell."),
)
UNSET = click.option(
    "--unset",
    multiple=True,
    type=TEXT,
    metavar="FIELD",
    help="Have it no more: timeout, tags, env, or one variable, env.NAME.",
)


@command("set")
@with_options((*FIELDS, UNSET))
@partial(selecting, by_options=False)
def set_(session: Session, selection: Selection, /, *, unset: Sequence[str], **options: Any) -> int:
    """Change jobs that wait, now, later or for a retry.

    What is not given stays as it is. One that runs or has ended is refused; so is one that a worker claims meanwhile.
    `history` shows what was changed, from what and by whom. Which jobs is said by ids, or by conditions as text such as
    queue:mail: options say what becomes of them. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl set 0199f3a2 --priority 10 --queue urgent --why "the customer waits"
    queuectl set report --env REGION=eu --timeout 2h
    queuectl set report --unset timeout --unset env.REGION
    queuectl set queue:mail tag:slow --queue slow --dry-run
    """
    fields = given_fields(options)
    if not fields and not unset:
        raise click.UsageError("Say what is to be changed, such as --priority 5")
    from eventqueue.model.deeds import AMEND

    return _amend(session, selection, AMEND, fields, unset)


@command("run-now")
@selecting
def run_now(session: Session, selection: Selection) -> int:
    """Have jobs be due now that wait for their time, or for a retry.

    A worker claims them as soon as it has room, unless their queue is paused. Which jobs is said by ids, or as to
    `queuectl list`. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl run-now report --why "the data is here"
    queuectl run-now state:failed queue:mail --yes
    """
    from eventqueue.model.deeds import RUN_NOW

    return _amend(session, selection, RUN_NOW, {"delay": 0})


def _amend(
    session: Session, selection: Selection, deed: "Deed", fields: Mapping[str, Any], unset: Sequence[str] = ()
) -> int:
    from eventqueue.model.amending import amendment

    # Before a server is asked: what is wrong with it is so of every job.
    amendment(timed(fields, datetime.now(UTC)), unset)

    def amend(queue: "Queue", ids: Iterable[str]) -> "Bulk":
        at = timed(fields, queue.connection.ground.clock.now())
        return queue.amend_many(ids, selection.why, unset=unset, **at)

    return to_each(session, selection, Doing(deed, amend))
