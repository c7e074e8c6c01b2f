"""`--at`: what a command shows of the queue, as it was at a time that is past."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from eventqueue.cli.options import said_by
from eventqueue.cli.session import Session
from eventqueue.cli.values import Typed, moment_option, time_of

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then

At = Typed | None

with_at = moment_option("--at", help="As it was at this time")


def seen_at(session: Session, queue: "Queue", at: At, option: str = "at") -> "Queue | Then":
    """Return what is to be shown: the queue as it is, or as it was, which people are told."""
    if at is None:
        return queue
    from eventqueue.telling.zone import moment

    time = time_of(at, queue.connection.ground.clock.now(), option)
    with said_by(option):
        then = queue.at(time)
    session.out.note(f"As it was at {moment(then.moment)}.")
    return then


def time_in(shown: "Queue | Then") -> datetime:
    """Return what time it is, or was."""
    from eventqueue.api.then import Then

    return shown.moment if isinstance(shown, Then) else shown.connection.ground.clock.now()


def told_at(shown: "Queue | Then") -> dict[str, Any]:
    """Return what a JSON document says besides of a time that is past."""
    from eventqueue.api.then import Then
    from eventqueue.telling.words import instant

    return {"at": instant(shown.moment)} if isinstance(shown, Then) else {}
