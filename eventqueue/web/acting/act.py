"""An act that is asked for from a page: done as the API does it, as who asks, and told of once on the next page."""

from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eventqueue.errors import QueueError, Refused, Unavailable, redact
from eventqueue.web.acting.notices import Notice
from eventqueue.web.asked import AT, Asked
from eventqueue.web.drawing.rendering import PAGES
from eventqueue.web.house import House, house_of
from eventqueue.web.page import Shown, drawn, refused

OF_ONE = ("jobs", "queues", "schedules", "workers")  # whose addresses have a page for each
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
        if (pulse := house.live.pulse).is_away:  # each would wait in a thread, and leave none for pages
            raise Unavailable(f"{pulse.problem} Nothing was done.")
        asked = house.now(request)
        try:
            if not asked.may_act:  # the door asked that, too
                raise Refused("This is for looking only: nothing can be done here.")
            if AT in asked.query:
                raise Refused("What is past cannot be changed: go to now, and act there.")
            try:
                done = do(asked)
            except QueueError as error:
                if isinstance(error, Unavailable) or (back := list_of(asked)) is None:
                    raise
                return RedirectResponse(
                    _told(house, back, Notice(redact(f"{heading(error)}: {error}"), is_refusal=True)), 303
                )
            finally:
                house.kept.forget()
        except QueueError as error:
            more = {"back": _back(asked), "heading": heading(error)}
            shown = refused(error)
            shown = replace(shown, what={**shown.what, **more})
            return drawn(house, request, asked, shown, house.live.pulse)
        if isinstance(done, Shown):
            return drawn(house, request, asked, done, house.live.pulse)
        return RedirectResponse(_told(house, done.then, Notice(done.sentence)), 303)

    return answer


def heading(error: QueueError) -> str:
    """Return what became of an act: where an answer is missing it may have been done all the same."""
    return "That was not answered" if isinstance(error, Unavailable) else "That was not done"


def _back(asked: Asked) -> str:
    """Return the page of what an act was asked for of: of one thing if that has a page, or of all its kind."""
    room, *more = asked.url.partition("?")[0].strip("/").split("/")
    if room in OF_ONE and len(more) > 1:
        return f"/{room}/{more[0]}"
    return f"/{room}" if any(path == f"/{room}" for path, _, _ in PAGES) else "/jobs"


def list_of(asked: Asked) -> str | None:
    """Return the list of jobs in one of whose rows an act was asked for, None where it was not."""
    if (text := asked.form.get("list")) is None:
        return None
    return asked.link("/jobs", q=text or None, sort=asked.form.get("sort") or None)


def _told(house: House, then: str, notice: Notice) -> str:
    key = house.notices.keep(replace(notice, sentence=redact(notice.sentence)))
    return f"{then}{'&' if '?' in then else '?'}{urlencode({SAID: key})}"
