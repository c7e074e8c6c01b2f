"""A list of jobs, as `list`, `dlq list` and every `--dry-run` print it: however many, part after part."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from eventqueue.cli.filters import Wanted
from eventqueue.cli.render import documents, tables
from eventqueue.cli.render.console import show_long
from eventqueue.cli.render.words import count
from eventqueue.cli.session import Session
from eventqueue.cli.then import At, seen_at, time_in
from eventqueue.cli.unknown import unknown
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then

LIMIT = 50  # of what a person reads
PART = 200  # jobs that are read, and printed, at once


def print_newest(
    session: Session, limit: int | None, wanted: Wanted, at: At = None, *, after: str | None = None, **more: Any
) -> None:
    """Print the newest jobs that fit, and on stderr how far the view that they are from is behind.

    `at`: those that were there then. `after`: those that are listed behind this one. `more`: fields of a Filter that
    must hold besides. `limit`: so many at most. None: all, but on a terminal as many as a person reads; that there are
    more is said there.
    """
    from eventqueue.audit.filters import joined

    if limit is None and sys.stdout.isatty() and not session.out.as_json:
        limit = LIMIT
    with session.queue() as queue:
        shown = seen_at(session, queue, at)
        fields = joined(wanted.fields(time_in(shown)), more)
        fields["after"] = None if after is None else queue.resolve(after)
        # One more than is shown tells whether there are more.
        filter_ = Filter(**fields, limit=None if limit is None else limit + 1)
        walk = shown.walk(filter_, is_brief=not session.out.as_json)
        session.out.behind(walk.lag)
        print_jobs(session, shown, islice(walk.jobs, limit), fields.get("queue"))
        if limit is not None and not session.out.as_json and next(walk.jobs, None) is not None:
            session.out.note(f"These are the newest {limit:,}, and there are more: --limit shows them.")


def print_chosen(session: Session, queue: "Queue", jobs: Iterable[Job], name: str | None = None) -> None:
    """Print to which jobs something would be done, on a terminal as many as a person reads, and how many they are."""
    found = 0

    def counted() -> Iterator[Job]:
        nonlocal found
        for job in jobs:
            found += 1
            yield job

    all_ = counted()
    is_read = sys.stdout.isatty() and not session.out.as_json
    print_jobs(session, queue, islice(all_, LIMIT) if is_read else all_, name)
    for _ in all_:
        pass
    if found:
        session.out.note(f"{count(found, 'job')} in all; nothing was done.")


def print_jobs(session: Session, queue: "Queue | Then", jobs: Iterable[Job], name: str | None = None) -> None:
    """Print the jobs, of the queue of this name perhaps, and what they wait for; that there is none is a note."""
    parts = _parts(jobs)
    first = next(parts, None)
    every = chain([first], parts) if first else ()
    if session.out.as_json:
        documents.print_array(_documents(queue, part) for part in every)
    elif first:
        now = time_in(queue)
        is_part = len(first) == PART
        show_long(tables.jobs(part, queue.waits(part), queue.progress(part), now, is_part=is_part) for part in every)
    if not first and (sentence := unknown(queue, name) or (None if session.out.as_json else "No jobs.")):
        session.out.note(sentence)


def _documents(queue: "Queue | Then", jobs: Sequence[Job]) -> Sequence[Any]:
    waits, progress = queue.waits(jobs), queue.progress(jobs)
    return [documents.waiting_job(one, waits.get(one.id), progress.get(one.id)) for one in jobs]


def _parts(jobs: Iterable[Job]) -> Iterator[Sequence[Job]]:
    coming = iter(jobs)
    while part := list(islice(coming, PART)):
        yield part
