"""An act that is asked for from a page: done as the API does it, as who asks, and told of once on the next page."""

from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eventqueue.errors import QueueError, Refused, redact
from eventqueue.web.asked import Asked
from eventqueue.web.house import House, house_of
from eventqueue.web.page import Shown, drawn, refused

SAID = "said"  # the parameter of a page that names what is to be told there


class Done(msgspec.Struct, frozen=True):
    """What was done, as a sentence, and the address of the page to go on with."""

    sentence: str
    then: str


Do = Callable[[Asked], Done | Shown]
"""Does it, or returns the page again on which it was asked for, with what is wrong."""


def act(do: Do) -> Callable[[Request], Response]:
    """Return the endpoint of an act, which is posted. It is called in a thread: it may wait for the database."""

    def answer(request: Request) -> Response:
        house = house_of(request)
        asked = house.now(request)
        try:
            if not asked.may_act or "at" in asked.query:
                raise Refused("What is past cannot be changed: go to now, and act there.")
            try:
                done = do(asked)
            finally:
                house.kept.forget()
        except QueueError as error:
            return drawn(house, request, asked, refused(error), house.live.pulse)
        if isinstance(done, Shown):
            return drawn(house, request, asked, done, house.live.pulse)
        return RedirectResponse(_told(house, done), 303)

    return answer


def _told(house: House, done: Done) -> str:
    key = house.notices.keep(redact(done.sentence))
    return f"{done.then}{'&' if '?' in done.then else '?'}{urlencode({SAID: key})}"
