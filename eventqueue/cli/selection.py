"""Which jobs a command is for: those named, or all that fit; and doing it to one after the other."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.progress import progress
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT
from eventqueue.cli.words import count
from eventqueue.errors import LogUnavailable, QueueError, Refused

if TYPE_CHECKING:
    from eventqueue.enqueueing import Receipt
    from eventqueue.job import Job, State
    from eventqueue.queue import Queue

PROGRESS_FROM = 100  # jobs
NAMED_MAX = 20  # of those that were not tried


@dataclass(frozen=True)
class Selection:
    """What was asked for: ids, or all with a queue and a part of the error; `is_dry`: only to be shown."""

    ids: Sequence[str]
    queue: str | None
    error: str | None
    is_dry: bool

    def jobs(self, session: Session, queue: "Queue", states: "Sequence[State]") -> "list[Job]":
        """Return all jobs in `states` that fit, oldest first; says so if the view may lack some."""
        from eventqueue.views import Filter

        jobs: list[Job] = []
        for state in states:
            listing = queue.list(Filter(state=state, queue=self.queue, error=self.error, limit=None))
            session.out.behind(listing.lag)
            jobs += reversed(listing.jobs)
        return jobs


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its session and its Selection; adds the arguments that say which jobs."""

    @click.argument("ids", nargs=-1, metavar="[ID]...", type=TEXT)
    @click.option("--all", "is_all", is_flag=True, help="All of them, not just those named.")
    @click.option("--queue", type=TEXT, help="With --all: of this queue only.")
    @click.option("--error", type=TEXT, help="With --all: with this text in the last error only.")
    @click.option("--dry-run", "is_dry", is_flag=True, help="Show which jobs it would be, and leave them.")
    @with_session
    @wraps(command)
    def call(
        session: Session, *, ids: Sequence[str], is_all: bool, queue: str | None, error: str | None, is_dry: bool
    ) -> Any:
        if bool(ids) == is_all:
            raise click.UsageError("Give the jobs' ids, or --all")
        if ids and (queue is not None or error is not None):
            raise click.UsageError("--queue and --error choose among --all")
        return command(session, Selection(tuple(dict.fromkeys(ids)), queue, error, is_dry))

    return call


def to_each(
    session: Session,
    selection: Selection,
    states: "Sequence[State]",
    act: "Callable[[Queue, str], Receipt]",
    said: str,
) -> int:
    """Do `act` to every job selected, among those in `states` where it is all; one refusal does not stop the others.

    `said` is what became of a job it was done to. Returns the exit code: 1 if any was refused.
    """
    from eventqueue.cli.documents import refusal

    with session.queue() as queue:
        jobs = [] if selection.ids else selection.jobs(session, queue, states)
        if selection.is_dry:
            _show(session, queue, jobs or [queue.get(queue.resolve(job_id)) for job_id in selection.ids])
            return 0
        ids = selection.ids or [job.id for job in jobs]
        outcomes = []
        with progress("working", len(ids), hidden=session.out.quiet or len(ids) < PROGRESS_FROM) as advance:
            for job_id in ids:
                outcome, goes_on = _do(session, act if jobs else _resolving(act), queue, job_id, said)
                outcomes.append(outcome)
                advance(1)
                if not goes_on:
                    break  # the others would wait as long, and come as far
    left = ids[len(outcomes) :]
    if left:
        session.out.refuse(f"Not tried: {count(len(left), 'job')} ({_named(left)}).")
    untried = [{**refusal(job_id, "not tried"), "is_tried": False} for job_id in left]
    session.out.document(lambda: outcomes + untried)
    if not ids:
        session.out.note("No jobs.")
    return 1 if any("error" in outcome for outcome in outcomes) else 0


def _resolving(act: "Callable[[Queue, str], Receipt]") -> "Callable[[Queue, str], Receipt]":
    """Return `act` for what is typed: an unambiguous beginning of an id."""
    return lambda queue, typed: act(queue, queue.resolve(typed))


def _do(
    session: Session, act: "Callable[[Queue, str], Receipt]", queue: "Queue", job_id: str, said: str
) -> tuple[dict[str, Any], bool]:
    """Return what became of it, and whether to go on with the next."""
    from eventqueue.cli.documents import receipt, refusal

    try:
        done = act(queue, job_id)
    except Refused as error:
        session.out.refuse(str(error))
        return refusal(job_id, str(error)), True
    except LogUnavailable as error:
        session.out.refuse(str(error))
        return {**refusal(job_id, str(error)), "in_doubt": True}, False
    except QueueError as error:
        session.out.refuse(str(error))
        return refusal(job_id, str(error)), False
    session.out.done(f"Job {done.id} {said}" if done.changed else f"Job {done.id} {said} already")
    if done.version > 2:  # whose second event is the end never ran
        say_what_still_lives(session, queue, done.id)
    return receipt(done), True


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")


def say_what_still_lives(session: Session, queue: "Queue", job_id: str) -> None:
    """Say of a cancelled job that its process may not have ended yet, if so; what cannot be read is not said."""
    with suppress(QueueError):
        if (claim := queue.ending(job_id)) is not None:
            session.out.note(
                f"Job {job_id} was running on {claim.host}: its process is being ended; `queuectl logs` then has its "
                "output"
            )


def _show(session: Session, queue: "Queue", jobs: "Sequence[Job]") -> None:
    from eventqueue.cli.listing import print_jobs

    print_jobs(session.out, jobs, queue.waits(jobs), queue.connection.ground.clock.now())
