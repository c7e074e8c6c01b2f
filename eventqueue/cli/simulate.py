"""`queuectl simulate`: recorded failures under another policy of retries."""

import click

from eventqueue.cli.known import QUEUE
from eventqueue.cli.options import command
from eventqueue.cli.render.progress import counting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.unknown import refuse_unknown
from eventqueue.cli.values import SECONDS, TEXT, Typed, moment_option, since_of
from eventqueue.errors import InvalidInput

RETRIES_MAX = 1000  # of which the times are told


@command("simulate")
@moment_option("--since", default="7d", help="Failures from this time on")
@click.option("--queue", "queue_name", type=QUEUE, help="Of jobs that were enqueued in this queue only.")
@click.option("--max-retries", type=click.IntRange(0, RETRIES_MAX), required=True, help="So many retries.")
@click.option("--backoff-base", type=SECONDS, help="To the power of the failure's number [as asked].")
@click.option("--backoff-cap", type=SECONDS, help="The longest delay [as asked].")
@click.option("--exit-codes", type=TEXT, metavar="CODE,…", help="Retry only after these exit codes [default: all].")
@with_session
def simulate(
    session: Session,
    *,
    since: Typed,
    queue_name: str | None,
    max_retries: int,
    backoff_base: float | None,
    backoff_cap: float | None,
    exit_codes: str | None,
) -> None:
    """Show what another policy of retries would have changed.

    How many dead jobs would have had another chance, and when; what the attempts would have cost; which jobs would have
    been given up sooner. What it assumes it says. Nothing is changed.

    \b
    queuectl simulate --since 7d --max-retries 5 --backoff-base 3
    queuectl simulate --queue mail --max-retries 3 --exit-codes 75,111
    """
    from eventqueue.audit.simulation import Policy
    from eventqueue.cli.render import simulated
    from eventqueue.model.retry import LONGEST_S
    from eventqueue.telling import documents

    for name, seconds in (("backoff-base", backoff_base), ("backoff-cap", backoff_cap)):
        if seconds is not None and not 0 <= seconds <= LONGEST_S:
            raise InvalidInput(name, "must be a duration from 0 to a century")
    policy = Policy(max_retries=max_retries, base=backoff_base, cap=backoff_cap, exit_codes=_codes(exit_codes))
    with session.queue() as queue:
        begin = since_of(since, queue.connection.ground.clock.now())
        with counting("looking at failures", None, hidden=session.out.quiet, unit="failures") as tell:
            found = queue.simulate(policy, begin, queue_name, tell)
        if not found.queues:
            refuse_unknown(queue, queue_name)
    session.out.answer(lambda: documents.plain(found), lambda: simulated.simulated(found))


def _codes(text: str | None) -> frozenset[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 4 and int(part) <= 255 for part in parts):
        raise InvalidInput("exit-codes", f"{text!r} are no exit codes: give numbers up to 255, such as 75,111")
    return frozenset(map(int, parts))
