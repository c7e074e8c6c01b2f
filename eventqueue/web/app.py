"""The page as an ASGI application: its routes, in the guard's care."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
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
from eventqueue.web.acting.act import act
from eventqueue.web.acting.labour import Labours
from eventqueue.web.acting.works import Works
from eventqueue.web.drawing.rendering import make_environment
from eventqueue.web.entry.door import Door
from eventqueue.web.entry.guard import Entry, Guard
from eventqueue.web.house import House, house_of
from eventqueue.web.kept import Kept
from eventqueue.web.live import Live
from eventqueue.web.output import output
from eventqueue.web.page import page
from eventqueue.web.pages import (
    audit,
    bulk,
    completing,
    dead,
    facets,
    job,
    job_acts,
    job_diff,
    job_output,
    job_proof,
    jobs,
    overview,
    projections,
    queues,
    schedules,
    workers,
)
from eventqueue.web.pages import labours as working

STATIC = Path(__file__).parent / "static"


def make_app(queue: Queue, entry: Entry) -> Starlette:
    """Return the application over a queue."""
    templates = make_environment()
    following = Live(queue)
    kept = Kept(following.position, lambda: following.watchers > 0)
    labours = Labours(queue.connection.ground.clock.now, kept.forget)
    house, door = House(queue, following, templates, labours, kept), Door(templates)
    works = Works()

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
            await asyncio.to_thread(works.stop)

    app = Starlette(
        routes=[
            Route("/", page(overview.show)),
            Route("/queues", page(queues.show)),
            Route("/queues/{name}", page(queues.show_one)),
            Route("/queues/{name}/pause", act(queues.pause), methods=["POST"]),
            Route("/queues/{name}/resume", act(queues.resume), methods=["POST"]),
            Route("/labours/{kind}/stop", act(working.stop), methods=["POST"]),
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
            Route("/jobs/{id}", page(job.show)),
            Route("/jobs/{id}/diff", page(job_diff.show)),
            Route("/jobs/{id}/proof", page(job_proof.show)),
            Route("/jobs/{id}/retry", act(job_acts.retry), methods=["POST"]),
            Route("/jobs/{id}/cancel", act(job_acts.cancel), methods=["POST"]),
            Route("/jobs/{id}/run-now", act(job_acts.run_now), methods=["POST"]),
            Route("/jobs/{id}/restart", act(job_acts.restart), methods=["POST"]),
            Route("/jobs/{id}/amend", act(job_acts.amend), methods=["POST"]),
            Route("/jobs/{id}/output", output),
            Route("/jobs/{id}/output/{stream}", page(job_output.raw)),
            Route("/jobs", page(jobs.show)),
            Route("/bulk", page(partial(bulk.ask, works)), methods=["GET"]),
            Route("/bulk", act(partial(bulk.do, works)), methods=["POST"]),
            Route("/bulk/{act}", page(partial(bulk.show, works))),
            Route("/bulk/{act}/stop", act(partial(bulk.stop, works)), methods=["POST"]),
            Route("/dead", page(dead.show)),
            Route("/search/completions", page(completing.show)),
            Route("/search/facets", page(facets.show)),
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
