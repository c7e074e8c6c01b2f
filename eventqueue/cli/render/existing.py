"""What to say of jobs that were there already when they were asked for: no new one was made, perhaps nothing runs."""

import shlex
from collections.abc import Sequence

from eventqueue.api.enqueueing import Receipt
from eventqueue.model.job import State
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment

_STANDS = {
    State.PENDING: "it is pending",
    State.PROCESSING: "it is processing",
    State.FAILED: "it failed, and waits for its retry",
}
_ENDED = {State.COMPLETED: "it completed", State.DEAD: "it died", State.CANCELLED: "it was cancelled"}


def is_surprising(receipt: Receipt) -> bool:
    """Whether who asked for the job is to know of it in any case: it will not run, or elsewhere."""
    found = receipt.existing
    return found is None or found.ended_at is not None or found.elsewhere is not None


def stands(receipt: Receipt) -> str:
    """Return how a job that was found stands, to go on after a colon."""
    if (found := receipt.existing) is None:
        return "it has an event that cannot be read here"
    if found.ended_at is None:
        return _STANDS[found.state]
    return f"{_ENDED[found.state]} at {moment(found.ended_at, 'seconds')}"


def sentence(receipt: Receipt, name: str) -> str:
    """Return how the job stands that was found; `name` is the id or key by which it was asked for."""
    job_id, found = receipt.id, receipt.existing
    if found is None:
        return f"Job {job_id} is there already, with an event that cannot be read here: upgrade eventqueue"
    if found.ended_at is None:
        where = f"; it runs in {found.elsewhere}, not here" if found.elsewhere else ""
        return f"Job {job_id} is there already: {_STANDS[found.state]}{where}"
    where = f" in {found.elsewhere}" if found.elsewhere else ""
    again = "" if found.state is State.COMPLETED else f"queuectl retry {job_id}, or "
    return (
        f"Job {job_id} is there already: {_ENDED[found.state]} at {moment(found.ended_at, 'seconds')}{where}, and "
        f"nothing will run. Use {again}for another job --key {shlex.quote(name)}-$(date +%F)"
    )


def summary(receipts: Sequence[Receipt], skipped: int, refused: int) -> str:
    """Return what became of the jobs of a file."""
    found = [one.existing for one in receipts if one.existing is not None]
    added = sum(one.created for one in receipts)
    there = f", {_were(len(receipts) - added)} there already" if added < len(receipts) else ""
    ended = sum(one.ended_at is not None for one in found)
    elsewhere = sum(one.ended_at is None and one.elsewhere is not None for one in found)
    notes = [f"{ended:,} of them ended, and will not run"] if ended else []
    notes += [f"{elsewhere:,} of them in another directory"] if elsewhere else []
    if notes:
        there += f" ({'; '.join(notes)})"
    out = f", {count(skipped, 'line')} skipped" if skipped else ""
    out += f", {refused:,} refused" if refused else ""
    return f"{count(added, 'job')} added{there}{out}"


def _were(number: int) -> str:
    return "1 was" if number == 1 else f"{number:,} were"
