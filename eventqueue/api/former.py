"""The workers that were there: Queue.workers_gone. By the log, and by who is registered where nobody told it yet.

And which worker is meant by a part of an id, whether it lives or not: Queue.resolve_worker.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eventqueue.api.arguments import back, check_text
from eventqueue.api.overview import shown
from eventqueue.errors import AmbiguousId, WorkerNotFound
from eventqueue.model import lives
from eventqueue.model.durations import Duration
from eventqueue.model.events import name_in, stream_of
from eventqueue.model.moments import AHEAD
from eventqueue.model.names import meant
from eventqueue.model.portions import runs
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Gone, Worker
from eventqueue.steering.stopping import given, named
from eventqueue.travel import gone

if TYPE_CHECKING:
    from eventqueue.connect import Connection

AT_ONCE = 1000  # jobs that are read together


def workers_gone(connection: "Connection", within: Duration, limit: int) -> Sequence[Gone]:
    """See Queue.workers_gone."""
    ground, finder = connection.ground, connection.finder
    connection.views.refresh()
    silent = [shown(one) for one in connection.incarnations.gone()]
    held = finder.held_by([one.id for one in silent]) if silent else {}
    now = ground.clock.now()
    return gone.gone(
        Past(ground.database, ground.log, now + AHEAD),
        back(now, within),
        limit,
        [gone.silent(one, held[one.id]) for one in silent],
        lambda ids: {job.id: job.state for some in runs(ids, AT_ONCE) for job in finder.get(some).values()},
    )


def resolve_worker(connection: "Connection", prefix: str, live: Sequence[Worker]) -> str:
    """See Queue.resolve_worker; `live`: the workers that live."""
    check_text(prefix, "id")
    begun = connection.ground.log.find_streams(stream_of(lives.CATEGORY, prefix), 2) if prefix else []
    found = [name_in(one) for one in begun]
    is_whole = found[:1] == [prefix]
    try:
        return (given if is_whole else named)([prefix], live)[0].id
    except WorkerNotFound:
        pass
    if not found:
        known = (called for one in live for called in (one.name, one.id))
        raise WorkerNotFound(prefix, meant(prefix, known), ever=True)
    if len(found) > 1 and not is_whole:
        raise AmbiguousId(prefix, found[0], found[1], "workers")
    return found[0]
