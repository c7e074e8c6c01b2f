"""Lists of jobs: those that a filter lets through, in order, some at a time, in questions that each look at little.

First the places where such jobs are named, in order: entries, an index, or where they are few, themselves. Then the
jobs there, as they are by then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pymongo.collection import Collection

from eventqueue.model.events import Error
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import State
from eventqueue.mongo.slices import outlasting
from eventqueue.ports.views import Failure, Filter
from projections.folds.due import ids_in
from projections.keeping.generation import NEWEST_FIRST, Generation

PAGE = 200  # jobs that are read at once, each as large as a job may be
PAGE_MAX = 1000  # places that are looked at once, and jobs where few of them fit
FEW = 10_000  # jobs that are put in order here: of more it is sooner to go through all in order
ERROR = {"last_error.type": 1, "last_error.message": 1}  # what is told of one
FAILURE = {"queue": 1, "updated_at": 1, **ERROR}  # what a Failure is made of
BRIEF = {"result.value": 0, "result.output": 0, "last_error.traceback": 0}  # what is left out of a job in a line
FAILURES = (State.FAILED, State.DEAD, State.CANCELLED)  # listed by when they became that

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Document = Mapping[str, Any]


def listed(
    live: Generation, filter_: Filter, waiting: Callable[[], int], fields: Mapping[str, int] | None = None
) -> Iterator[Document]:
    """Yield the documents of all jobs that `filter_` lets through, whatever its limit.

    `fields`: these of them, or all but these, as MongoDB has it.
    `waiting` returns how many of its queue wait to be claimed.
    """
    query, size = _conditions(filter_), min(filter_.limit or PAGE, PAGE)
    if fields is not None and any(fields.values()) and (filter_.fingerprint is not None or filter_.error is not None):
        fields = {**fields, **ERROR}
    places = _places(live, filter_, waiting)
    while ids := list(islice(places, size)):
        found = {
            one["_id"]: one
            for one in _read(live.jobs, {**query, "_id": {"$in": ids}}, fields)
            if _has_failed_so(one, filter_)
        }
        yield from (found[job_id] for job_id in ids if job_id in found)
        size = min(2 * size, PAGE_MAX if 2 * len(found) < len(ids) else PAGE)


def failure(document: Document) -> Failure | None:
    """Return what is told of a job that failed; None for one that somebody has altered."""
    queue, at, told = document.get("queue"), document.get("updated_at"), _told(document)
    if isinstance(queue, str) and isinstance(at, datetime) and told is not None:
        return Failure(document["_id"], queue, at, told)
    return None


def _told(document: Document) -> str | None:
    error = document.get("last_error")
    kind, message = (error.get("type"), error.get("message")) if isinstance(error, Mapping) else (None, None)
    return Error(type=kind, message=message).told if isinstance(kind, str) and isinstance(message, str) else None


def _has_failed_so(document: Document, filter_: Filter) -> bool:
    if filter_.error is None and filter_.fingerprint is None:
        return True
    told = _told(document)
    return (
        told is not None
        and (filter_.error is None or filter_.error in told)
        and (filter_.fingerprint is None or fingerprint(told) == filter_.fingerprint)
    )


def _places(live: Generation, filter_: Filter, waiting: Callable[[], int]) -> Iterator[str]:
    """Yield ids of jobs in order: all that fit are among them."""
    of_queue = {} if filter_.queue is None else {"queue": filter_.queue}
    if filter_.state is State.PROCESSING:
        held = _read(live.claims, {}, {"jobs": 1})
        return _in_order(live, [job_id for one in held for job_id in one["jobs"]], filter_)
    if filter_.state in FAILURES:
        if filter_.tag is not None and live.jobs.count_documents({"tags": filter_.tag}, limit=FEW + 1) <= FEW:
            tagged = _read(live.jobs, {"tags": filter_.tag}, {"_id": 1})
            return _in_order(live, [one["_id"] for one in tagged], filter_)
        since = {} if filter_.since is None else {"at": {"$gte": filter_.since}}
        return _paged(live.failures, {"state": filter_.state.value, **of_queue, **since}, [("at", -1)])
    if filter_.state is State.PENDING and waiting() <= FEW:
        entries = _read(live.due, of_queue, {"jobs": 1})
        return _in_order(live, [job_id for one in entries for job_id in ids_in(one)], filter_)
    # By one index alone: what else is asked for is seen to where the jobs are read, so that no question is long.
    indexed = of_queue if filter_.tag is None else {"tags": filter_.tag}
    return _paged(live.jobs, {**indexed, **_since(filter_)}, NEWEST_FIRST)


def _in_order(live: Generation, ids: Sequence[str], filter_: Filter) -> Iterator[str]:
    """Yield those of these jobs that fit, in order."""
    query, by = {**_conditions(filter_), **_since(filter_)}, _ordered_by(filter_)
    found: list[Document] = []
    for start in range(0, len(ids), PAGE_MAX):
        these = {**query, "_id": {"$in": ids[start : start + PAGE_MAX]}}
        found += _read(live.jobs, these, {by: 1, "nth": 1})
    found.sort(key=lambda one: _place(one, by), reverse=True)
    return (one["_id"] for one in found)


def _place(document: Document, by: str) -> tuple[datetime, int, bytes]:
    at, nth = document.get(by), document.get("nth")
    # What somebody has altered stands at the end: whoever reads it says so.
    return (
        at if isinstance(at, datetime) else LONG_AGO,
        nth if isinstance(nth, int) else 0,
        str(document["_id"]).encode(),
    )


def _paged(collection: Collection[Any], query: Mapping[str, Any], order: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Yield the ids of what there is in an order that begins with a time, the latest first: page after page.

    By itself the server sends all there are after the first hundred, and its deadline is for all of it.
    """
    (by, _), *_ = order
    until: datetime | None = None
    seen: set[str] = set()  # of those of the time `until`: others may have it, too
    size = PAGE
    while True:
        within = query if until is None else {**query, by: {**query.get(by, {}), "$lte": until}}
        most = size + len(seen)
        page = _read(collection, within, {by: 1}, sort=order, limit=most)
        for one in page:
            if one.get(by) != until:
                until, seen = one.get(by), set()
            elif one["_id"] in seen:
                continue
            seen.add(one["_id"])
            yield one["_id"]
        if len(page) < most:
            return
        size = PAGE_MAX


def _read(
    collection: Collection[Any], query: Mapping[str, Any], fields: Mapping[str, int] | None, **options: Any
) -> Sequence[Document]:
    return outlasting(lambda: list(collection.find(query, fields, **options)))


def _ordered_by(filter_: Filter) -> str:
    return "updated_at" if filter_.state in FAILURES else "created_at"


def _since(filter_: Filter) -> Mapping[str, Any]:
    return {} if filter_.since is None else {_ordered_by(filter_): {"$gte": filter_.since}}


def _conditions(filter_: Filter) -> Mapping[str, Any]:
    """Return what a job must be, but for its time."""
    # One whose first event is poison is nothing to show, and neither is what has no text for its id.
    query: dict[str, Any] = {"version": {"$type": "number"}}
    if filter_.state is not None:
        query["state"] = filter_.state.value
    if filter_.queue is not None:
        query["queue"] = filter_.queue
    if filter_.tag is not None:
        query["tags"] = filter_.tag
    if filter_.task is not None:
        query["run.task"] = filter_.task
    if filter_.error is not None:
        query["$expr"] = {"$gte": [{"$indexOfBytes": [_TOLD, {"$literal": filter_.error}]}, 0]}
    return query


def _text(field: str) -> Mapping[str, Any]:
    return {"$convert": {"input": field, "to": "string", "onError": "", "onNull": ""}}  # somebody may have altered it


# All that may be told of an error: of which there is more than is, that is seen to once it is read.
_TOLD = {"$concat": [_text("$last_error.type"), ": ", _text("$last_error.message")]}
