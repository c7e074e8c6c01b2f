"""`queuectl doctor`: is everything as it must be, and if not, what to do."""

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session


@command("doctor")
@with_session
def doctor(session: Session) -> int:
    """Check that everything is as it must be.

    Connection, replica set, durability, transactions, layout, rights, clock, sizes, settings and pauses, projector,
    workers, queues, tasks, schedules, seals, and whether the log has lost what views had, each with a remedy. The exit
    code is 1 if any check fails.

    \b
    queuectl doctor
    """
    from eventqueue.cli.checks import examine
    from eventqueue.cli.render import checks, documents

    found = examine(session)
    is_well = all(one.is_well for one in found)
    session.out.answer(
        lambda: {"ok": is_well, "checks": [documents.plain(one) for one in found]}, lambda: checks.checks(found)
    )
    return 0 if is_well else 1
