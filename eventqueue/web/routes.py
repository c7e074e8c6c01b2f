"""What is asked for at which address."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from eventqueue.web.acting.act import act
from eventqueue.web.acting.bulk_acts import BulkActs
from eventqueue.web.house import house_of
from eventqueue.web.output import output
from eventqueue.web.page import page
from eventqueue.web.pages import (
    audit,
    bulk,
    completing,
    dead,
    enqueueing,
    facets,
    ignoring,
    job,
    job_acts,
    job_diff,
    job_history,
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
from eventqueue.web.pushed import pushed

STATIC = Path(__file__).parent / "static"


def routes(acts: BulkActs) -> Sequence[BaseRoute]:
    """Return all addresses; `acts`: the acts on many jobs of this process."""
    return [
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
        Route("/jobs/{id}/history.jsonl", page(job_history.show)),
        Route("/jobs/{id}/proof", page(job_proof.show)),
        Route("/jobs/{id}/retry", act(job_acts.retry), methods=["POST"]),
        Route("/jobs/{id}/cancel", act(job_acts.cancel), methods=["POST"]),
        Route("/jobs/{id}/run-now", act(job_acts.run_now), methods=["POST"]),
        Route("/jobs/{id}/restart", act(job_acts.restart), methods=["POST"]),
        Route("/jobs/{id}/amend", act(job_acts.amend), methods=["POST"]),
        Route("/jobs/{id}/output", output),
        Route("/jobs/{id}/output/{stream}", page(job_output.raw)),
        Route("/jobs", page(jobs.show)),
        Route("/enqueue", page(enqueueing.ask), methods=["GET"]),
        Route("/enqueue", act(enqueueing.do), methods=["POST"]),
        Route("/bulk", page(partial(bulk.ask, acts)), methods=["GET"]),
        Route("/bulk", act(partial(bulk.do, acts)), methods=["POST"]),
        Route("/bulk/{act}", page(partial(bulk.show, acts))),
        Route("/bulk/{act}/stop", act(partial(bulk.stop, acts)), methods=["POST"]),
        Route("/dead", page(dead.show)),
        Route("/dead/ignore", page(ignoring.ask), methods=["GET"]),
        Route("/dead/ignore", act(ignoring.do), methods=["POST"]),
        Route("/dead/unignore", act(ignoring.undo), methods=["POST"]),
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
    ]


async def live(request: Request) -> Response:
    """Server-sent events, as long as somebody looks."""
    house = house_of(request)
    if house.live.is_full:
        return Response(None, HTTPStatus.SERVICE_UNAVAILABLE)
    return pushed(request, house.live.changes())
