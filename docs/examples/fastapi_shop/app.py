"""Taking orders, and telling how their confirmations stand: `uvicorn app:app`.

The worker beside it: queuectl worker start --import tasks --import-path .
"""

from collections.abc import Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from eventqueue import JobNotFound, current_queue
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from tasks import confirm


@asynccontextmanager
async def lifespan(_: FastAPI) -> Any:
    """Have the queue of QUEUECTL_URI open as long as the application."""
    with current_queue():
        yield


app = FastAPI(lifespan=lifespan)
numbers: Iterator[int] = count(1)  # a database's, in a real shop


class Order(BaseModel):
    customer: str


# `def`, and not `async def`: the queue answers after a journaled write, and FastAPI waits for that in a thread.
@app.post("/orders", status_code=202)
def take(order: Order) -> dict[str, Any]:
    """Take an order; its confirmation is a job."""
    number = next(numbers)
    return {"order": number, "job": confirm.enqueue(number, order.customer).id}


@app.get("/jobs/{job_id}")
def status(job_id: str) -> dict[str, Any]:
    """Tell how a job stands."""
    try:
        job = current_queue().get(job_id)
    except JobNotFound:
        raise HTTPException(404, "no such job") from None
    return {"state": job.state, "result": job.result.value if job.result else None}


PAGE = """<!doctype html><title>Job {0}</title><p id="state">…</p>
<script>setInterval(async () => {{
  const found = await (await fetch("/jobs/{0}")).json();
  document.getElementById("state").textContent = found.state + " " + (found.result ?? "");
}}, 500)</script>"""


@app.get("/jobs/{job_id}/page")
def page(job_id: str) -> HTMLResponse:
    """Return a page that shows how a job stands."""
    job = current_queue().get(job_id)  # so that nothing but an id comes into the page
    return HTMLResponse(PAGE.format(job.id))
