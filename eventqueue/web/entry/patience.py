"""A connection on which no request comes is let go: it has the place of who asks for something.

uvicorn lets go what is silent after an answer; it waits without end for a first request, or for the rest of one.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

SILENT_S = 20.0  # for a request to come whole, but for its form: browsers open connections ahead of what they ask


class Patient(H11Protocol):
    """One connection, for uvicorn."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """See uvicorn: an answer was sent, and the next request is waited for, or is here already."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(SILENT_S, self._let_go)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _let_go(self) -> None:
        is_answered = self.cycle is not None and not self.cycle.response_complete
        if not is_answered:  # as what is live may be for days; it is waited for the next when that has ended
            self.transport.close()
