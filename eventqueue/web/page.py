"""A page: what is shown of a request, drawn, and refused in a sentence where that cannot be."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pymongo
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from eventqueue.errors import QueueError, Unavailable, redact
from eventqueue.web.asked import Asked
from eventqueue.web.house import House, house_of
from eventqueue.web.live import Pulse
from eventqueue.web.statuses import status_of

ANSWERED_S = 20.0  # by the database, whatever a page asks of it: who looks on does not wait for longer
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
        with pymongo.timeout(ANSWERED_S):
            return in_turn(house_of(request), request)

    def in_turn(house: House, request: Request) -> Response:
        if request.scope["visitor"].may_act:
            return made(house, request)
        if not house.guests.acquire(blocking=False):
            raise Unavailable("So many look at so much that this has to wait: it is asked for again in a moment.")
        try:
            return made(house, request)
        finally:
            house.guests.release()

    def made(house: House, request: Request) -> Response:
        pulse = house.live.pulse  # before the page is made: what moves meanwhile is then asked for again
        if pulse.is_away:  # nobody is to wait for each call to find that out
            raise Unavailable(pulse.problem)
        try:
            asked = house.understand(request)
        except QueueError as error:  # the moment itself is none
            return drawn(house, request, house.now(request), refused(error), pulse)
        try:
            found = show(asked)
            return found if isinstance(found, Response) else drawn(house, request, asked, found, pulse)
        except QueueError as error:
            return drawn(house, request, asked, refused(error), pulse)

    return answer


def drawn(house: House, request: Request, asked: Asked, shown: Shown, pulse: Pulse) -> Response:
    """Return a page as HTML: all of it, or what of it changes; `pulse`: how far the views were before it was made."""
    is_part = PART in request.headers
    template = house.templates.get_template(shown.template)
    around = {"asked": asked, "title": shown.title, "live": pulse, "is_part": is_part}
    context = {**around, "notice": house.notices.get(asked.query.get("said")), **shown.what}
    return HTMLResponse(template.render(context), shown.status, {"Vary": PART})


def refused(error: QueueError) -> Shown:
    """Return the page that says why something is not to be had."""
    return Shown("refused.html", "Not so", {"problem": redact(str(error))}, status_of(error))
