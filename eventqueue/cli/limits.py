"""The doctor's checks against limits that somebody names, for monitoring: `--max-wait`, `--max-dead`, `--max-lag`.

As the views show it: they are not brought up to date for it, or nobody would hear of a projector that is away.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from eventqueue.model.job import State
from eventqueue.steering.pauses import Pauses
from eventqueue.system.printable import clean
from eventqueue.telling.words import count, elapsed, shortened, span

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

NAMED_MAX = 3  # queues

Found = tuple[str, str | None]
Look = Callable[["Queue"], Found]


class Limits(msgspec.Struct, frozen=True):
    """What is too much, None where nothing is: seconds that a job may be due, dead jobs, seconds of the views' lag."""

    wait: float | None = None
    dead: int | None = None
    lag: float | None = None

    def looks(self) -> Mapping[str, Look]:
        """Return the checks, of the limits that were named."""
        found: dict[str, Look] = {}
        if self.lag is not None:
            found["lag"] = partial(_lag, self.lag)
        if self.wait is not None:
            found["wait"] = partial(_wait, self.wait)
        if self.dead is not None:
            found["dead"] = partial(_dead, self.dead)
        return found


def _lag(most: float, queue: "Queue") -> Found:
    lag = queue.connection.views.lag().seconds
    start = "`queuectl worker start` or `queuectl projector start` brings the views on"
    if lag is None:
        is_empty = not queue.log_size()
        return (
            ("there is nothing yet to show", None) if is_empty else ("how far the views are behind is unknown", start)
        )
    return f"the views are {span(lag)} behind, {_than(lag > most, span(most))}", start if lag > most else None


def _wait(most: float, queue: "Queue") -> Found:
    if not _has_views(queue):
        return _without_views(queue)
    now, paused = queue.connection.ground.clock.now(), Pauses(queue.connection.ground.log).all()
    due = queue.connection.views.due_since()
    waits = {name: elapsed(since, now) for name, since in due.items() if name not in paused}
    if not waits:
        return "no job waits that is due, but in queues that are paused" if due else "no job waits that is due", None
    longest = sorted(waits, key=lambda name: waits[name], reverse=True)
    over = [name for name in longest if waits[name] > most]
    named = ", ".join(f"{clean(name)} for {span(waits[name])}" for name in (over or longest)[:NAMED_MAX])
    remedy = "more workers, or slots, for it; `queuectl why ID` says of a job what it waits for"
    return f"jobs of {named}{_others(len(over))} wait, {_than(bool(over), span(most))}", remedy if over else None


def _dead(most: int, queue: "Queue") -> Found:
    if not _has_views(queue):
        return _without_views(queue)
    by_queue = {name: dead for name, of in queue.connection.views.counts().items() if (dead := of.get(State.DEAD, 0))}
    total = sum(by_queue.values())
    worst = sorted(by_queue, key=lambda name: by_queue[name], reverse=True)
    named = ", ".join(f"{clean(name)} {by_queue[name]:,}" for name in worst[:NAMED_MAX])
    where = f" ({shortened(named, 200)}{_others(len(worst))})" if named else ""
    is_over = total > most
    remedy = "`queuectl errors` shows of what they died, `queuectl dlq retry` brings them back" if is_over else None
    return f"{count(total, 'job')} dead{where}, {_than(is_over, f'{most:,}')}", remedy


def _than(is_over: bool, most: str) -> str:
    return f"more than {most}" if is_over else f"{most} at most"


def _others(number: int) -> str:
    more = number - NAMED_MAX
    return f" and {count(more, 'other queue')}" if more > 0 else ""


def _has_views(queue: "Queue") -> bool:
    return queue.connection.views.snapshot()["generation"] is not None


def _without_views(queue: "Queue") -> Found:
    if not queue.log_size():
        return "there is no job yet", None
    return "there are no views yet that would show it", "`queuectl projector start` builds them"
