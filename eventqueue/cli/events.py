"""`queuectl events`: the log itself, of whatever streams."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import click

from eventqueue.cli.jobs import LIMIT_MAX
from eventqueue.cli.known import JOB, QUEUE, TAG
from eventqueue.cli.options import command, show_env
from eventqueue.cli.render.progress import progress
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT, Typed, moment_option, since_of, time_of, until_of
from eventqueue.system.interrupts import on_signals
from eventqueue.telling.unknown import unknown

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.readable import Read

LIMIT = 50  # of what a person reads
PART = 200  # events that are printed at once


@command("events")
@moment_option("--since", help="From this time on")
@moment_option("--until", help="Up to this time")
@click.option("--type", "types", multiple=True, type=TEXT, help="Of this type, such as failed or worker-lost.")
@click.option("--job", type=JOB, metavar="ID", help="Of this job, and what came late for it.")
@click.option("--stream", "streams", multiple=True, type=TEXT, help="Of this stream, such as queue-mail.")
@click.option("--queue", "queue_name", type=QUEUE, help="Of this queue, and of jobs that were enqueued in it.")
@click.option("--tag", type=TAG, help="Of jobs that were enqueued with this tag.")
@click.option("--actor", type=TEXT, help="By who has this text in his name.")
@click.option("--where", multiple=True, type=TEXT, help="Such as data.exit_code=7; also != < <= > >= ~.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, LIMIT_MAX), help="The newest so many [default: all; on a terminal 50]."
)
@click.option("--reverse", is_flag=True, help="The newest first, and not last.")
@click.option("--follow", "-f", is_flag=True, help="Then those that come, until Ctrl-C.")
@show_env
@with_session
def events(
    session: Session,
    *,
    since: Typed | None,
    until: Typed | None,
    types: Sequence[str],
    job: str | None,
    streams: Sequence[str],
    queue_name: str | None,
    tag: str | None,
    actor: str | None,
    where: Sequence[str],
    limit: int | None,
    reverse: bool,
    follow: bool,
    show_env: bool,
) -> None:
    """Read the log: who did what, when, and why.

    Every event of every stream, in the order in which the log took them: jobs, late results, queues, settings,
    schedules, workers, seals and what was done to the views. What is given several times may be any of these; different
    options must all fit. A job is of the queue and the tags that it was enqueued with, to whatever they were changed
    since (--where data.now.queue=mail tells which were moved there). With --limit the newest of what fits, and these
    still in their order. With --json an object a line.

    \b
    queuectl events --since 2026-11-28T03:00 --until 2026-11-28T03:15
    queuectl events --since 1h --type cancelled --type worker-lost --limit 10
    queuectl events --job report --follow
    queuectl events --where data.exit_code=7 --where 'data.error.message~no space'
    """
    from msgspec.structs import replace

    from eventqueue.audit.conditions import parse
    from eventqueue.audit.wanted import Wanted

    if follow and (reverse or until is not None):
        raise click.UsageError("--follow goes on for ever: give neither --reverse nor --until")
    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        # What follows may be of a time that is yet to come.
        begin = time_of(since, now) if follow and since is not None else since_of(since, now)
        wanted = Wanted(
            since=begin,
            until=until_of(until, begin, now),
            types=tuple(types),
            streams=(*streams, *_of_job(queue, job)),
            actor=actor,
            queue=queue_name,
            tag=tag,
            where=tuple(map(parse, where)),
        )
        shown = _Shown(session, show_env=show_env)
        if follow:
            # Heard between two events, and not raised in the middle of the driver, which cannot be used afterwards.
            stop = threading.Event()
            on_signals([signal.SIGINT, signal.SIGTERM], stop.set, is_once=True)
            shown.follow(takewhile(lambda _: not stop.is_set(), queue.follow_events(wanted, limit or shown.usual)))
        elif (most := limit or shown.usual) is not None:
            is_sought = bool(wanted.query()) or wanted.needs_jobs  # among others, few of many perhaps
            total = queue.log_size() if since is None and until is None else None
            hidden = not is_sought or shown.usual is None or session.out.quiet
            with progress("looking", total, hidden=hidden, unit="events") as tell:
                # Not what somebody has stamped with a time that is yet to come: it would be the newest for ever. Of
                # streams that are asked for all is told, whatever its stamp.
                known = wanted if streams or job else replace(wanted, until=wanted.until or now + AHEAD)
                found = queue.events(known, reverse=True, progress=tell)
                some = list(islice(found, most))
                # Who has said how many of these wants no more: to look for one may be to look at all there is.
                has_more = not (is_sought and limit) and not session.out.as_json and next(found, None) is not None
            shown.newest(some, reverse=reverse, has_more=has_more)
            if known.until != wanted.until and next(queue.events(Wanted(since=now + AHEAD)), None) is not None:
                session.out.note("Events that are stamped with a time yet to come are left out: see `audit verify`.")
        else:
            shown.all(queue.events(wanted, reverse=reverse))
        if not (shown.number or follow):
            session.out.note(unknown(queue, queue_name) or _why_none(queue))


def _of_job(queue: "Queue", job: str | None) -> Sequence[str]:
    if job is None:
        return ()
    job_id = queue.resolve(job)
    return f"job-{job_id}", f"late-{job_id}"


def _why_none(queue: "Queue") -> str:
    from eventqueue.model.moments import moment_of
    from eventqueue.telling.zone import moment

    ends = [next(queue.events(reverse=reverse), None) for reverse in (False, True)]
    begin, end = (None if one is None else moment_of(one) for one in ends)
    if begin is None or end is None:
        return "No events: the log is empty."
    return f"No such events; the log has some from {moment(begin, 'seconds')} to {moment(end, 'seconds')}."


AHEAD = timedelta(minutes=10)  # of one machine's clock before another's


class _Shown:
    """Shows events, and counts them; `usual`: how many a person reads, None where none does."""

    def __init__(self, session: Session, *, show_env: bool) -> None:
        self._session = session
        self._show_env = show_env
        self.number = 0
        self.usual = LIMIT if sys.stdout.isatty() and not session.out.as_json else None

    def all(self, found: "Iterable[Read]") -> None:
        """Show all of them, a part after the other."""
        coming = iter(found)
        self._print(iter(lambda: list(islice(coming, PART)), []))

    def newest(self, some: "Sequence[Read]", *, reverse: bool, has_more: bool) -> None:
        """Show those that came with the newest first, and say so if there are more."""
        self.all(some if reverse else reversed(some))
        if has_more:
            self._session.out.note(f"These are the newest {len(some):,}, and there are more: --limit shows them.")

    def follow(self, coming: "Iterator[Read | None]") -> None:
        """Show those that are there, then each as it comes."""
        self._print(_as_they_come(coming), is_followed=True)

    def _print(self, parts: "Iterator[list[Read]]", *, is_followed: bool = False) -> None:
        if self._session.out.as_json:
            self._print_lines(parts)
            return
        from eventqueue.cli.render.console import show_long
        from eventqueue.cli.render.tables import events as table

        show_long((table(part) for part in self._counted(parts)), is_followed=is_followed)

    def _print_lines(self, parts: "Iterator[list[Read]]") -> None:
        from eventqueue.cli.render.printing import print_line
        from eventqueue.telling.documents import any_event

        for part in self._counted(parts):
            for one in part:
                print_line(any_event(one, show_env=self._show_env))

    def _counted(self, parts: "Iterator[list[Read]]") -> "Iterator[list[Read]]":
        for part in parts:
            self.number += len(part)
            yield part


def _as_they_come(coming: "Iterator[Read | None]") -> "Iterator[list[Read]]":
    """Yield them in parts, each at the latest when there is a pause."""
    part: list[Read] = []
    for one in coming:
        if one is not None:
            part.append(one)
        if part and (one is None or len(part) >= PART):
            yield part
            part = []
