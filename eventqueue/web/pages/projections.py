"""The views: how far each is behind, who keeps it, what it has parked; built anew and proven from here."""

from eventqueue.api.queue import Queue
from eventqueue.model.upkeep import STREAM
from eventqueue.ports.views import Activity, ViewHealth
from eventqueue.telling.words import count
from eventqueue.web.acting.act import Done
from eventqueue.web.acting.labour import Outcome, Tell, Work
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.told import history
from eventqueue.web.page import Shown

PARKED_MAX = 50
DIFFERENCES_MAX = 50
EVENTS = 20
REBUILD, VERIFY = "rebuild", "verify"


def show(asked: Asked) -> Shown:
    """Show how the views are kept: of a time that is past only what was done to them."""
    found = () if asked.then else asked.once("projections", asked.queue.projections)
    return Shown(
        "projections.html",
        "Projections",
        {
            "found": found,
            "notes": list(dict.fromkeys(one.note for one in found if one.note)),
            "is_troubled": _is_troubled,
            "parked": [(one.name, parked) for one in found for parked in one.parked[:PARKED_MAX]],
            "parked_more": sum(max(0, len(one.parked) - PARKED_MAX) for one in found),
            "works": [] if asked.then else [asked.labours.get(kind) for kind in (REBUILD, VERIFY)],
            "history": history(asked, STREAM, EVENTS),
        },
    )


def _is_troubled(one: ViewHealth) -> bool:
    return bool(one.parked) or one.activity in (Activity.STALLED, Activity.UNATTENDED, Activity.UNKNOWN)


def rebuild(asked: Asked) -> Done:
    """Build the views anew, in a thread."""
    queue, why = asked.queue, asked.why

    def build(tell: Tell) -> Outcome:
        number = queue.rebuild_views(None, tell, why=why)
        parked = len(queue.connection.views.snapshot()["parked"])
        beside = f", with {count(parked, 'job')} parked in it" if parked else ""
        return Outcome(f"Generation {number} is live{beside}")

    return _begin(asked, REBUILD, "The rebuild of the views", build)


def verify(asked: Asked) -> Done:
    """Hold the views against the log, in a thread."""
    return _begin(asked, VERIFY, "The comparison of the views with the log", lambda tell: _verified(asked.queue, tell))


def _begin(asked: Asked, kind: str, what: str, work: Work) -> Done:
    asked.labours.start(kind, what, asked.visitor.user, work, total=asked.queue.log_size(), unit="events")
    return Done(f"{what} has begun", "/projections")


def _verified(queue: Queue, tell: Tell) -> Outcome:
    read = 0

    def note(number: int) -> None:
        nonlocal read
        read = number
        tell(number)

    found = list(queue.verify_views(None, None, note))
    if not found:
        return Outcome(f"{count(read, 'event')} verified, no difference")
    remedy = (
        "events are missing from the log, it seems, so build nothing anew: an audit tells more"
        if any(one.is_lost for one in found)
        else "views that are built anew have none"
    )
    told = [f"{one.projection} {one.where}: {one.problem}" for one in found[:DIFFERENCES_MAX]]
    return Outcome(f"{count(len(found), 'difference')}: {remedy}", is_well=False, found=told)


def retry(asked: Asked) -> Done:
    """Let a parked job go on."""
    name, job = asked.path["name"], asked.form.get("job", "")
    parked = asked.queue.retry_parked(name, job, asked.why)
    said = f"Job {job} goes on" if parked is None else f"Job {job} is parked again: {parked.problem}"
    return Done(said, "/projections")
