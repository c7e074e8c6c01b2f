"""What is said to who stops workers: what is waited for, until when at most, and what the next Ctrl-C does. Pure."""

from datetime import datetime, timedelta

from eventqueue.model.figures import count, moment, span

AT_ONCE = "What runs is handed back at once; one more Ctrl-C kills it."


def waiting(running: int, now: datetime, grace: float) -> str:
    """Return what a first stop at `now` waits for; `grace` in seconds."""
    until = f"until {moment(now + timedelta(seconds=grace), 'seconds')}, {span(grace)} from now"
    jobs = f"{count(running, 'job')} still {'runs' if running == 1 else 'run'}"
    return f"Stopping: {jobs} and may end {until} at most. A second Ctrl-C hands back at once what runs."
