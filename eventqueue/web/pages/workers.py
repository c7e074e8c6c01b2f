"""The workers: those that live and what each runs, and those that were, with what they held and what became of it."""

from collections.abc import Mapping, Sequence
from itertools import islice

from eventqueue.errors import InvalidInput
from eventqueue.model.readable import Read
from eventqueue.ports.views import Gone, WorkerRuns
from eventqueue.telling import workers
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.slices import slice_of
from eventqueue.web.drawing.told import lines
from eventqueue.web.glances import glance
from eventqueue.web.kept import RARE
from eventqueue.web.page import Shown
from eventqueue.web.typed import version

GONE_MAX = 50
RUNS_MAX = 3  # that a list names of each worker
EVENTS = 50
RAN = 50  # attempts of a slice


def show(asked: Asked) -> Shown:
    """Show those that live, and those that were there within a day."""
    seen = glance(asked)
    rows = sorted(seen.workers, key=lambda one: (one[0].name, one[0].host, one[0].id))
    gone = _gone(asked)
    what = {"slice": slice_of(asked, rows), "seen": seen, "gone": gone, "how": workers.how}
    return Shown("workers.html", "Workers", {**what, "runs_max": RUNS_MAX, "gone_max": GONE_MAX})


def show_one(asked: Asked) -> Shown:
    """Show one: what it runs, or what it held in the end, and its life as the log tells it."""
    id_, seen = asked.path["id"], glance(asked)
    live = next(((worker, jobs) for worker, jobs in seen.workers if worker.id == id_), None)
    there, find = live and live[0], lambda: _gone(asked)
    told = workers.told(asked.queue, asked.then, id_, there=there, most=EVENTS + 1, find=find)
    if told is None:
        problem = f"The log tells of no worker {id_}: the list of workers has those that live, and those of a day."
        return Shown("refused.html", "No such worker", {"problem": problem}, 404)
    what = {"told": told, "there": live, "how": workers.how, "seen": seen, "ran": _ran(asked, id_)}
    return Shown("worker.html", f"Worker {id_}", {**what, "life": _part_of_life(asked, told.life)})


def _part_of_life(asked: Asked, newest: Sequence[Read]) -> Mapping[str, object]:
    """Return the events of its life that are asked for, the newest first, and before which there are older ones."""
    before, some = version(asked, "life"), newest
    if before is not None:
        life = workers.life(asked.queue, asked.then, asked.path["id"])
        some = list(islice((one for one in life if one.version < before), EVENTS + 1))
    older = some[EVENTS - 1].version if len(some) > EVENTS else None
    return {"lines": lines(some[:EVENTS]), "older": older, "is_newest": before is None}


def _ran(asked: Asked, id_: str) -> WorkerRuns:
    """Return a slice of what it has run; the log is looked through for that, and most for one that is idle.

    The newest is kept for all tabs; an older one is of whoever asks, once: he may ask for as many as he likes.
    """
    before = asked.query.get("before") or None
    if asked.then is not None:
        return asked.then.worker_runs(id_, RAN, before=before)
    if before is not None:
        return asked.queue.worker_runs(id_, RAN, before=before)
    return asked.once(("ran", id_), lambda: asked.queue.worker_runs(id_, RAN), RARE)


def _gone(asked: Asked) -> Sequence[Gone]:
    if asked.then is not None:
        return asked.then.workers_gone(workers.WITHIN, GONE_MAX)
    return asked.once("gone", lambda: asked.queue.workers_gone(workers.WITHIN, GONE_MAX))


def stop(asked: Asked) -> Done:
    """Ask a worker to leave, or all."""
    id_ = asked.path.get("id")
    found = asked.queue.stop_workers(None if id_ is None else [id_], _grace(asked), asked.why)
    said = f"{len(found):,} {'worker is' if len(found) == 1 else 'workers are'} asked to leave"
    return Done(said if found else "No worker is alive", "/workers" if id_ is None else f"/workers/{id_}")


def _grace(asked: Asked) -> float | None:
    given = asked.form.get("grace", "").strip()
    try:
        return float(given) if given else None
    except ValueError:
        raise InvalidInput("grace", f"{given!r} is no number of seconds") from None
