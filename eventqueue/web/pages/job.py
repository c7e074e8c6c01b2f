"""One job: how it stands and why, what has become of it in time, what it wrote, and what can be done to it."""

from starlette.responses import RedirectResponse, Response

from eventqueue.audit.clauses import Reason
from eventqueue.audit.phases import phases
from eventqueue.errors import LogCorrupt, Refused
from eventqueue.model.events import Cancelled, Completed, DeadLettered, Recorded, name_in
from eventqueue.telling.story import Story, story
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.scale import bars
from eventqueue.web.page import Shown
from eventqueue.web.pages import job_acts, job_events, job_facts, job_output
from eventqueue.web.pages.job_links import clauses, path_of

YOUNG_S, OLD_S = 3, 15  # for so long a job that waits or runs is not drawn anew without an event, and one that ended
TIMED = 200  # of the newest events the timeline tells


def show(asked: Asked) -> Shown | Response:
    """Show a job, by its id, or lead there by a part of one."""
    job_id = asked.path["id"]
    try:
        if asked.shown and asked.shown == _mark(asked, asked.seen.history(job_id, last=1)[0]):
            return Response(status_code=204)
        return _shown(asked, story(asked.seen, job_id, TIMED))
    except Refused as error:  # it is not there, or was not by then
        whole = asked.queue.resolve(job_id)
        if whole == job_id:
            raise error from None
        return RedirectResponse(asked.link(path_of(whole)), 303)
    except LogCorrupt as error:
        return _unreadable(asked, job_id, error)


def _mark(asked: Asked, last: Recorded) -> str:
    """Return by what it is known that nothing is to be drawn anew: no event came, and no figure has become old."""
    every = OLD_S if isinstance(last.event, Completed | DeadLettered | Cancelled) else YOUNG_S
    return f"{last.version}-{last.hash.hex()[:16]}-{int(asked.time.timestamp() // every)}"


def _shown(asked: Asked, told: Story) -> Shown:
    job = told.job
    lived = phases(told.events, asked.time)
    drawn = bars(lived)
    restarts = [
        name_in(one.event.stream) for one in told.why.clauses if one.kind is Reason.RESTARTED and one.event is not None
    ]
    what = {
        "job": job,
        "mark": _mark(asked, told.events[-1]),
        "path": path_of(job.id),
        "why": clauses(asked, job, told.why),
        "bars": drawn,
        "is_whole": told.before is None,
        "timed": len(told.events),
        "attempts": job_output.attempts(lived),
        "late": job_events.late(asked, job.id),
        "output": job_output.shown(asked, job, lived),
        "facts": job_facts.facts(asked, job),
        "run": job_facts.ran(job),
        "tags": job_facts.tags(asked, job),
        "lineage": job_facts.lineage(asked, job, told.first, restarts),
        "progress": asked.seen.progress([job]).get(job.id),
        "deeds": job_acts.deeds(job, asked.now, is_restarted=bool(restarts)),
        "may_change": job_acts.may_be_changed(job),
        "sealed": job_facts.sealed(asked, told.events[-1]),
        "events": job_events.part(asked, told),
        "problem": None,
    }
    return Shown("job.html", f"Job {job.id}", what)


def _unreadable(asked: Asked, job_id: str, error: LogCorrupt) -> Shown:
    """Show what can be read of a job of which not all can be."""
    what = {"job_id": job_id, "problem": str(error), "path": path_of(job_id), "events": job_events.as_stored(asked)}
    return Shown("job_unreadable.html", f"Job {job_id}", what, 500)
