"""The page as an ASGI application: its routes, in the guard's care."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from eventqueue.api.queue import Queue
from eventqueue.web.act import act
from eventqueue.web.guard import Guard, Keys
from eventqueue.web.house import House, house_of
from eventqueue.web.live import Live
from eventqueue.web.page import page
from eventqueue.web.pages import bulk, completing, dead, facets, jobs, overview, queues
from eventqueue.web.rendering import make_environment
from eventqueue.web.works import Works

STATIC = Path(__file__).parent / "static"


def make_app(queue: Queue, keys: Keys, hosts: Collection[str], cookie: str = "queuectl") -> Starlette:
    """Return the application over a queue; `hosts`: as which it may be asked for, with their ports."""
    house, works = House(queue, Live(queue), make_environment()), Works()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(house.live.start, asyncio.get_running_loop())
        try:
            yield
        finally:
            house.live.stop()
            await asyncio.to_thread(works.stop)

    app = Starlette(
        routes=[
            Route("/", page(overview.show)),
            Route("/queues", page(queues.show)),
            Route("/queues/{name}/pause", act(queues.pause), methods=["POST"]),
            Route("/queues/{name}/resume", act(queues.resume), methods=["POST"]),
            Route("/jobs", page(jobs.show)),
            Route("/bulk", page(partial(bulk.ask, works)), methods=["GET"]),
            Route("/bulk", act(partial(bulk.do, works)), methods=["POST"]),
            Route("/bulk/{act}", page(partial(bulk.show, works))),
            Route("/bulk/{act}/stop", act(partial(bulk.stop, works)), methods=["POST"]),
            Route("/dead", page(dead.show)),
            Route("/search/completions", page(completing.show)),
            Route("/search/facets", page(facets.show)),
            Route("/live", live),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, keys=keys, hosts=hosts, cookie=cookie)],
        lifespan=lifespan,
    )
    app.state.house = house
    return app


async def live(request: Request) -> Response:
    """Server-sent events, as long as somebody looks."""
    changes = house_of(request).live.changes(request.headers.get("last-event-id"))
    return StreamingResponse(changes, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
