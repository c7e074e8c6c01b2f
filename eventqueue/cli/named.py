"""Doing something to jobs that are named: those that are not there are told before anything is done to the others."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from eventqueue.cli.doing import Doing, doubted, refused, stop
from eventqueue.cli.selection import Selection
from eventqueue.cli.session import Session
from eventqueue.errors import QueueError, Refused
from eventqueue.system.interrupts import STOP, interrupt, once
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.bulk import Bulk
    from eventqueue.api.queue import Queue

NAMED_MAX = 20  # of those that were not tried

Told = dict[str, dict[str, Any]]
"""What became of jobs as documents, by how they were named."""


def to_named(session: Session, queue: "Queue", selection: Selection, doing: Doing) -> int:
    """Do it to all of these jobs, as one act where they are several.

    Returns the exit code: 1 if any was refused, or not tried since the database refused, or did not answer.
    """
    if selection.is_dry:
        from eventqueue.cli.listing import print_chosen

        print_chosen(session, queue, [queue.get(queue.resolve(job_id)) for job_id in selection.ids])
        return 0
    told: Told = {}
    found = _resolved(session, queue, selection.ids, told)
    meant = [one for one in selection.ids if one in told or one in found.values()]
    try:
        _do(session, queue, doing, found, told)
    finally:
        _end(session, meant, told)
    return 1 if any(one not in told or "error" in told[one] for one in meant) else 0


def _resolved(session: Session, queue: "Queue", ids: Sequence[str], told: Told) -> Mapping[str, str]:
    """Return as what each job was named, by its id; of those that are none it is told."""
    found: dict[str, str] = {}
    for typed in ids:
        try:
            found.setdefault(queue.resolve(typed), typed)
        except Refused as error:
            session.out.refuse(str(error))
            told[typed] = refused(typed, error)
    return found


def _do(session: Session, queue: "Queue", doing: Doing, found: Mapping[str, str], told: Told) -> None:
    """Do it, and add what becomes of each; of those that nothing is added of it was not tried."""
    with closing(doing.act(queue, [*found])) as acting, _all_told(session, acting, doing, found, told):
        try:
            # One that is asked for by itself is waited for, or not.
            with once(STOP, lambda: stop(session, acting)) if len(found) > 1 else nullcontext(()) as heard:
                for job_id, outcome in acting:
                    if isinstance(outcome, QueueError):
                        session.out.refuse(str(outcome))
                    else:
                        doing.tell(session, queue, job_id, outcome)
                    told[found[job_id]] = doing.document(found[job_id], outcome)
        except QueueError as error:  # the others would wait as long, and come as far
            session.out.refuse(str(error))
            told.update({found[one]: {**refused(found[one], error), "in_doubt": True} for one in acting.doubtful})
        except KeyboardInterrupt:
            acting.leave()
            for one in acting.doubtful:
                session.out.warn(f"Whether job {one} {doing.deed.said} is not known: to ask again is safe.")
                told[found[one]] = doubted(found[one])
            raise
        if heard and acting.sum.untried:
            raise interrupt(*heard)


@contextmanager
def _all_told(session: Session, acting: "Bulk", doing: Doing, found: Mapping[str, str], told: Told) -> Generator[None]:
    """Tell what is known of jobs by then of which nobody was told, where something has ended it in between."""
    try:
        yield
    finally:
        unread = [one for one in acting.unread if found[one.job_id] not in told]
        told.update({found[job_id]: doing.document(found[job_id], outcome) for job_id, outcome in unread})
        refused_ = [found[job_id] for job_id, outcome in unread if isinstance(outcome, QueueError)]
        done = [found[job_id] for job_id, outcome in unread if not isinstance(outcome, QueueError)]
        if done:
            more = f"{len(done):,} more {doing.deed.sentence(len(done))}"
            session.out.warn(f"{more}, which was not told one by one ({named(done)}).")
        if refused_:
            session.out.warn(f"Refused, which was not told: {count(len(refused_), 'job')} ({named(refused_)}).")


def _end(session: Session, ids: Sequence[str], told: Told) -> None:
    from eventqueue.telling.documents import refusal

    left = [one for one in ids if one not in told]
    if left:
        session.out.refuse(f"Not tried: {count(len(left), 'job')} ({named(left)}).")
    untried = {one: {**refusal(one, "not tried", None), "is_tried": False} for one in left}
    session.out.document(lambda: [{**told, **untried}[one] for one in ids])


def named(ids: Sequence[str]) -> str:
    """Return the ids, of many the first."""
    return ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")
