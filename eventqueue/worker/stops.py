"""What is said to who stops workers, or waits until they have nothing to do: what is waited for. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from eventqueue.model.figures import count, moment, span

AT_ONCE = "What runs is handed back at once; one more Ctrl-C kills it."


def waiting(running: int, now: datetime, grace: float) -> str:
    """Return what a first stop at `now` waits for; `grace` in seconds."""
    until = f"until {moment(now + timedelta(seconds=grace), 'seconds')}, {span(grace)} from now"
    jobs = f"{count(running, 'job')} still {'runs' if running == 1 else 'run'}"
    return f"Stopping: {jobs} and may end {until} at most. A second Ctrl-C hands back at once what runs."


def still(left: int, later: Sequence[datetime], looked_at: int, now: datetime) -> str:
    """Return what is waited for where nothing runs: of `left` jobs those that are due `later`, the first one first.

    `looked_at`: the most of which it is known when they are due.
    """
    if not later:
        return f"nothing runs now: {count(left, 'job')} that others may run are waited for (see `queuectl list`)"
    first = f"in {span(max(0.0, (later[0] - now).total_seconds()))}"
    if len(later) >= looked_at:
        return f"nothing runs now: {left:,} jobs are waited for; one is due {first} (see `queuectl list --sort due`)"
    when = f"is due {first}" if len(later) == 1 else f"are due later, the first {first}"
    others = f", and for {left - len(later):,} that others may run" if left > len(later) else ""
    return (
        f"nothing runs now: waits for {count(len(later), 'job')} that {when}{others} (see `queuectl list --sort due`)"
    )
