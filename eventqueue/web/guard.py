"""Who comes in: the door of the page, before anything else of a request is looked at.

A request names a host that is ours, shows a token, once in its address and then as a cookie, and an act comes from a
page of ours. What is answered may load nothing from elsewhere, be shown in no other page, and run no script but ours.
"""

import secrets
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventqueue.system.people import user_here
from eventqueue.web.roles import Role, Visitor

BODY_MAX = 100_000  # bytes of a form
TOKEN = "token"  # noqa: S105 - the name of the parameter
OPEN = ("/static/",)  # what is shown to everybody: there is nothing in it

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


class Keys(NamedTuple):
    """The tokens by role; None: nobody has this role."""

    viewer: str
    operator: str | None

    def role_of(self, token: str) -> Role | None:
        """Return the role of who shows this token, None of nobody."""
        for role, key in ((Role.OPERATOR, self.operator), (Role.VIEWER, self.viewer)):
            if key is not None and secrets.compare_digest(token.encode(), key.encode()):
                return role
        return None


class Guard:
    """The middleware that lets in; what it lets in has a Visitor, and of an act the body, in its scope."""

    def __init__(self, app: ASGIApp, keys: Keys, hosts: Collection[str], cookie: str) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None and scope["method"] == "POST":
            refused = await _read(scope, receive)
        await (refused or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            return PlainTextResponse("This page is not served under that name.\n", 421)
        if any(scope["path"].startswith(one) for one in OPEN):
            return None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if (shown := query.pop(TOKEN, None)) is not None:
            return self._admitted(scope["path"], query, shown)
        role = self._keys.role_of(_cookies(headers).get(self._cookie, ""))
        if role is None:
            return PlainTextResponse("Open the address that `queuectl web` has printed: it has the token.\n", 401)
        if scope["method"] not in ("GET", "HEAD"):
            if headers.get("sec-fetch-site") != "same-origin":
                return PlainTextResponse("An act is only taken from a page of this one.\n", 403)
            if role is not Role.OPERATOR:
                return PlainTextResponse("This is for looking only: acts need the operator's address.\n", 403)
        scope["visitor"] = Visitor(role, user_here())
        return None

    def _admitted(self, path: str, query: Mapping[str, str], token: str) -> Response:
        if self._keys.role_of(token) is None:
            return PlainTextResponse("This token is not of this page: it has a new one each time it is started.\n", 401)
        answer = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
        answer.set_cookie(self._cookie, token, httponly=True, samesite="strict", path="/")
        return answer


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


async def _read(scope: Scope, receive: Receive) -> Response | None:
    """Read the body of an act into its scope."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return PlainTextResponse("It was not sent to its end.\n", 400)
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            return PlainTextResponse("That is too long.\n", 413)
        if not message.get("more_body"):
            scope["body"] = body
            return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending
