"""`queuectl top`: everything that happens, on a screen that obeys; or as pictures, one after the other."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import click

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import Unavailable

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.ports.views import Glance

EVERY_S = 0.25  # between two pictures at least: faster than anybody reads
UNSTEERABLE = ("", "dumb", "unknown")  # what TERM is where the cursor cannot be moved


@command("top")
@click.option("--once", "is_once", is_flag=True, help="Show it once, and end (as where stdout is no terminal).")
@with_session
def top(session: Session, *, is_once: bool) -> int:
    """Show queues, rates, workers and failures, live.

    On a terminal it obeys: ? tells the keys, q or Ctrl-C ends it. Jobs, their histories and outputs are looked at
    there, queues paused, jobs retried and cancelled. With --json each picture is a line.

    \b
    queuectl top
    queuectl top --once
    """
    from eventqueue.cli.screen.picture import once
    from eventqueue.telling import documents

    with session.queue() as queue:
        queue.connection.views.refresh()  # whoever looks first has the views built
        if session.out.as_json:
            with suppress(KeyboardInterrupt):  # which is how it is to end
                _draw(queue, is_once, lambda glance: session.out.document(lambda: documents.glance(glance)))
            return 0
        if is_once or not _is_live(session):
            session.out.answer(dict, lambda: once(queue.glance(), are_whole=not sys.stdout.isatty()))
            return 0
        from eventqueue.cli.screen.ends import run

        queue.connection.views.building = lambda: nullcontext(lambda _: None)  # its progress would be drawn over
        return run(queue)


def _is_live(session: Session) -> bool:
    """Whether there is a terminal to draw on; where there is one that cannot be drawn on it is said why."""
    if not sys.stdout.isatty():
        return False
    if not sys.stdin.isatty():
        session.out.note("It is shown once: for a live screen stdin must be a terminal, too.")
        return False
    if os.environ.get("TERM", "") in UNSTEERABLE:
        session.out.note(f"It is shown once: on a terminal of TERM={os.environ.get('TERM', '')} no screen is drawn.")
        return False
    return True


def _draw(queue: "Queue", is_once: bool, draw: "Callable[[Glance], object]") -> None:
    glance = queue.glance()
    draw(glance)
    drawn = time.monotonic()
    # A signal that comes too soon after a picture is seen in the next, a second later at most.
    for has_moved in queue.follow() if not is_once else ():
        if not has_moved or time.monotonic() - drawn > EVERY_S:
            glance = _next(queue, glance)
            draw(glance)
            drawn = time.monotonic()


def _next(queue: "Queue", last: "Glance") -> "Glance":
    """Return what there is now; where the database does not answer, what was last seen, with a lag that is unknown."""
    from msgspec.structs import replace

    from eventqueue.ports.views import Lag

    try:
        return queue.glance()
    except Unavailable:
        return replace(last, lag=Lag(None))
