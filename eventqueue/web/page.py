"""A page: what is shown of a request, drawn, and refused in a sentence where that cannot be."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from eventqueue.errors import QueueError, Refused, Unavailable, redact
from eventqueue.mongo.patience import answered_within
from eventqueue.web.asked import Asked
from eventqueue.web.house import House, house_of
from eventqueue.web.live import Pulse
from eventqueue.web.statuses import status_of

ANSWERED_S = 20.0  # by the database, whatever a page asks of it: who looks on does not wait for longer
LATE = 0.9  # of that: what is asked for near its end is not asked for any more
TOO_MUCH = (
    f"To find this takes more than {ANSWERED_S:g} s, for which a page looks: a state, a queue or a time leaves less to "
    "look through, and `queuectl` takes as long as it needs."
)
PART = "x-part"  # the header by which what is open asks for what of it changes, and not for all around it


class Shown(msgspec.Struct, frozen=True):
    """What a page shows: its template, what that prints, and the title."""

    template: str
    title: str
    what: Mapping[str, Any]
    status: int = 200


Show = Callable[[Asked], Shown | Response]


def page(show: Show) -> Callable[[Request], Response]:
    """Return the endpoint of a page. It is called in a thread: it may wait for the database."""

    def answer(request: Request) -> Response:
        house = house_of(request)
        with _turn(house, request):
            return _made(show, house, request)

    return answer


@contextmanager
def _turn(house: House, request: Request) -> Iterator[None]:
    """Have room for a page to be made: who looks only has some of it. Raises Unavailable where that is taken."""
    if request.scope["visitor"].may_act:
        yield
        return
    if not house.guests.acquire(blocking=False):
        raise Unavailable("So many look at so much that this has to wait: it is asked for again in a moment.")
    try:
        yield
    finally:
        house.guests.release()


def _made(show: Show, house: House, request: Request) -> Response:
    pulse = house.live.pulse  # before the page is made: what moves meanwhile is then asked for again
    if pulse.is_away:  # nobody is to wait for each call to find that out
        raise Unavailable(pulse.problem)
    asked, began = None, time.monotonic()
    try:
        with answered_within(ANSWERED_S):
            asked = house.understand(request)
            found = show(asked)
            return found if isinstance(found, Response) else drawn(house, request, asked, found, pulse)
    except QueueError as error:
        # What was understood; without it the moment itself was none.
        shown = refused(_told(error, house, time.monotonic() - began))
        return drawn(house, request, asked or house.now(request), shown, pulse)


def _told(error: QueueError, house: House, took: float) -> QueueError:
    """Return what a page that failed after so many seconds says: where the database is there, there was too much."""
    is_late = isinstance(error, Unavailable) and took > LATE * ANSWERED_S
    return Refused(TOO_MUCH) if is_late and not house.live.pulse.is_away else error


def drawn(house: House, request: Request, asked: Asked, shown: Shown, pulse: Pulse) -> Response:
    """Return a page as HTML: all of it, or what of it changes; `pulse`: how far the views were before it was made."""
    is_part = PART in request.headers
    template = house.templates.get_template(shown.template)
    around = {"asked": asked, "title": shown.title, "live": pulse, "is_part": is_part}
    around["notice"] = house.notices.get(asked.query.get("said"))
    assert not (taken := around.keys() & shown.what.keys()), taken  # else a page could be taken for a part of one
    context = {**around, **shown.what}
    return HTMLResponse(template.render(context), shown.status, {"Vary": PART})


def refused(error: QueueError) -> Shown:
    """Return the page that says why something is not to be had."""
    return Shown("refused.html", "Not so", {"problem": redact(str(error))}, status_of(error))
