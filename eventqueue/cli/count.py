"""`queuectl count`: how many jobs there are, of each kind perhaps."""

from typing import get_args

import click

from eventqueue.audit.tally import By
from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import Choice


@command("count")
@filtering
@click.option("--by", type=Choice(get_args(By)), help="How many of each of these, too.")
@with_session
def count(session: Session, *, wanted: Wanted, by: By | None) -> None:
    """Count jobs; which ones is said as to `queuectl list`.

    By hour of when they were created, or, of failed, dead and cancelled ones, became that.

    \b
    queuectl count --queue mail --by state
    queuectl count state:dead 'ended>-1d' --by error
    """
    from eventqueue.cli.render import documents, tables, words
    from eventqueue.cli.render.progress import counting
    from eventqueue.cli.unknown import unknown

    with session.queue() as queue:
        fields = wanted.fields(queue.connection.ground.clock.now())
        with counting("counting", None, hidden=session.out.quiet, unit="jobs") as progress:
            found = queue.count(None, progress, by=by, **fields)
        sentence = None if found.count else unknown(queue, fields.get("queue"))
    session.out.behind(found.lag)
    session.out.answer(
        lambda: {
            "count": found.count,
            "by": by,
            "kinds": [documents.plain(one) for one in found.kinds],
            "ungrouped": found.ungrouped,
        },
        lambda: tables.tally(found, by) if by and found.kinds else str(found.count),
    )
    if found.ungrouped:
        jobs = words.count(found.ungrouped, "job")
        session.out.note(f"Further kinds, of {jobs}, are not shown: there are too many.")
    if sentence:
        session.out.note(sentence)
