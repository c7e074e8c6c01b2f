"""`queuectl queue`: the queues there are, and whether workers may claim from them."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from eventqueue.cli.known import QUEUE
from eventqueue.cli.options import Group, command, with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import QUEUES, Shape, print_shaped, shaped
from eventqueue.cli.then import At, seen_at, time_in, with_at
from eventqueue.cli.values import TEXT
from eventqueue.errors import QueueError
from eventqueue.model.names import meant
from eventqueue.system.printable import clean
from eventqueue.telling.unknown import WHERE

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.pause import Pause

queue_ = Group("queue", help="Queues: what is in them, and holding them back.")


@command("list")
@shaped(QUEUES)
@with_at
@with_session
def list_(session: Session, at: At, *, shape: Shape) -> None:
    """List the queues that ever had a job or are paused.

    Each with its jobs by state; a paused one with since when, by whom and why.

    \b
    queuectl queue list
    queuectl queue list --at 2h
    queuectl queue list -o ids
    """
    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    with session.queue() as queue:
        if at is None:
            session.out.behind(queue.connection.views.refresh())
        shown = seen_at(session, queue, at)
        found, now = shown.queues(), time_in(shown)
    if found or session.out.as_json:
        print_shaped(
            session,
            shape,
            lambda: [documents.queue(one) for one in found],
            lambda: [one.name for one in found],
            lambda: tables.queues(found, now, shape.names(QUEUES)),
        )
    else:
        session.out.note("No queue has had a job yet: `queuectl enqueue` adds one.")


@command("pause")
@click.argument("name", type=QUEUE)
@click.option("--why", type=TEXT, help="The reason, shown wherever the queue is shown.")
@with_session
def pause(session: Session, name: str, why: str | None) -> None:
    """Hold a queue back: workers claim nothing more of it.

    All workers obey within a second. What runs goes on to its end, and jobs may be enqueued as ever; they wait. A
    queue that is paused already stays so, with the reason that it has.

    \b
    queuectl queue pause mail --why "the mail server moves"
    """
    from eventqueue.telling import documents

    with session.queue() as queue:
        done = queue.pause_queue(name, why)
        session.out.document(lambda: documents.switched(done))
        assert done.pause is not None
        if done.is_new:
            session.out.done(f"Queue {name} is paused")
            _note_unknown(session, queue, name)
        else:
            session.out.done(f"Queue {name} is paused already, {_since(done.pause)}")


@command("resume")
@click.argument("name", type=QUEUE)
@with_why
@with_session
def resume(session: Session, name: str, why: str | None) -> None:
    """Let workers claim from a paused queue again.

    \b
    queuectl queue resume mail
    """
    from eventqueue.telling import documents

    with session.queue() as queue:
        done = queue.resume_queue(name, why)
        session.out.document(lambda: documents.switched(done))
        if done.is_new:
            session.out.done(f"Queue {name} is resumed")
        else:
            session.out.done(f"Queue {name} is not paused")
            _note_unknown(session, queue, name)


def _since(pause: "Pause") -> str:
    from eventqueue.telling.zone import moment

    why = f": {clean(pause.why)}" if pause.why else ""
    return f"since {moment(pause.since, 'seconds')} by {clean(pause.by)}{why}"


def _note_unknown(session: Session, queue: "Queue", name: str) -> None:
    """Say so where the name may be mistyped; a queue may well be paused before its first job."""
    with suppress(QueueError):  # it is paused, whatever is known of the queue
        queue.connection.views.refresh()
        known = queue.connection.views.counts()
        if name not in known:
            session.out.note(f"No job was ever in queue {name}{meant(name, known)}: {WHERE}.")


for one in (list_, pause, resume):
    queue_.add_command(one)
