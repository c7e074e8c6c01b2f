"""What may stand in the field of a search where somebody is typing, as JSON; nothing is brought up to date for it."""

from collections.abc import Callable, Iterable, Mapping

from starlette.responses import JSONResponse, Response

from eventqueue.api.queue import Queue
from eventqueue.audit.completion import place_in, suggestions
from eventqueue.ports.views import Filter
from eventqueue.system.printable import clean
from eventqueue.web.asked import Asked
from eventqueue.web.searching import TEXT_MAX, searched

NEWEST = 500  # jobs whose tags and tasks are known


def _tags(queue: Queue) -> Iterable[str]:
    return sorted({tag for one in queue.connection.views.traits(Filter(limit=NEWEST), "tag") for tag in one.tags})


def _tasks(queue: Queue) -> Iterable[str]:
    newest = {one.task for one in queue.connection.views.traits(Filter(limit=NEWEST), "task")}
    served = {task for one in queue.workers() for task in one.tasks}
    return sorted({*served, *(one for one in newest if one is not None)})


NAMES: Mapping[str, Callable[[Queue], Iterable[str]]] = {
    "queue": lambda queue: sorted(queue.connection.views.counts()),
    "tag": _tags,
    "task": _tasks,
    "worker": lambda queue: [one.id for one in queue.workers()],
}


def show(asked: Asked) -> Response:
    """Return what is replaced, from where to where, and by what it may be; of a `whole` text whether it is a filter."""
    if "whole" in asked.query:
        search = searched(asked)
        return JSONResponse({"problem": None if search.job or search.problem is None else clean(search.problem)})
    text = asked.query.get("q", "")[:TEXT_MAX]
    place = place_in(text, _cursor(asked.query.get("cursor", ""), text))
    names = {field: read(asked.queue) for field, read in NAMES.items() if field == place.field}
    options = [{"text": one.text, "label": clean(one.label), "note": one.note} for one in suggestions(place, names)]
    return JSONResponse({"begin": place.begin, "end": place.end, "options": options})


def _cursor(typed: str, text: str) -> int:
    return min(int(typed), len(text)) if typed.isascii() and typed.isdigit() and len(typed) < 10 else len(text)
