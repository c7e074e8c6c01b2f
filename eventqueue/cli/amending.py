"""`queuectl set` and `run-now`: a job that waits is changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from eventqueue.cli.enqueue import given_fields, with_options
from eventqueue.cli.known import JOB
from eventqueue.cli.options import command, with_why
from eventqueue.cli.selection import Selection, to_each
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import SECONDS, TEXT, VARIABLE

FIELDS = (
    click.option("--priority", type=int, help="Higher runs first."),
    click.option("--queue", help="Queue it goes to."),
    click.option("--run-at", metavar="TIME", help="Not before this time, ISO 8601 with a zone."),
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
@click.argument("ids", nargs=-1, required=True, metavar="ID...", type=JOB)
@with_options((*FIELDS, UNSET))
@with_why
@with_session
def set_(session: Session, /, *, ids: Sequence[str], unset: Sequence[str], why: str | None, **options: Any) -> int:
    """Change jobs that wait, now, later or for a retry.

    What is not given stays as it is. One that runs or has ended is refused; so is one that a worker claims meanwhile.
    `history` shows what was changed, from what and by whom.

    \b
    queuectl set 0199f3a2 --priority 10 --queue urgent --why "the customer waits"
    queuectl set report --env REGION=eu --timeout 2h
    queuectl set report --unset timeout --unset env.REGION
    """
    fields = given_fields(options)
    if not fields and not unset:
        raise click.UsageError("Say what is to be changed, such as --priority 5")
    return _amend(session, ids, fields, why, "waits as asked", unset=unset)


@command("run-now")
@click.argument("ids", nargs=-1, required=True, metavar="ID...", type=JOB)
@with_why
@with_session
def run_now(session: Session, ids: Sequence[str], why: str | None) -> int:
    """Have jobs be due now that wait for their time, or for a retry.

    A worker claims them as soon as it has room, unless their queue is paused.

    \b
    queuectl run-now report --why "the data is here"
    """
    return _amend(session, ids, {"delay": 0}, why, "is due")


def _amend(
    session: Session,
    ids: Sequence[str],
    fields: Mapping[str, Any],
    why: str | None,
    said: str,
    *,
    unset: Sequence[str] = (),
) -> int:
    from eventqueue.model.amending import amendment

    amendment(fields, unset)  # before a server is asked: what is wrong with it is so of every job
    chosen = Selection(tuple(dict.fromkeys(ids)), None, None, None, None, is_dry=False)
    return to_each(session, chosen, (), lambda queue, some: queue.amend_many(some, why, unset=unset, **fields), said)
