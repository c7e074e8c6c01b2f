"""Lists of jobs: those that a filter lets through, in order, some at a time, in questions that each look at little.

First the places where such jobs are named, in order: entries, an index, or where they are few, themselves. Then the
jobs there, as they are by then.

Served so are: failed, dead, cancelled and processing ones, those of a worker, of a queue or of any of some, with a key
in it, with a tag, the restarts of a job, those created or listed within a time, and those that wait where few do. All
else is looked for among these, job by job: at VAIN_MAX jobs that do not fit whoever asks is told, unless a scan is what
he asked for.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import dropwhile, islice
from typing import Any

import msgspec
from pymongo.collection import Collection

from eventqueue.audit.fitting import failed_so, has_meta, is_by_end, says, storable
from eventqueue.errors import JobNotFound, Refused
from eventqueue.model.events import Error
from eventqueue.model.job import FINAL, State
from eventqueue.model.moments import up_to_ms
from eventqueue.model.restarting import successor
from eventqueue.model.spec import id_of_key
from eventqueue.mongo.slices import outlasting
from eventqueue.ports.views import ANY, ENDS_MAX, VAIN_MAX, Failure, Filter, Trait
from projections.folds.due import SPREAD, ids_in
from projections.keeping.generation import NEWEST_FIRST, Generation

PAGE = 200  # jobs that are read at once, each as large as a job may be
PAGE_MAX = 1000  # places that are looked at once, and jobs where few of them fit or little of each is read
FEW = 10_000  # jobs that are put in order here: of more it is sooner to go through all in order
ERROR = {"last_error.type": 1, "last_error.message": 1}  # what is told of one
FAILURE = {"queue": 1, "updated_at": 1, **ERROR}  # what a Failure is made of
TRAITS: Mapping[str, Mapping[str, int]] = {  # by what jobs are counted, and what of each is read for that
    "state": {"state": 1},
    "queue": {"queue": 1},
    "task": {"run.task": 1},
    "tag": {"tags": 1},
    "error": ERROR,
    "hour": {"created_at": 1, "updated_at": 1},
}
TRAITS = {**TRAITS, ANY: {field: 1 for fields in TRAITS.values() for field in fields}}
BRIEF = {"result.value": 0, "result.output": 0, "last_error.traceback": 0}  # what is left out of a job in a line
WRITTEN = {"run.command": 1, "meta": 1, **ERROR}  # in which texts are looked for once it is read
# Characters of a text that the server looks for: what has these is read, and looked at whole. It may take the product
# of their number and of a text's length.
PATTERN_MAX = 50

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Document = Mapping[str, Any]


def listed(
    live: Generation, filter_: Filter, waiting: Callable[[], int], fields: Mapping[str, int] | None = None
) -> Iterator[Document]:
    """Yield the documents of all jobs that `filter_` lets through, whatever its limit.

    `fields`: these of them, or all but these, as MongoDB has it.
    `waiting` returns how many of its queue wait to be claimed.
    """
    query, size, most = _conditions(filter_), min(filter_.limit or PAGE, PAGE), PAGE
    if fields is not None and any(fields.values()):
        fields, most = {**fields, **WRITTEN} if _is_written(filter_) else fields, PAGE_MAX
    places = _places(live, filter_, waiting)
    in_vain = 0
    while ids := list(islice(places, size)):
        found = {
            one["_id"]: one
            for one in _read(live.jobs, {**query, "_id": {"$in": ids}}, fields)
            if _has_written(one, filter_)
        }
        yield from (found[job_id] for job_id in ids if job_id in found)
        size = min(2 * size, PAGE_MAX if 2 * len(found) < len(ids) else most)
        in_vain += len(ids) - len(found)
        if in_vain >= VAIN_MAX and not filter_.scan:
            raise Refused(
                f"{in_vain:,} jobs were looked at that do not fit, and there are more: a state, a queue, a tag or a "
                "time leaves fewer; --scan (scan=True) looks at all."
            )


def ending(live: Generation, end: str, most: int) -> Sequence[str]:
    """See Views.ending. No index has the ends of ids: those of the newest are looked at within one that has ids."""
    newest: Sequence[Mapping[str, Any]] = [
        {"$sort": dict(NEWEST_FIRST)},
        {"$limit": ENDS_MAX},
        {"$project": {"_id": 1}},
    ]
    found = live.jobs.aggregate([*newest, {"$match": {"_id": {"$regex": f"{_pattern(end)}$"}}}, {"$limit": most}])
    return [one["_id"] for one in found]


def failure(document: Document) -> Failure | None:
    """Return what is told of a job that failed; None for one that somebody has altered."""
    queue, at, told = document.get("queue"), document.get("updated_at"), _told(document)
    if isinstance(queue, str) and isinstance(at, datetime) and told is not None:
        return Failure(document["_id"], queue, at, told)
    return None


def trait(filter_: Filter, document: Document) -> Trait:
    """Return what a job is counted by, as far as it was read. Raises msgspec.ValidationError for another layout."""
    found = msgspec.convert(document, _Counted)
    at = found.updated_at if _ordered_by(filter_) == "updated_at" else found.created_at
    task = None if found.run is None else found.run.task
    return Trait(state=found.state, queue=found.queue, task=task, tags=found.tags, message=_told(document), at=at)


class _Named(msgspec.Struct, frozen=True):
    task: str | None = None


class _Counted(msgspec.Struct, frozen=True):
    """What of a job's document is counted."""

    state: State | None = None
    queue: str | None = None
    run: _Named | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


def _told(document: Document) -> str | None:
    error = document.get("last_error")
    kind, message = (error.get("type"), error.get("message")) if isinstance(error, Mapping) else (None, None)
    return Error(type=kind, message=message).told if isinstance(kind, str) and isinstance(message, str) else None


def _is_written(filter_: Filter) -> bool:
    return bool(filter_.meta) or (filter_.error, filter_.fingerprint, filter_.command) != (None, None, None)


def _has_written(document: Document, filter_: Filter) -> bool:
    """Whether the texts in a job are such: of those that do not fit the server leaves out what it can tell."""
    if not _is_written(filter_):
        return True
    run, meta = document.get("run"), document.get("meta")
    command = run.get("command") if isinstance(run, Mapping) else None
    return (
        failed_so(_told(document), filter_)
        and says(command if isinstance(command, str) else None, filter_.command)
        and has_meta(meta if isinstance(meta, Mapping) else {}, filter_.meta)
    )


def _places(live: Generation, filter_: Filter, waiting: Callable[[], int]) -> Iterator[str]:
    """Yield ids of jobs in order: all that fit are among them."""
    last = _last(live, filter_)
    if filter_.key is not None and filter_.queue is not None:
        return _in_order(live, [id_of_key(filter_.queue, filter_.key)], filter_, last)
    if filter_.restart_of is not None:
        return _in_order(live, _restarts(live, filter_.restart_of), filter_, last)
    of_queue = _any("queue", filter_.any_queue)
    if filter_.state is State.PROCESSING or filter_.worker is not None:
        held = [one for one in _read(live.claims, {}, {"jobs": 1}) if str(one["_id"]).startswith(filter_.worker or "")]
        return _in_order(live, [job_id for one in held for job_id in one["jobs"]], filter_, last)
    if is_by_end(filter_):
        tag = next(iter(filter_.every_tag), None)
        if tag is not None and live.jobs.count_documents({"tags": tag}, limit=FEW + 1) <= FEW:
            tagged = _read(live.jobs, {"tags": tag}, {"_id": 1})
            return _in_order(live, [one["_id"] for one in tagged], filter_, last)
        entries = {**_any("state", filter_.any_state), **of_queue, **_within("at", _times(filter_)["updated_at"])}
        return _paged(live.failures, entries, [("at", -1)], last)
    is_due = filter_.due_before is not None or filter_.due_after is not None
    is_waiting = filter_.state is State.PENDING or (is_due and filter_.state is None)
    if is_waiting and (found := _few_waiting(live, filter_, waiting)) is not None:
        return _in_order(live, found, filter_, last)
    # By one index alone: what else is asked for is seen to where the jobs are read, so that no question is long.
    indexed = {"tags": filter_.every_tag[0]} if filter_.every_tag else of_queue
    return _paged(live.jobs, {**indexed, **_within("created_at", _times(filter_)["created_at"])}, NEWEST_FIRST, last)


def _any(field: str, values: Sequence[str]) -> Mapping[str, Any]:
    # Of several the index has each in order, and the server goes through them side by side.
    few = [str(one) for one in values]
    return {} if not few else {field: few[0] if len(few) == 1 else {"$in": few}}


def _restarts(live: Generation, job_id: str) -> Sequence[str]:
    """Return the ids that restarts of a job have, if there are any: they follow from its own."""
    found = live.jobs.find_one({"_id": job_id}, {"attempts": 1}) or {}
    attempts = found.get("attempts")
    return [successor(job_id, had) for had in range(min(attempts, FEW) + 1)] if isinstance(attempts, int) else []


def _few_waiting(live: Generation, filter_: Filter, waiting: Callable[[], int]) -> list[str] | None:
    """Return the ids of the jobs that wait, or are due within that time, None where they are more than few.

    Of who wants them all, as what is done to many jobs does, these are few as long as it is sooner to read them than to
    look for them among all jobs.
    """
    most = VAIN_MAX if filter_.limit is None else FEW
    is_due = filter_.due_before is not None or filter_.due_after is not None
    if not is_due and waiting() > most:
        return None
    due = _any("queue", filter_.any_queue)
    if is_due:
        # By queue and time there is an index, and by the time alone none: of who is due it would cost each claim.
        due = due or {"queue": {"$in": outlasting(lambda: live.due.distinct("queue"))}}
        due = {**due, **_within("due_at", [(_first_due(filter_.due_after), filter_.due_before)])}
    found = outlasting(lambda: _ids_within(live.due, due, most))
    return found if len(found) <= most else None


def _first_due(after: datetime | None) -> datetime | None:
    """Return since when an entry is due, at the earliest, that has a job in it which is due after a time."""
    return None if after is None else max(after, LONG_AGO + SPREAD) - SPREAD


def _ids_within(entries: Collection[Any], query: Mapping[str, Any], most: int) -> list[str]:
    """Return the ids of the jobs in such entries, or more than `most` of them."""
    found: list[str] = []
    with entries.find(query, {"jobs": 1}, batch_size=PAGE_MAX) as cursor:
        for one in cursor:
            found += ids_in(one)
            if len(found) > most:
                break
    return found


def _last(live: Generation, filter_: Filter) -> Document | None:
    """Return the job after which the list begins, if it does so after one. Raises Refused where it is in none."""
    if filter_.after is None:
        return None
    last: Document | None = live.jobs.find_one({"_id": filter_.after}, {"state": 1, "nth": 1, _ordered_by(filter_): 1})
    if last is None:
        raise JobNotFound(filter_.after)
    if is_by_end(filter_) and last.get("state") not in filter_.any_state:
        state, of = last.get("state"), " or ".join(filter_.any_state)
        raise Refused(f"Job {filter_.after} is {state} by now: no list of {of} jobs goes on after it.")
    return last


def _in_order(live: Generation, ids: Sequence[str], filter_: Filter, last: Document | None) -> Iterator[str]:
    """Yield those of these jobs that fit, in order, from behind the `last`."""
    query, by = _conditions(filter_), _ordered_by(filter_)
    found: list[Document] = []
    for start in range(0, len(ids), PAGE_MAX):
        these = {**query, "_id": {"$in": ids[start : start + PAGE_MAX]}}
        found += _read(live.jobs, these, {by: 1, "nth": 1})
    if last is not None:
        found = [one for one in found if _place(one, by) < _place(last, by)]
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


def _paged(
    collection: Collection[Any], query: Mapping[str, Any], order: Sequence[tuple[str, int]], last: Document | None
) -> Iterator[str]:
    """Yield the ids of what there is in an order that begins with a time, the latest first, from behind the `last`."""
    (by, _), *_ = order
    at = None if last is None else last.get("created_at" if by == "created_at" else "updated_at")
    until = query.get(by, {}).get("$lte")
    if isinstance(at, datetime) and until is not None and until < at:
        at, last = None, None  # all there are stand behind it
    pages = _pages(collection, query, order, at)
    if last is not None:
        # All of that time come again up to the last one itself, behind which the list goes on.
        pages = dropwhile(lambda one: one.get(by) == at and one["_id"] != last["_id"], pages)
    return (one["_id"] for one in pages if last is None or one["_id"] != last["_id"])


def _pages(
    collection: Collection[Any],
    query: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    until: datetime | None,
) -> Iterator[Document]:
    """Yield what there is, down from a time perhaps, page after page.

    By itself the server sends all there are after the first hundred, and its deadline is for all of it.
    """
    (by, _), *_ = order
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
            yield one
        if len(page) < most:
            return
        size = max(PAGE_MAX, len(seen))  # of very many of one time each question brings twice as many, not all again


def _read(
    collection: Collection[Any], query: Mapping[str, Any], fields: Mapping[str, int] | None, **options: Any
) -> Sequence[Document]:
    return outlasting(lambda: list(collection.find(query, fields, **options)))


def _ordered_by(filter_: Filter) -> str:
    return "updated_at" if is_by_end(filter_) else "created_at"


Spans = Sequence[tuple[datetime | None, datetime | None]]


def _times(filter_: Filter) -> Mapping[str, Spans]:
    """Return, by field, within what times it must be."""
    spans: dict[str, list[tuple[datetime | None, datetime | None]]] = {
        "created_at": [(filter_.created_since, filter_.created_until)],
        "updated_at": [(filter_.ended_since, filter_.ended_until)],
        "due_at": [(None, filter_.due_before)],
    }
    spans[_ordered_by(filter_)].append((filter_.since, filter_.until))
    return spans


def _within(field: str, spans: Spans) -> Mapping[str, Any]:
    since = [one for one, _ in spans if one is not None]
    until = [one for _, one in spans if one is not None]
    # The driver cuts a time to the millisecond: from that on would be a little too early.
    bounds = {**({"$gte": up_to_ms(max(since))} if since else {}), **({"$lte": min(until)} if until else {})}
    return {field: bounds} if bounds else {}


def _conditions(filter_: Filter) -> Mapping[str, Any]:
    """Return what a job must be, as far as the server can tell."""
    # One whose first event is poison is nothing to show, and neither is what has no text for its id.
    query: dict[str, Any] = {"version": {"$type": "number"}}
    exact = {"state": filter_.state, "queue": filter_.queue, "run.task": filter_.task}
    exact |= {"key": filter_.key, "group": filter_.group, "restart_of": filter_.restart_of}
    query |= {field: str(value) for field, value in exact.items() if value is not None}
    for field, spans in _times(filter_).items():
        query |= _within(field, spans)
    every: list[Mapping[str, Any]] = [{"tags": tag} for tag in filter_.every_tag]
    every += [some for some in (_any("state", filter_.state_in), _any("queue", filter_.queue_in)) if some]
    if filter_.ended_since is not None or filter_.ended_until is not None:
        every.append({"state": {"$in": sorted(FINAL)}})
    if filter_.due_after is not None:
        every.append({"due_at": {"$gt": filter_.due_after}})
    if filter_.worker is not None:
        every.append({"worker": {"$regex": f"^{_pattern(filter_.worker)}"}})
    if filter_.command is not None:
        every.append({"run.command": {"$regex": _pattern(filter_.command), "$options": "i"}})
    if filter_.priority_min is not None:
        every.append({"priority": {"$gte": filter_.priority_min}})
    if filter_.priority_max is not None:
        every.append({"priority": {"$lte": filter_.priority_max}})
    every += [
        {f"meta.{name}": _one_of(storable(text))} for name, text in filter_.meta.items() if _PLAIN.fullmatch(name)
    ]
    if every:
        query["$and"] = every
    if filter_.error is not None:
        query["$expr"] = {"$regexMatch": {"input": _TOLD, "regex": _pattern(filter_.error), "options": "i"}}
    return query


_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # a name that stands for itself alone within a path


def _one_of(values: Sequence[Any] | None) -> Mapping[str, Any]:
    return {"$type": ["string", "object", "array"]} if values is None else {"$in": values}


def _pattern(text: str) -> str:
    """Return a regular expression of a text, or its beginning, in which each character stands for itself."""
    return "".join(one if one.isalnum() else f"\\x{{{ord(one):x}}}" for one in text[:PATTERN_MAX])


def _text(field: str) -> Mapping[str, Any]:
    return {"$convert": {"input": field, "to": "string", "onError": "", "onNull": ""}}  # somebody may have altered it


# All that may be told of an error: of which there is more than is, that is seen to once it is read.
_TOLD = {"$concat": [_text("$last_error.type"), ": ", _text("$last_error.message")]}
