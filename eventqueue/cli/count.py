"""`queuectl count`: how many jobs there are, of each kind perhaps."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

import click

from eventqueue.audit.tally import By, Tally
from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import Choice

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue


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
    from eventqueue.cli.render import tables
    from eventqueue.cli.render.progress import counting
    from eventqueue.telling import documents, words
    from eventqueue.telling.unknown import unknown

    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        fields = wanted.fields(now)
        with counting("counting", None, hidden=session.out.quiet, unit="jobs") as progress:
            found = queue.count(None, progress, by=by, **fields)
        later = _scheduled(queue, found, fields, now) if by == "state" and not session.out.as_json else 0
        sentence = None if found.count else unknown(queue, fields.get("queue"))
    session.out.behind(found.lag)
    session.out.answer(
        lambda: {
            "count": found.count,
            "by": by,
            "kinds": [documents.plain(one) for one in found.kinds],
            "ungrouped": found.ungrouped,
        },
        lambda: tables.tally(found, by, later) if by and found.kinds else str(found.count),
    )
    if found.ungrouped:
        jobs = words.count(found.ungrouped, "job")
        session.out.note(f"Further kinds, of {jobs}, are not shown: there are too many.")
    if sentence:
        session.out.note(sentence)


def _scheduled(queue: "Queue", found: Tally, fields: Mapping[str, Any], now: datetime) -> int:
    """Return how many of those that are pending are due later."""
    from eventqueue.audit.filters import in_state, joined
    from eventqueue.model.job import State

    if all(one.value != State.PENDING for one in found.kinds):
        return 0
    others = {name: value for name, value in fields.items() if name not in ("state", "state_in")}
    return queue.count(**joined(others, in_state("scheduled", now))).count
