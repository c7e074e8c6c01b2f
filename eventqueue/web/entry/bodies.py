"""What is sent with an act: a form, of a size and in a time that a form takes."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

FORM = "application/x-www-form-urlencoded"
BODY_MAX = 100_000  # bytes of a form
PATIENCE_S = 10.0  # for a form to come whole

Refusal = tuple[int, str]  # the status, and the sentence


async def read(scope: Scope, headers: Headers, receive: Receive) -> Refusal | None:
    """Read the form into the scope, as `body`, or return what is said to who sent none that can be read."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_MAX:
        return _TOO_LONG
    if length != "0" or "transfer-encoding" in headers:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM:
            return 415, "An act is sent as a form."
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _read(scope, receive)
    except TimeoutError:
        return 408, "It did not come to its end in time: send it again."


_TOO_LONG = (
    413,
    f"That is too long to be sent with an act: all that a form says may take {BODY_MAX:,} bytes as it is sent. "
    "Your browser's Back shows what was typed.",
)


async def _read(scope: Scope, receive: Receive) -> Refusal | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return 400, "It was not sent to its end."
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            return _TOO_LONG
        if not message.get("more_body"):
            scope["body"] = body
            return None
