"""The `stats` view: how many jobs of each queue are in which state, and what happened in each minute."""

from eventqueue.events import LateResult, Recorded, Retried, RetryCause, type_of
from eventqueue.job import Job
from projections.projection import Increments, Tally

MINUTE_S = 60


class Stats:
    """Counters under ("state", queue): jobs in each state; under ("minute", queue, unix time): events of each type."""

    name = "stats"
    version = 1

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """See Projection.tally."""
        minute = int(recorded.at.timestamp()) // MINUTE_S * MINUTE_S
        tally: Tally = {("minute", after.queue, minute): {_counter(recorded): 1}}
        if moved := _moved(before, after):
            tally["state", after.queue] = moved
        return tally


def _counter(recorded: Recorded) -> str:
    match recorded.event:
        case Retried(cause=RetryCause.OPERATOR):
            return "retried-by-operator"
        case LateResult():
            return "late-result"
        case event:
            return type_of(event)


def _moved(before: Job | None, after: Job) -> Increments:
    if before is None:
        return {after.state: 1}
    if before.state == after.state:
        return {}
    return {before.state: -1, after.state: 1}
