"""What may be done to many jobs from a page: each deed by the name that it has in an address, and what does it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventqueue.api.bulk import Bulk
from eventqueue.api.queue import Queue
from eventqueue.model.deeds import AMEND, CANCEL, DISCARD, RESTART, RETRY, RUN_NOW, Deed
from eventqueue.model.job import State
from eventqueue.ports.views import Filter

Have = Callable[[Queue, Iterable[str], str | None, Mapping[str, Any]], Bulk]
"""Returns what does it to jobs, for a reason, and with fields that change, where there are such."""

WHY = "asked for"  # where no reason was given


class Choice(msgspec.Struct, frozen=True):
    """A deed: its name in an address, what its button says, what does it; `changes`: fields of jobs are given with it.

    `is_end`: what it is done to is lost, perhaps.
    """

    name: str
    label: str
    deed: Deed
    have: Have
    help: str
    changes: bool = False
    is_end: bool = False


CHOICES: Mapping[str, Choice] = {
    one.name: one
    for one in (
        Choice(
            "retry",
            "Retry",
            RETRY,
            lambda queue, ids, why, _: queue.retry_many(ids, why or WHY),
            "They are pending again, each with a new budget of retries.",
        ),
        Choice(
            "run-now",
            "Run now",
            RUN_NOW,
            lambda queue, ids, why, _: queue.amend_many(ids, why, delay=0),
            "They are due at once, whatever they waited for.",
        ),
        Choice(
            "restart",
            "Restart",
            RESTART,
            lambda queue, ids, why, fields: queue.restart_many(ids, why, **fields),
            "A new job does what each of them was to do; what is given here is otherwise in it.",
            changes=True,
        ),
        Choice(
            "set",
            "Change",
            AMEND,
            lambda queue, ids, why, fields: queue.amend_many(ids, why, **fields),
            "What is given here is otherwise from now on; what is left empty stays as it is.",
            changes=True,
        ),
        Choice(
            "discard",
            "Discard",
            DISCARD,
            lambda queue, ids, why, _: queue.cancel_many(
                ids, why or "discarded from the dead letter queue", only=State.DEAD
            ),
            "They are given up: cancelled, and no dead letters any more. They stay in the log.",
            is_end=True,
        ),
        Choice(
            "cancel",
            "Cancel",
            CANCEL,
            lambda queue, ids, why, _: queue.cancel_many(ids, why or WHY),
            "Those that wait never run; those that run are killed.",
            is_end=True,
        ),
    )
}


def offered(wanted: Filter) -> Sequence[Choice]:
    """Return what can be done to jobs that fit, as far as their states tell."""
    states = {*wanted.any_state}
    found = [one for one in CHOICES.values() if not states or states <= {*one.deed.possible}]
    # A dead letter that is discarded is cancelled: one button is enough.
    return [one for one in found if one.deed is not CANCEL or states != {State.DEAD}]
