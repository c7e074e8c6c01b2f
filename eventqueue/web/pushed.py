"""What is pushed to a page that is open, as server-sent events: how each is written, and what they are answered in."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

KIND = "text/event-stream"
SIGN_S = 15.0  # after which a sign of life is sent, so that a browser or a proxy does not take it for dead
SIGN = b": here\n\n"


def event(name: str, data: Any, number: int | None = None) -> bytes:
    """Return an event with what it tells as JSON; `number`: its id, None for one that has none."""
    id_ = b"" if number is None else b"id: %d\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (id_, name.encode(), msgspec.json.encode(data))


def pushed(request: Request, events: AsyncIterator[bytes]) -> Response:
    """Return the answer in which these come; where its head alone is asked for it is over, and none is looked for."""
    return Response(None, media_type=KIND) if request.method == "HEAD" else StreamingResponse(events, media_type=KIND)
