"""To a moment that is past, if there was one: after the log began, and not in the future."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import to_ms
from eventqueue.mongo.past import Past, begin_of
from eventqueue.travel.then import Then

if TYPE_CHECKING:
    from eventqueue.connect import Connection


def travel_to(connection: "Connection", moment: datetime) -> Then:
    """See Queue.at."""
    if moment.tzinfo is None:
        raise InvalidInput("at", "must have a time zone, such as datetime.UTC")
    ground, moment = connection.ground, to_ms(moment.astimezone(UTC))
    if moment > (now := ground.clock.now()):
        raise InvalidInput("at", f"lies in the future: it is {_told(now)}")
    begin = begin_of(ground.database, ground.log)
    if begin is None:
        raise InvalidInput("at", "the log is empty: there is no past yet")
    if moment < begin:
        raise InvalidInput("at", f"the log begins at {_told(begin)}: give a later time")
    return Then(Past(ground.database, ground.log, moment), connection.views)


def _told(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
