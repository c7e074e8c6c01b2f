"""The page as an ASGI application: its routes, in the guard's care."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
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
from eventqueue.web.kept import Kept
from eventqueue.web.labour import Labours
from eventqueue.web.live import Live
from eventqueue.web.page import page
from eventqueue.web.pages import audit, overview, projections, queues, schedules, workers
from eventqueue.web.pages import labours as works
from eventqueue.web.rendering import make_environment

STATIC = Path(__file__).parent / "static"


def make_app(queue: Queue, keys: Keys, hosts: Collection[str], cookie: str = "queuectl") -> Starlette:
    """Return the application over a queue; `hosts`: as which it may be asked for, with their ports."""
    following = Live(queue)
    kept = Kept(following.position, lambda: following.watchers > 0)
    labours = Labours(queue.connection.ground.clock.now, kept.forget)
    house = House(queue, following, make_environment(), labours, kept)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(house.live.start, asyncio.get_running_loop())
        try:
            yield
        finally:
            house.live.stop()
            await asyncio.to_thread(house.labours.end)

    app = Starlette(
        routes=[
            Route("/", page(overview.show)),
            Route("/queues", page(queues.show)),
            Route("/queues/{name}", page(queues.show_one)),
            Route("/queues/{name}/pause", act(queues.pause), methods=["POST"]),
            Route("/queues/{name}/resume", act(queues.resume), methods=["POST"]),
            Route("/labours/{kind}/stop", act(works.stop), methods=["POST"]),
            Route("/schedules", page(schedules.show)),
            Route("/schedules/{name}", page(schedules.show_one)),
            Route("/schedules/{name}/trigger", act(schedules.trigger), methods=["POST"]),
            Route("/schedules/{name}/pause", act(schedules.pause), methods=["POST"]),
            Route("/schedules/{name}/resume", act(schedules.resume), methods=["POST"]),
            Route("/schedules/{name}/remove", act(schedules.remove), methods=["POST"]),
            Route("/workers", page(workers.show)),
            Route("/workers/stop", act(workers.stop), methods=["POST"]),
            Route("/workers/{id}", page(workers.show_one)),
            Route("/workers/{id}/stop", act(workers.stop), methods=["POST"]),
            Route("/projections", page(projections.show)),
            Route("/projections/rebuild", act(projections.rebuild), methods=["POST"]),
            Route("/projections/verify", act(projections.verify), methods=["POST"]),
            Route("/projections/{name}/retry", act(projections.retry), methods=["POST"]),
            Route("/audit", page(audit.show)),
            Route("/audit/verify", act(audit.verify), methods=["POST"]),
            Route("/audit/acts/{id}", page(audit.show_act)),
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
