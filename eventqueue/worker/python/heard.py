"""What a child says, held against what one may say: a task may have written into its descriptor. Pure."""

from datetime import timedelta
from math import isfinite

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import DATA_MAX, check_data, size_of
from eventqueue.model.events import Error
from eventqueue.model.progress import NOTE_MAX
from eventqueue.tasks.ending import LONGEST, MESSAGE_MAX, NAME_MAX, TRACEBACK_MAX
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Returned, Snoozed
from eventqueue.worker.python.messages import (
    NOT_BEGUN,
    UNKNOWN,
    Began,
    FromChild,
    Garbled,
    Over,
    Progressed,
    from_child,
    outcome_of,
)
from eventqueue.worker.shell.output import TAIL_BYTES

TOTAL_MAX = 2**63 - 1  # bytes that a run may have printed


def heard(frame: bytes, threads: int) -> FromChild:
    """Return the message of a child with so many threads. Raises Garbled for what no child says."""
    try:
        message: FromChild = from_child.decode(frame)
        is_sound = _is_sound(message, threads)
    except (msgspec.MsgspecError, InvalidInput, ValueError, TypeError, ArithmeticError, RecursionError):
        is_sound = False
    if not is_sound:
        raise Garbled
    return message


def _is_sound(message: FromChild, threads: int) -> bool:
    match message:
        case Over():
            is_outcome = message.kind in (NOT_BEGUN, UNKNOWN) or _may_be(outcome_of(message.kind, message.value))
            return is_outcome and message.duration_s >= 0 and isfinite(message.duration_s) and _may_be_printed(message)
        case Began(slot=slot):
            return slot is None or 0 <= slot < threads
        case Progressed(done=done, total=total, note=note):
            return isfinite(done) and (total is None or isfinite(total)) and len(note or "") <= NOTE_MAX
        case _:
            return True


def _may_be(outcome: Outcome | None) -> bool:
    match outcome:
        case Returned(value=None):
            return True
        case Returned(value=value):
            check_data(value, "result")
            return size_of(value) <= DATA_MAX
        case Raised(error=error, delay=delay):
            return _may_be_told(error) and (delay is None or _may_be_waited_for(delay))
        case Snoozed(delay=delay):
            return _may_be_waited_for(delay)
        case Discarded(why=why):
            return isinstance(why, str) and len(why) <= MESSAGE_MAX
        case None:
            return False


def _may_be_told(error: Error) -> bool:
    is_short = len(error.type) <= NAME_MAX and len(error.message) <= MESSAGE_MAX
    return is_short and len(error.traceback or "") <= TRACEBACK_MAX


def _may_be_waited_for(delay: timedelta) -> bool:
    return timedelta(0) <= delay <= LONGEST


def _may_be_printed(over: Over) -> bool:
    told = zip(over.tails, over.totals, strict=True)
    return all(len(tail) <= min(total, TAIL_BYTES) and total <= TOTAL_MAX for tail, total in told)
