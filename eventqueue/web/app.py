"""The page as an ASGI application: its routes, in the guard's care."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from eventqueue.api.queue import Queue
from eventqueue.web.act import act
from eventqueue.web.door import Door
from eventqueue.web.guard import Entry, Guard
from eventqueue.web.house import House, house_of
from eventqueue.web.live import Live
from eventqueue.web.page import page
from eventqueue.web.pages import overview, queues
from eventqueue.web.rendering import make_environment

STATIC = Path(__file__).parent / "static"


def make_app(queue: Queue, entry: Entry) -> Starlette:
    """Return the application over a queue."""
    templates = make_environment()
    house, door = House(queue, Live(queue), templates), Door(templates)

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

    app = Starlette(
        routes=[
            Route("/", page(overview.show)),
            Route("/queues", page(queues.show)),
            Route("/queues/{name}/pause", act(queues.pause), methods=["POST"]),
            Route("/queues/{name}/resume", act(queues.resume), methods=["POST"]),
            Route("/live", live),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, entry=entry, door=door)],
        exception_handlers={HTTPException: nothing},
        lifespan=lifespan,
    )
    app.state.house = house
    return app


async def live(request: Request) -> Response:
    """Server-sent events, as long as somebody looks."""
    house = house_of(request)
    if request.method == "HEAD" or house.live.is_full:
        return Response(None, HTTPStatus.SERVICE_UNAVAILABLE if house.live.is_full else HTTPStatus.OK)
    return StreamingResponse(house.live.changes(), media_type="text/event-stream")
