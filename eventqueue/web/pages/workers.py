"""The workers: those that live and what each runs, and those that were, with what they held and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice

from eventqueue.audit.wanted import Wanted
from eventqueue.errors import InvalidInput
from eventqueue.model import lives
from eventqueue.model.events import Recorded, stream_of
from eventqueue.model.job import State
from eventqueue.model.lives import WorkerLost, WorkerStarted
from eventqueue.ports.views import Gone
from eventqueue.telling.words import sentence
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.slices import slice_of
from eventqueue.web.drawing.told import lines
from eventqueue.web.glances import glance
from eventqueue.web.page import Shown

GONE_MAX = 50
WITHIN = timedelta(days=1)
RUNS_MAX = 3  # that a list names of each worker
HELD_MAX = 100
EVENTS = 50


def show(asked: Asked) -> Shown:
    """Show those that live, and those that were there within a day."""
    seen = glance(asked)
    rows = sorted(seen.workers, key=lambda one: (one[0].name, one[0].host, one[0].id))
    gone = _gone(asked)
    what = {"slice": slice_of(asked, rows), "seen": seen, "gone": gone, "how": _how}
    return Shown("workers.html", "Workers", {**what, "runs_max": RUNS_MAX, "gone_max": GONE_MAX})


def show_one(asked: Asked) -> Shown:
    """Show one: what it runs, or what it held in the end, and its life as the log tells it."""
    id_, seen = asked.path["id"], glance(asked)
    live = next(((worker, jobs) for worker, jobs in seen.workers if worker.id == id_), None)
    until = None if asked.then is None else asked.then.moment
    wanted = Wanted(streams=(stream_of(lives.CATEGORY, id_),), until=until)
    life = list(islice(asked.queue.events(wanted), EVENTS))
    if live is None and not life:
        problem = f"The log tells of no worker {id_}: the list of workers has those that live, and those of a day."
        return Shown("refused.html", "No such worker", {"problem": problem}, 404)
    gone = next((one for one in _gone(asked) if one.worker.id == id_), None)
    told = [one for one in life if isinstance(one, Recorded)]
    what: dict[str, object] = {"there": live, "gone": gone, "started": _started(told), "how": _how, "id": id_}
    what |= {"held": _held(asked, gone, told), "is_over": lives.is_over(told), "history": lines(reversed(life))}
    return Shown("worker.html", f"Worker {id_}", {**what, "seen": seen})


def _gone(asked: Asked) -> Sequence[Gone]:
    if asked.then is not None:
        return asked.then.workers_gone(WITHIN, GONE_MAX)
    return asked.once("gone", lambda: asked.queue.workers_gone(WITHIN, GONE_MAX))


def _started(life: Sequence[Recorded]) -> WorkerStarted | None:
    return next((one.event for one in life if isinstance(one.event, WorkerStarted)), None)


def _held(asked: Asked, gone: Gone | None, life: Sequence[Recorded]) -> Mapping[str, State | None]:
    """Return what it held when it was lost, and the state of each since, where that is told."""
    if gone is not None:
        return {one.job: one.state for one in gone.held}
    held = next((one.event.held for one in life if isinstance(one.event, WorkerLost)), ())[:HELD_MAX]
    if asked.then is not None or not held:
        return dict.fromkeys(held)
    found = asked.queue.connection.finder.get(held)
    return {one: found[one].state if one in found else None for one in held}


def _how(one: Gone) -> str:
    """Return who told of a worker's end and who had asked for it, in words."""
    asked = f"asked by {one.asked_by}{f': {one.why}' if one.why else ''}" if one.asked_by else None
    if one.at is None:
        return "silent: the first worker that lives brings back what it held"
    if one.ending == "left":
        return asked or "by itself"
    how = "seen dead" if one.seen_dead else "silent for longer than its lease"
    return sentence(f"{how}, told by {one.told_by}", asked)


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
