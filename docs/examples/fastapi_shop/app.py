"""Taking orders, and telling how their confirmations stand: `uvicorn app:app`.

The worker beside it: queuectl worker start --import tasks --import-path .
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from eventqueue import AsyncQueue, JobNotFound
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from tasks import confirm


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have a queue open as long as the application."""
    async with AsyncQueue(actor="shop") as app.state.queue:
        yield


app = FastAPI(lifespan=lifespan)
numbers: Iterator[int] = count(1)  # a database's, in a real shop


class Order(BaseModel):
    customer: str


@app.post("/orders", status_code=202)
async def take(order: Order, request: Request) -> dict[str, Any]:
    """Take an order; its confirmation is a job, which is safe in the log once this is answered."""
    number = next(numbers)
    handle = await request.app.state.queue.enqueue(confirm.signature(number, order.customer))
    return {"order": number, "job": handle.id}


@app.get("/jobs/{job_id}")
async def status(job_id: str, request: Request) -> dict[str, Any]:
    """Tell how a job stands."""
    try:
        job = await request.app.state.queue.get(job_id)
    except JobNotFound:
        raise HTTPException(404, "no such job") from None
    return {"state": job.state, "result": job.result.value if job.result else None}


PAGE = """<!doctype html><title>Job {0}</title><p id="state">…</p>
<script>setInterval(async () => {{
  const found = await (await fetch("/jobs/{0}")).json();
  document.getElementById("state").textContent = found.state + " " + (found.result ?? "");
}}, 500)</script>"""


@app.get("/jobs/{job_id}/page")
async def page(job_id: str, request: Request) -> HTMLResponse:
    """Return a page that shows how a job stands."""
    await status(job_id, request)  # so that nothing but an id comes into the page
    return HTMLResponse(PAGE.format(job_id))
