"""The workers that were there: Queue.workers_gone. By the log, and by who is registered where nobody told it yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eventqueue.api.arguments import back
from eventqueue.api.overview import shown
from eventqueue.model.durations import Duration
from eventqueue.model.portions import runs
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Gone
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
        Past(ground.database, ground.log, now),
        back(now, within),
        limit,
        [gone.silent(one, held[one.id]) for one in silent],
        lambda ids: {job.id: job.state for some in runs(ids, AT_ONCE) for job in finder.get(some).values()},
    )
