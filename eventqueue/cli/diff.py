"""`queuectl diff`: what differs between two versions of a job, or between two jobs."""

from typing import TYPE_CHECKING

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import command, show_env
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT
from eventqueue.errors import Refused
from eventqueue.system.printable import clean
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import Job


@command("diff")
@click.argument("job_id", metavar="ID", type=JOB)
@click.argument("first", metavar="VERSION|OTHER", type=TEXT)
@click.argument("second", metavar="[VERSION]", required=False, type=TEXT)
@show_env
@with_session
def diff(session: Session, job_id: str, first: str, second: str | None, *, show_env: bool) -> None:
    """Show what differs, field by field.

    Between two versions of a job, or between two jobs as they are now.

    \b
    queuectl diff report 1 4
    queuectl diff report 0199f3a2
    """
    from eventqueue.audit.differences import differences
    from eventqueue.cli.render import differing

    with session.queue() as queue:
        job_id = queue.resolve(job_id)
        if second is None:
            before, after = queue.get(job_id), queue.get(queue.resolve(first))
        else:
            before, after = _versions(queue, job_id, first, second)
    found = differences(before, after)
    if session.out.as_json or found:
        session.out.answer(
            lambda: differing.document(before, after, found, show_env=show_env),
            lambda: differing.table(before, after, found, show_env=show_env),
        )
    else:
        session.out.done("No difference")


def _versions(queue: "Queue", job_id: str, first: str, second: str) -> "tuple[Job, Job]":
    states = queue.replay(job_id)
    before, after = (_version(states[0].id, one, len(states)) for one in (first, second))
    return states[before - 1], states[after - 1]


def _version(job_id: str, text: str, last: int) -> int:
    if not text.isascii() or not text.isdigit():
        raise click.UsageError(f"{clean(text)!r} is no version: give two of them, or one other job")
    if len(text) > len(str(last)) or not 1 <= int(text) <= last:
        raise Refused(f"Job {job_id} has {count(last, 'event')}, and no version {text}.")
    return int(text)
