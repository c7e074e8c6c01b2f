"""Who comes in: the door of the page, before anything else of a request is looked at.

A request names a host that is ours, shows a token, once in its address and then as a cookie, or by a proxy that names
who asks, and an act comes from a page of ours. What is answered may load nothing from elsewhere, be shown in no other
page, and run no script but ours. Nothing that goes wrong behind the door comes out of it but as a sentence.
"""

import logging
import os
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventqueue.errors import QueueError, Unavailable, redact
from eventqueue.system.people import user_here
from eventqueue.system.printable import clean
from eventqueue.telling.words import shortened
from eventqueue.web.entry.bodies import read
from eventqueue.web.entry.door import ENTER, Door
from eventqueue.web.entry.keys import Keys
from eventqueue.web.entry.origin import is_of_our_page, is_to_be_read, local
from eventqueue.web.entry.proxied import named_by_proxy
from eventqueue.web.entry.roles import Visitor
from eventqueue.web.statuses import status_of

logger = logging.getLogger(__name__)

TOKEN = "token"  # noqa: S105 - the name of the parameter
OPEN = "/static/"  # what is shown to everybody: there is nothing in it
METHODS = ("GET", "HEAD", "POST")
AGAIN_S = 5
ERROR_SIZE = 300  # characters of what is told of an error

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Entry(NamedTuple):
    """How one comes in: by which tokens, as which of these hosts, and under which name the cookie is kept.

    `user_header`: the header in which a proxy names who asks; then there is no cookie, and nobody but it comes in.
    """

    keys: Keys
    hosts: Collection[str]
    cookie: str
    user_header: str | None = None


class Guard:
    """The middleware that lets in; what it lets in has a Visitor, and of an act the body, in its scope."""

    def __init__(self, app: ASGIApp, entry: Entry, door: Door) -> None:
        self._app = app
        self._entry = entry
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = _Sending(send, is_kept=scope["path"].startswith(OPEN))
        try:
            answer = await self._answer(scope, receive)
            await (answer or self._app)(scope, receive, sending)
        except Exception as error:
            answer = self._failed(scope, error)
            if not sending.has_begun:
                await answer(scope, receive, sending)

    def _failed(self, scope: Scope, error: Exception) -> Response:
        """Return what is said where a page could not be made; one that only has to wait asks again by itself."""
        if not isinstance(error, QueueError):
            return self._door.says(500, _told(scope, error), link="/")
        is_page = scope["method"] == "GET"
        again = {"Refresh": str(AGAIN_S)} if is_page and isinstance(error, Unavailable) else None
        address = _address(scope, scope["query_string"].decode("latin-1")) if is_page else "/"
        return self._door.says(status_of(error), redact(str(error)), link=address, headers=again)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return what is answered at the door, None to who comes in."""
        headers = Headers(scope=scope)
        if (headers.get("host") or "").lower() not in self._entry.hosts:
            return self._door.says(
                421, "This page is not served under that name: whoever starts it allows one by --allow-host."
            )
        if scope["method"] not in METHODS:
            return self._door.says(405, "That is nothing that a page does.", headers={"Allow": ", ".join(METHODS)})
        if scope["path"].startswith(OPEN):
            return None
        if scope["method"] != "POST":
            return self._to_reader(scope, headers)
        return await self._to_actor(scope, headers, receive)

    def _to_reader(self, scope: Scope, headers: Headers) -> Response | None:
        if not is_to_be_read(headers):
            return self._door.says(403, "No page but those of this one shows what is here.")
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in query if name == TOKEN]
        if tokens and self._entry.user_header is None:
            left = [(name, value) for name, value in query if name != TOKEN]
            return self._admitted(scope, tokens[-1], _address(scope, urlencode(left)))
        return self._visit(scope, headers)

    async def _to_actor(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        if not is_of_our_page(scope, headers):
            return self._door.says(403, "An act is only taken from a page of this one.", link="/")
        if unread := await read(scope, headers, receive):
            return self._door.says(*unread, link="/")
        if scope["path"] == ENTER and self._entry.user_header is None:
            form = dict(parse_qsl(scope["body"].decode(errors="replace")))
            return self._admitted(scope, form.get(TOKEN, "").strip(), local(form.get("next", "/")))
        refused = self._visit(scope, headers)
        if refused is None and not scope["visitor"].may_act:
            return self._door.says(403, "This is for looking only: acts need the operator's token.", link="/")
        return refused

    def _visit(self, scope: Scope, headers: Headers) -> Response | None:
        """Note in the scope who asks, or return what is said to who may not."""
        if self._entry.user_header is not None:
            found = named_by_proxy(scope, self._entry.keys, self._entry.user_header)
            if isinstance(found, str):
                return self._door.says(401, found)
            scope["visitor"] = found
            return None
        cookies = cookie_parser(headers.get("cookie", ""))  # beside those of other ports, whatever is in them
        role = self._entry.keys.role_of(cookies.get(self._entry.cookie, ""))
        if role is None:
            return self._ask_for_token(scope, headers)
        scope["visitor"] = Visitor(role, user_here())
        return None

    def _ask_for_token(self, scope: Scope, headers: Headers) -> Response:
        address = _address(scope, scope["query_string"].decode("latin-1")) if scope["method"] == "GET" else "/"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            sentence = "You come from elsewhere, and your browser does not say then who you are."
            return self._door.says(401, sentence, link=address, asks_for=address)
        sentence = "Open the address that was printed when this page was started, or give the token that stands in it."
        return self._door.says(401, sentence, asks_for=address)

    def _admitted(self, scope: Scope, token: str, address: str) -> Response:
        if self._entry.keys.role_of(token) is None:
            sentence = "That is no token of this page: unless it was given one, it has a new one each time it starts."
            return self._door.says(401, sentence, asks_for=address)
        answer = RedirectResponse(address, 303)
        is_secure = scope["scheme"] == "https"  # as a proxy says
        answer.set_cookie(self._entry.cookie, token, httponly=True, samesite="strict", path="/", secure=is_secure)
        return answer


class _Sending:
    """Sends, each answer with what is to stand before all of them; `is_kept`: it may be, if it is asked for again."""

    def __init__(self, send: Send, *, is_kept: bool) -> None:
        self._send = send
        self._caching = "no-cache" if is_kept else "no-store"
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            MutableHeaders(scope=message).update({**HEADERS, "Cache-Control": self._caching})
        await self._send(message)


def _address(scope: Scope, query: str) -> str:
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    return local(f"{path}?{query}" if query else path)


def _told(scope: Scope, error: Exception) -> str:
    """Log an error that nobody foresaw, a line of it, and return what is said of it; its address may have secrets."""
    path = clean(Request(scope).url.path)
    what = clean(shortened(redact(f"{type(error).__name__}: {error}"), ERROR_SIZE))
    logger.error("%s of the page failed: %s", path, what, exc_info=bool(os.environ.get("QUEUECTL_DEBUG")))
    return "Unexpected: this page could not be made. Who started it is told why, and QUEUECTL_DEBUG=1 tells more."
