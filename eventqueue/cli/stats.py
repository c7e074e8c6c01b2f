"""`queuectl stats`: how much, how fast, how long, and how often in vain."""

from datetime import timedelta

import click

from eventqueue.api.arguments import LONGEST
from eventqueue.cli.known import QUEUE
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.then import At, seen_at
from eventqueue.cli.unknown import refuse_unknown
from eventqueue.cli.values import SECONDS, moment_option
from eventqueue.errors import InvalidInput


@command("stats")
@click.option("--queue", "name", type=QUEUE, help="Of this queue only.")
@click.option("--window", type=SECONDS, default="1h", show_default=True, help="The last so long, such as 10m or 7d.")
@moment_option("--until", help="Up to this time and not to now")
@with_session
def stats(session: Session, *, name: str | None, window: float, until: At) -> None:
    """Show rates, waits, run times and failures.

    Of the last hour, or of another window:

    \b
    queuectl stats --window 10m
    queuectl stats --queue mail --window 7d --json
    queuectl stats --window 15m --until 2026-11-28T03:12Z

    WAIT is from due to claimed, RUN from claimed to settled: half of all, 95 and 99 of a hundred lasted no longer,
    exact to 4 %. FAIL % is of the attempts, DIED had no retry left, LATE are results that came after their claim had
    ended. Durations in the JSON are in seconds.
    What is counted is kept by minute for 6 hours, by hour for 14 days, then by day: a window begins with one of these,
    and says when. It ends at the time that --until names, or, where very much happened, with the last of these before.
    """
    from eventqueue.cli.render import statistics
    from eventqueue.telling import documents

    try:
        span = timedelta(seconds=window)
    except OverflowError:
        span = timedelta.max
    if not timedelta(0) < span <= LONGEST:
        raise InvalidInput("window", f"must be longer than nothing, and {LONGEST.days:,} days at most")
    with session.queue() as queue:
        session.out.behind(queue.connection.views.refresh())
        found = seen_at(session, queue, until, "until").stats(span)
        if name not in found.queues:
            refuse_unknown(queue, name)
    session.out.answer(lambda: documents.stats(found, name), lambda: statistics.stats(found, name))
