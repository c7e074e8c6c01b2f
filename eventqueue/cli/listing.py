"""A list of jobs, as `list`, `dlq list` and every `--dry-run` print it: however many, part after part."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from eventqueue.cli import shape as shapes
from eventqueue.cli.filters import Wanted
from eventqueue.cli.listed import MOST, remember
from eventqueue.cli.render.columns import Table
from eventqueue.cli.render.console import show_long
from eventqueue.cli.render.jobs import WIDE, Row
from eventqueue.cli.render.jobs import jobs as table
from eventqueue.cli.render.printing import print_array, print_line
from eventqueue.cli.session import Session
from eventqueue.cli.shape import PLAIN, Shape
from eventqueue.cli.then import At, seen_at, time_in
from eventqueue.model.ends import Ends
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter
from eventqueue.telling import documents
from eventqueue.telling.unknown import unknown
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then

LIMIT = 50  # of what a person reads
PART = 200  # jobs that are read, and printed, at once


def print_newest(
    session: Session,
    limit: int | None,
    wanted: Wanted,
    at: At = None,
    *,
    after: str | None = None,
    shape: Shape = PLAIN,
    sort: str | None = None,
    **more: Any,
) -> None:
    """Print the newest jobs that fit, and on stderr how far the view that they are from is behind.

    `at`: those that were there then. `after`: those that are listed behind this one. `sort`: the first in this order.
    `more`: fields of a Filter that must hold besides. `limit`: so many at most. None: all, but on a terminal as many as
    a person reads; that there are more is said there.
    """
    from eventqueue.audit.filters import joined

    if limit is None and shape.is_read(session):
        limit = LIMIT
    with session.queue() as queue:
        shown = seen_at(session, queue, at)
        fields = joined(wanted.fields(time_in(shown)), more)
        fields["after"] = None if after is None else queue.resolve(after)
        # One more than is shown tells whether there are more.
        filter_ = Filter(**fields, limit=None if limit is None else limit + 1)
        walk = shown.walk(filter_, sort=sort, is_brief=shape.form in (shapes.TABLE, shapes.IDS))
        session.out.behind(walk.lag)
        print_jobs(session, shown, islice(walk.jobs, limit), fields.get("queue"), shape)
        if limit is not None and shape.form == shapes.TABLE and next(walk.jobs, None) is not None:
            which = "newest" if sort is None else "first"
            session.out.note(f"These are the {which} {limit:,}, and there are more: --limit shows them.")


def print_chosen(session: Session, queue: "Queue", jobs: Iterable[Job], name: str | None = None) -> None:
    """Print to which jobs something would be done, on a terminal as many as a person reads, and how many they are."""
    found = 0

    def counted() -> Iterator[Job]:
        nonlocal found
        for job in jobs:
            found += 1
            yield job

    all_ = counted()
    print_jobs(session, queue, islice(all_, LIMIT) if PLAIN.is_read(session) else all_, name)
    for _ in all_:
        pass
    if found:
        session.out.note(f"{count(found, 'job')} in all; nothing was done.")


def print_jobs(
    session: Session,
    queue: "Queue | Then",
    jobs: Iterable[Job],
    name: str | None = None,
    shape: Shape = PLAIN,
) -> None:
    """Print the jobs, of the queue of this name perhaps, and what they wait for; that there is none is a note."""
    parts = _parts(jobs)
    first = next(parts, None)
    every = chain([first], parts) if first else iter(())
    form = shapes.JSON if session.out.as_json else shape.form
    match form:
        case shapes.JSON:
            print_array(_documents(queue, part) for part in every)
        case shapes.LINES:
            for document in chain.from_iterable(_documents(queue, part) for part in every):
                print_line(document)
        case shapes.IDS:
            session.out.lines(job.id for part in every for job in part)
        case _ if first:
            _show(session, queue, every, shape, is_part=len(first) == PART)
    if not first and (sentence := unknown(queue, name) or (None if form == shapes.JSON else "No jobs.")):
        session.out.note(sentence)


def _show(
    session: Session, queue: "Queue | Then", parts: Iterable[Sequence[Job]], shape: Shape, *, is_part: bool
) -> None:
    now, is_read, names = time_in(queue), shape.is_read(session), shape.names(WIDE)
    ends, seen, before = Ends(), list[str](), 0

    def tables() -> Iterator[Table]:
        nonlocal before
        for part in parts:
            rows = _rows(queue, part, now, before, ends if is_read and not shape.is_wide else None)
            before += len(part)
            seen.extend(job.id for job in part[: MOST - len(seen)] if is_read)  # of very many no more is kept
            yield table(rows, names, is_part=is_part, is_numbered=is_read)

    show_long(tables(), is_whole=shape.is_wide)
    if is_read:
        remember(session, seen)


def _rows(queue: "Queue | Then", part: Sequence[Job], now: datetime, before: int, ends: Ends | None) -> list[Row]:
    waits, progress = queue.waits(part), queue.progress(part)
    if ends is not None:
        ends.learn(one.id for one in part)
    return [
        Row(one, place, one.id if ends is None else ends.shown(one.id), now, waits.get(one.id), progress.get(one.id))
        for place, one in enumerate(part, start=before + 1)
    ]


def _documents(queue: "Queue | Then", jobs: Sequence[Job]) -> Sequence[Any]:
    waits, progress = queue.waits(jobs), queue.progress(jobs)
    return [documents.waiting_job(one, waits.get(one.id), progress.get(one.id)) for one in jobs]


def _parts(jobs: Iterable[Job]) -> Iterator[Sequence[Job]]:
    coming = iter(jobs)
    while part := list(islice(coming, PART)):
        yield part
