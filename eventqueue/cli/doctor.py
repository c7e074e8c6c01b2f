"""`queuectl doctor`: is everything as it must be, and if not, what to do."""

import click

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import SPAN

COUNT_MAX = 2**31 - 1


@command("doctor")
@click.option("--max-wait", type=SPAN, help="Fail where a job has been due for longer, but in a paused queue.")
@click.option("--max-dead", type=click.IntRange(0, COUNT_MAX), metavar="N", help="Fail where more jobs are dead.")
@click.option("--max-lag", type=SPAN, help="Fail where the views are further behind the log.")
@with_session
def doctor(session: Session, *, max_wait: float | None, max_dead: int | None, max_lag: float | None) -> int:
    """Check that everything is as it must be.

    Connection, replica set, durability, transactions, layout, rights, clock, sizes, settings and pauses, projector,
    workers, queues, tasks, schedules, seals, and whether the log has lost what views had, each with a remedy. The exit
    code is 1 if any check fails. With limits it is for monitoring: what is exceeded is a check that fails.

    \b
    queuectl doctor
    queuectl doctor --max-wait 5m --max-dead 10 --max-lag 30s
    """
    from eventqueue.cli.checks import examine
    from eventqueue.cli.limits import Limits
    from eventqueue.cli.render import checks
    from eventqueue.telling import documents

    found = examine(session, Limits(wait=max_wait, dead=max_dead, lag=max_lag))
    is_well = all(one.is_well for one in found)
    session.out.answer(
        lambda: {"ok": is_well, "checks": [documents.plain(one) for one in found]}, lambda: checks.checks(found)
    )
    return 0 if is_well else 1
