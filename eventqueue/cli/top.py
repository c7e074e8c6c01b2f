"""`queuectl top`: everything that happens, on one screen, redrawn when the views move."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import Unavailable

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.ports.views import Glance

EVERY_S = 0.25  # between two pictures at least: faster than anybody reads


@command("top")
@click.option("--once", "is_once", is_flag=True, help="Show it once, and end (as where stdout is no terminal).")
@with_session
def top(session: Session, *, is_once: bool) -> None:
    """Show queues, rates, workers and failures, live.

    Redrawn whenever the views move, until Ctrl-C. With --json each picture is a line.

    \b
    queuectl top
    queuectl top --once
    """
    from eventqueue.cli.render import documents, screen

    is_once = is_once or not (sys.stdout.isatty() or session.out.as_json)
    with session.queue() as queue:
        queue.status()  # whoever looks first has the views built
        if is_once and not session.out.as_json:
            session.out.answer(dict, lambda: screen.lines(queue.glance(), None))
            return
        with suppress(KeyboardInterrupt):  # which is how it is to end
            if session.out.as_json:
                _draw(queue, is_once, lambda glance: session.out.document(lambda: documents.glance(glance)))
            else:
                with screen.live() as draw:
                    _draw(queue, is_once, draw)


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
