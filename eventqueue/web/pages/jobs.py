"""The list of jobs: those that fit a filter, newest first or in another order, a slice at a time."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from itertools import islice

from msgspec.structs import replace
from starlette.responses import RedirectResponse, Response

from eventqueue.audit.orders import MOST, order
from eventqueue.audit.rewording import added, asked_of, without
from eventqueue.errors import InvalidInput, JobNotFound, Refused, redact
from eventqueue.model.job import Job, State
from eventqueue.telling.states import SCHEDULED
from eventqueue.telling.unknown import unknown
from eventqueue.web.acting.deeds import offered
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.rows import rows
from eventqueue.web.page import Shown
from eventqueue.web.pages import job_acts
from eventqueue.web.searching import Search, searched

SLICE, SLICE_MAX = 50, 200  # jobs
SLOW_S = 2.0  # what takes longer to find is not looked for every second
STATES = (State.PENDING, SCHEDULED, *(one for one in State if one is not State.PENDING))


def show(asked: Asked) -> Shown | Response:
    """Show the jobs that fit, or why there are none to be shown; what is no filter but a job's id leads to that job."""
    search = searched(asked)
    if search.job is not None:
        return RedirectResponse(asked.link(f"/jobs/{search.job}"), 303)
    found: Sequence[Job] = ()
    problem, is_more, at, began = search.problem, False, _place(asked), time.monotonic()
    if problem is None:
        try:
            found, is_more = _slice(asked, search, at)
        except (InvalidInput, Refused, JobNotFound) as error:
            problem = redact(str(error))
    what = {
        "search": search,
        "problem": problem,
        "is_filter": search.problem is None,
        "is_slow": time.monotonic() - began > SLOW_S,
        "rows": rows(asked.seen, found, asked.time),
        "unknown": None if found or problem else unknown(asked.seen, search.wanted.queue),
        "now": asked.time,
        "sort": asked.query.get("sort"),
        "older": _older(asked, found, at) if is_more else None,
        "is_first": "after" not in asked.query and not at,
        "states": _states(asked, search) if search.problem is None else (),
        "deeds_of": partial(_deeds_of, asked) if asked.may_act else None,
        "deeds": offered(search.wanted) if asked.may_act and found else (),
    }
    return Shown("jobs.html", "Jobs", what, 200 if problem is None else 400)


def _deeds_of(asked: Asked, job: Job) -> Sequence[tuple[str, str, bool]]:
    """Return what can be done to a job from its row, but what leads to another job."""
    found = job_acts.deeds(job, asked.now, is_restarted=True)
    return [(one.path, one.label, one.is_danger) for one in found]


def _slice(asked: Asked, search: Search, at: int) -> tuple[Sequence[Job], bool]:
    """Return a slice of what fits, and whether there is more behind it. Raises Refused."""
    by = order(asked.query.get("sort") or None)
    after = None if by else asked.query.get("after") or None
    size = _size(asked)
    wanted = replace(search.wanted, after=after, limit=at + size + 1)
    jobs = list(islice(asked.seen.walk(wanted, sort=by, is_brief=True).jobs, at, None))
    return jobs[:size], len(jobs) > size


def _size(asked: Asked) -> int:
    return max(1, min(_number(asked, "n", SLICE), SLICE_MAX))


def _place(asked: Asked) -> int:
    """Return from where on a list in another order is shown: all of it is put in order each time."""
    return min(_number(asked, "from", 0), MOST) if asked.query.get("sort") else 0


def _number(asked: Asked, name: str, otherwise: int) -> int:
    text = asked.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _older(asked: Asked, found: Sequence[Job], at: int) -> str:
    kept = {name: asked.query.get(name) or None for name in ("q", "sort", "scan")}
    if kept["sort"]:
        return asked.link("/jobs", **kept, **{"from": at + len(found)})
    return asked.link("/jobs", **kept, after=found[-1].id)


def _states(asked: Asked, search: Search) -> Sequence[tuple[str, str, bool]]:
    """Return the states as links: the name, the address with it or without it, and whether it is asked for."""
    chosen = asked_of(search.text, "state")
    return [(one, asked.link("/jobs", q=_turned(search.text, chosen, one) or None), one in chosen) for one in STATES]


def _turned(text: str, chosen: Collection[str], state: str) -> str:
    """Return a text with a state that it asks for no more, or does besides."""
    if state in chosen:
        return without(text, "state", state)
    # Beside what is scheduled, a part of those that are pending, there can be no other state.
    return added(without(text, "state") if state == SCHEDULED else text, "state", state)
