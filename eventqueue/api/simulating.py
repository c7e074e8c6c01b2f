"""Recorded failures under another policy: see Queue.simulate."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from eventqueue.api.events import AT_ONCE, Events
from eventqueue.audit.budgets import Budget, budgets
from eventqueue.audit.simulation import Policy, Simulated
from eventqueue.audit.wanted import Wanted
from eventqueue.model.events import Recorded
from eventqueue.mongo.log import MongoLog


def simulate(
    events: Events, log: MongoLog, policy: Policy, wanted: Wanted, progress: Callable[[int], object]
) -> Simulated:
    """See Queue.simulate."""
    found = Simulated(queues={}, chances=[])
    failures = (one for one in events.read(wanted) if isinstance(one, Recorded))
    done = 0
    while some := list(islice(failures, AT_ONCE)):
        for budget in _ended_by(log, some):
            found.take(budget, policy)
        done += len(some)
        progress(done)
    return found


def _ended_by(log: MongoLog, failures: Sequence[Recorded]) -> Iterator[Budget]:
    """Yield the budgets of which one of these failures is the last: so each is met once, however many it has."""
    histories = log.read_many({one.stream for one in failures})
    places = {(one.stream, one.version) for one in failures}
    for stream, history in histories.items():
        for budget in budgets(history):
            if budget.failures and (stream, budget.failures[-1].version) in places:
                yield budget
