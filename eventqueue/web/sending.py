"""A file that is made as it is sent: to few at once, and to nobody who does not take it.

Each holds some of what it is made of, and without these bounds who only looks could have the process hold all there is.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import BoundedSemaphore

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from eventqueue.errors import Unavailable

SENT_MAX = 8  # at once in a process
SILENT_S = 20.0  # after which who takes nothing more of it is let go
FULL = "So many files are being sent that this one has to wait: ask again in a moment."

_room = BoundedSemaphore(SENT_MAX)


class Sending(StreamingResponse):
    """An answer that is sent part by part. Raises Unavailable where there is no room for one more."""

    def __init__(self, parts: Iterable[bytes], kind: str, headers: Mapping[str, str]) -> None:
        super().__init__(parts, headers=headers, media_type=kind)
        if not _room.acquire(blocking=False):
            raise Unavailable(FULL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["method"] == "HEAD":
            self.body_iterator = iterate_in_threadpool(iter(()))
        try:
            await super().__call__(scope, receive, send)
        finally:
            _room.release()

    async def stream_response(self, send: Send) -> None:
        """See StreamingResponse. One that is not taken breaks off, and is no whole file to whoever loads it."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SILENT_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(in_time)
