"""The overview: how much comes in and goes out, what waits, who works."""

from eventqueue.model.job import State
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown


def show(asked: Asked) -> Shown:
    """Show everything at a glance."""
    found = asked.seen.status()
    return Shown(
        "overview.html", "Overview", {"status": found, "counts": {state.value: found.count(state) for state in State}}
    )
