"""The queues: how much waits in each and for how long, how fast it goes, and who paused it and why."""

from eventqueue.api.untaken import heads_of
from eventqueue.audit.standstill import serving
from eventqueue.model.events import stream_of
from eventqueue.model.job import State
from eventqueue.model.pause import CATEGORY
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.slices import slice_of
from eventqueue.web.drawing.told import history
from eventqueue.web.glances import Row, by_load, glance
from eventqueue.web.page import Shown
from eventqueue.web.pages.overview import rates_of

HISTORY_MAX = 20  # events


def show(asked: Asked) -> Shown:
    """Show the queues, the most loaded first."""
    seen, part = glance(asked), asked.query.get("name", "")
    rows = [row for row in seen.rows() if part.casefold() in row.name.casefold()]
    shown = slice_of(asked, sorted(rows, key=by_load))
    what = {"slice": shown, "part": part, "states": list(State), "any": bool(seen.queues)}
    return Shown("queues.html", "Queues", what)


def show_one(asked: Asked) -> Shown:
    """Show one queue: how fast it goes, who serves it, what comes next in it, and its pauses."""
    name, seen = asked.path["name"], glance(asked)
    row = next((one for one in seen.rows() if one.name == name), None)
    if row is None:
        then = " by then" if asked.then else ""
        problem = f"Queue {name} had no job and no pause{then}: the list of queues has those that there are."
        return Shown("refused.html", "No such queue", {"problem": problem}, 404)
    crew = [(worker, ()) for worker, _ in seen.workers]
    return Shown(
        "queue.html",
        f"Queue {name}",
        {
            "row": row,
            "states": list(State),
            "workers": [worker for worker, _ in serving(crew, name)],
            "heads": _heads(asked, row),
            "history": history(asked, stream_of(CATEGORY, name), HISTORY_MAX),
            **rates_of(asked, name),
        },
    )


def _heads(asked: Asked, row: Row) -> object:
    """Return the jobs that are claimed next; None of a time that is past, of which that is not known."""
    return None if asked.then is not None else heads_of(asked.queue.connection, row.name)[:10]


def pause(asked: Asked) -> Done:
    """Pause a queue."""
    name = asked.path["name"]
    done = asked.queue.pause_queue(name, asked.why)
    return Done(f"Queue {name} is paused" + ("" if done.is_new else " already"), _back(asked))


def resume(asked: Asked) -> Done:
    """Have a queue go on."""
    name = asked.path["name"]
    done = asked.queue.resume_queue(name, asked.why)
    return Done(f"Queue {name} goes on" if done.is_new else f"Queue {name} was not paused", _back(asked))


def _back(asked: Asked) -> str:
    return f"/queues/{asked.path['name']}" if asked.form.get("then") == "one" else "/queues"
