"""`queuectl dlq`: the dead letter queue, jobs of which every attempt failed."""

from functools import partial

import click

from eventqueue.cli.acting import to_each
from eventqueue.cli.doing import Doing
from eventqueue.cli.filters import Wanted, filtering
from eventqueue.cli.jobs import limited
from eventqueue.cli.known import JOB
from eventqueue.cli.options import Group, command, with_why
from eventqueue.cli.selection import Selection, selecting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import IGNORED, JOBS, Shape, print_shaped, shaped
from eventqueue.cli.sorting import sorting
from eventqueue.cli.then import At, seen_at, time_in, with_at
from eventqueue.cli.values import FINGERPRINT, SUCH_COMING, WHEN_AHEAD, Typed, coming_at

DISCARDED = "discarded from the dead letter queue"

dlq = Group("dlq", help="The dead letter queue: jobs of which every attempt failed.")


@command("list")
@partial(filtering, without="state")
@click.option("--after", type=JOB, metavar="ID", help="Those that are listed after this job.")
@sorting
@shaped(JOBS)
@limited
@with_session
def list_(
    session: Session, *, wanted: Wanted, after: str | None, sort: str | None, shape: Shape, limit: int | None
) -> None:
    """List dead jobs, those that died last first.

    Which ones, and in what shape, is said as to `queuectl list`.

    \b
    queuectl dlq list --limit 10
    queuectl dlq list --wide
    queuectl dlq list --queue mail 'error~"no space"'
    """
    from eventqueue.cli.listing import print_newest
    from eventqueue.model.job import State

    print_newest(session, limit, wanted.of(State.DEAD), after=after, shape=shape, sort=sort)


@command("retry")
@selecting
def retry(session: Session, selection: Selection) -> int:
    """Bring dead jobs back to pending, with a new budget of retries.

    Which ones is said by ids, or as to `queuectl list`. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl dlq retry 'error~"connection refused"' --dry-run
    queuectl dlq retry --all --yes
    """
    from eventqueue.model.deeds import RETRY
    from eventqueue.model.job import State

    why, dead = selection.reason, State.DEAD
    doing = Doing(RETRY.of(dead), lambda queue, ids: queue.retry_many(ids, why, only=dead))
    return to_each(session, selection, doing)


@command("discard")
@selecting
def discard(session: Session, selection: Selection) -> int:
    """Give dead jobs up: they become cancelled, and stay in the log.

    Which ones is said by ids, or as to `queuectl list`. Where they are not named by their ids it shows some, and asks.

    \b
    queuectl dlq discard report
    queuectl dlq discard --queue mail --dry-run
    """
    from eventqueue.model.deeds import DISCARD
    from eventqueue.model.job import State

    why = selection.why or DISCARDED
    doing = Doing(DISCARD, lambda queue, ids: queue.cancel_many(ids, why, only=State.DEAD))
    return to_each(session, selection, doing)


@command("ignore")
@click.argument("fingerprint", type=FINGERPRINT)
@click.option("--until", type=WHEN_AHEAD, help=f"Heed them again then, {SUCH_COMING}.")
@with_why
@with_session
def ignore(session: Session, fingerprint: str, until: Typed | None, why: str | None) -> None:
    """Let failures of a kind be, as known.

    From then on `queuectl errors` leaves them out and says how many there are, and the web page shows them apart:
    of all queues, also those to come, until a time or until they are heeded again. Their jobs stay as they are, and can
    be retried and discarded as ever. To say it again sets the time anew, or none, and the reason, if one is given.

    \b
    queuectl dlq ignore 8aec858657 --until 18:00Z --why "the mirror is being mended"
    """
    from eventqueue.telling import documents
    from eventqueue.telling.zone import moment

    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        ends = None if until is None else coming_at(until, now, "until")
        done = queue.ignore_errors(fingerprint, until=ends, why=why)
        session.out.document(lambda: documents.regarded(done))
        again = "" if done.is_new else " already"
        session.out.done(
            f"Errors {fingerprint} are ignored{again}" + ("" if ends is None else f", until {moment(ends)}")
        )


@command("unignore")
@click.argument("fingerprint", type=FINGERPRINT)
@with_why
@with_session
def unignore(session: Session, fingerprint: str, why: str | None) -> None:
    """Heed failures of a kind again.

    \b
    queuectl dlq unignore 8aec858657
    """
    from eventqueue.telling import documents

    with session.queue() as queue:
        done = queue.unignore_errors(fingerprint, why)
        session.out.document(lambda: documents.regarded(done))
        session.out.done(f"Errors {fingerprint} are {'heeded again' if done.is_new else 'not ignored'}")


@command("ignored")
@shaped(IGNORED)
@with_at
@with_session
def ignored(session: Session, at: At, *, shape: Shape) -> None:
    """List the kinds of failures that are ignored.

    The newest first, those too of which there is none now: each with since when, by whom, until when and why.
    `queuectl dlq unignore` has one be heeded again.

    \b
    queuectl dlq ignored
    queuectl dlq ignored --at 2h
    queuectl dlq ignored -o ids
    """
    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    with session.queue() as queue:
        shown = seen_at(session, queue, at)
        found, now = shown.ignored_errors(), time_in(shown)
    print_shaped(
        session,
        shape,
        lambda: [documents.plain(one) for one in found],
        lambda: [one.fingerprint for one in found],
        lambda: [tables.ignored(found, now, shape.names(IGNORED))] if found else [],
    )
    if not found:
        session.out.note("No kind of failure is ignored.")


for one in (list_, retry, discard, ignore, unignore, ignored):
    dlq.add_command(one)
