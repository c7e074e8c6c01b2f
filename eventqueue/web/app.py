"""The page as an ASGI application: its routes, in the guard's care."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from eventqueue.api.queue import Queue
from eventqueue.web.acting.bulk_acts import BulkActs
from eventqueue.web.acting.labour import Labours
from eventqueue.web.drawing.rendering import make_environment
from eventqueue.web.entry.door import Door
from eventqueue.web.entry.guard import Entry, Guard
from eventqueue.web.house import House
from eventqueue.web.kept import Kept
from eventqueue.web.live import Live
from eventqueue.web.routes import routes


def make_app(queue: Queue, entry: Entry) -> Starlette:
    """Return the application over a queue."""
    templates = make_environment()
    following = Live(queue)
    kept = Kept(lambda: following.pulse.position, lambda: following.watchers > 0)
    labours = Labours(queue.connection.ground.clock.now, kept.forget)
    house, door = House(queue, following, templates, labours, kept), Door(templates)
    acts = BulkActs()

    def nothing(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        is_there = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        sentence = "There a page does nothing, or shows nothing." if is_there else "No page has this address."
        return door.says(error.status_code, sentence, link="/", headers=error.headers)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(house.live.start, asyncio.get_running_loop())
        try:
            yield
        finally:
            house.live.stop()
            await asyncio.to_thread(house.labours.end)
            await asyncio.to_thread(acts.stop)

    app = Starlette(
        routes=routes(acts),
        middleware=[Middleware(Guard, entry=entry, door=door)],
        exception_handlers={HTTPException: nothing},
        lifespan=lifespan,
    )
    app.state.house = house
    return app
