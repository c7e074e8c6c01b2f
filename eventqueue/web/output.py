"""What a job writes, sent to a page as it writes it: in a thread for each that looks on, and of these there are few.

Each time the whole of what is shown is sent, the end of each stream: so a page that was away has missed nothing.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from eventqueue.api.following import AttemptBegan, AttemptEnded, AttemptUnseen, AttemptWrote, Followed
from eventqueue.api.queue import Queue
from eventqueue.errors import redact
from eventqueue.web.drawing.written import SHOWN_BYTES, pieces
from eventqueue.web.house import house_of
from eventqueue.web.live import Live
from eventqueue.web.pushed import SIGN, SIGN_S, event, pushed

WATCHED_MAX = 16  # at once in a process
LOOK_S = 1.0  # between two looks at whether the site ends
FULL = "So many look at what jobs write that this cannot be shown as it comes: reload the page for what there is."

_looking: set["Look"] = set()


class Written:
    """What one attempt has written by now, as far as it is shown."""

    def __init__(self) -> None:
        self._tails: dict[str, bytes] = {}
        self._totals: dict[str, int] = {}
        self._claim: int | None = None
        self._note = ""

    def take(self, one: Followed) -> None:
        """Go on with what came."""
        match one:
            case AttemptBegan(claim=claim):
                self._tails, self._totals, self._claim, self._note = {}, {}, claim, ""
            case AttemptWrote(stream=stream, data=data, lost=lost):
                kept = b"" if lost else self._tails.get(stream, b"")
                self._tails[stream] = (kept + data)[-2 * SHOWN_BYTES :]
                self._totals[stream] = self._totals.get(stream, 0) + lost + len(data)
            case AttemptUnseen(why=why):
                self._note = f"What it writes cannot be seen for now: {why}."
            case AttemptEnded():
                self._note = "It has ended."

    def shown(self) -> dict[str, Any]:
        """Return it as a page takes it."""
        streams = [
            {
                "name": name,
                "pieces": pieces(tail, is_cut=self._totals[name] > len(tail)),
                "total": self._totals[name],
                "is_cut": self._totals[name] > min(len(tail), SHOWN_BYTES),
            }
            for name, tail in sorted(self._tails.items(), reverse=True)
        ]
        return {"claim": self._claim, "note": self._note, "streams": streams}


class Look:
    """One who looks at a job, from `start` to `end`."""

    def __init__(self, queue: Queue, job_id: str) -> None:
        self._queue = queue
        self._job_id = job_id
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._is_ended = False
        self._shown = b""
        self.is_over = False

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._follow, name="output", daemon=True).start()

    def end(self) -> None:
        """Look no more: nobody does."""
        self._is_ended = True

    async def news(self) -> bytes | None:
        """Return what there is, as an event, once it is new, None after a moment without."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), LOOK_S)
            self._news.clear()
            return self._shown
        return None

    def _follow(self) -> None:
        written, is_new = Written(), False
        try:
            for one in self._queue.follow_output(self._job_id):
                if self._is_ended:
                    return
                if one is not None:
                    written.take(one)
                elif is_new:  # all that came at once is one piece of news
                    self._tell(written.shown())
                is_new = one is not None
            self._tell(written.shown(), is_over=True)
        except Exception as error:  # whatever it is: who looks on must not wait for what never comes
            self._tell({**written.shown(), "note": redact(str(error))}, is_over=True)

    def _tell(self, shown: dict[str, Any], *, is_over: bool = False) -> None:
        self._shown, self.is_over = event("over" if is_over else "written", shown), is_over
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._news.set)


async def output(request: Request) -> Response:
    """Server-sent events `written`, each all that is shown of what a job's attempt wrote, and `over` after its last."""
    house = house_of(request)
    return pushed(request, follow(house.queue, request.path_params["id"], house.live))


async def follow(queue: Queue, job_id: str, live: Live) -> AsyncIterator[bytes]:
    """Yield what a job writes, until it has ended, nobody looks on, or the site ends."""
    if len(_looking) >= WATCHED_MAX:
        yield event("over", {"claim": None, "note": FULL, "streams": []})
        return
    look = Look(queue, job_id)
    _looking.add(look)
    silent_s = 0.0
    try:
        look.start()
        while not live.is_over:
            found = await look.news()
            silent_s = 0.0 if found else silent_s + LOOK_S
            if found:
                yield found
            elif silent_s >= SIGN_S:
                silent_s = 0.0
                yield SIGN
            if found and look.is_over:
                return
    finally:
        look.end()
        _looking.discard(look)
