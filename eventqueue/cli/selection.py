"""Which jobs a command is for: those named, or all that fit; and doing it to them."""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.known import JOB, QUEUE
from eventqueue.cli.options import with_why
from eventqueue.cli.render.progress import progress
from eventqueue.cli.render.words import count
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.unknown import unknown
from eventqueue.cli.values import FINGERPRINT, TEXT
from eventqueue.errors import LogUnavailable, QueueError, Refused

if TYPE_CHECKING:
    from eventqueue.api.bulk import Acted
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import State
    from eventqueue.ports.views import Filter

PROGRESS_FROM = 100  # jobs
NAMED_MAX = 20  # of those that were not tried


@dataclass(frozen=True)
class Selection:
    """What was asked for, and why: ids, or all with a queue, task, error or its kind; `is_dry`: only to be shown."""

    ids: Sequence[str]
    queue: str | None
    task: str | None
    error: str | None
    fingerprint: str | None
    is_dry: bool
    why: str | None = None

    @property
    def reason(self) -> str:
        """Why it is done, as the log tells it."""
        return self.why or "asked for"

    def filters(self, states: "Sequence[State]") -> "list[Filter]":
        """Return what to look for where it is all jobs in `states` that fit."""
        from msgspec.structs import replace

        from eventqueue.ports.views import Filter

        wanted = Filter(queue=self.queue, task=self.task, error=self.error, fingerprint=self.fingerprint, limit=None)
        wanted = replace(wanted, scan=True)  # of those in these states, however many
        return [replace(wanted, state=state) for state in states]


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its session and its Selection; adds the arguments that say which jobs."""

    @click.argument("ids", nargs=-1, metavar="[ID]...", type=JOB)
    @click.option("--all", "is_all", is_flag=True, help="All of them, not just those named.")
    @click.option("--queue", type=QUEUE, help="With --all: of this queue only.")
    @click.option("--task", type=TEXT, help="With --all: of this Python task only.")
    @click.option("--error", type=TEXT, help="With --all: with this text in the last error only.")
    @with_why
    @click.option(
        "--fingerprint", type=FINGERPRINT, help="With --all: with this kind of last error only, see `errors`."
    )
    @click.option("--dry-run", "is_dry", is_flag=True, help="Show which jobs it would be, and leave them.")
    @with_session
    @wraps(command)
    def call(
        session: Session,
        *,
        ids: Sequence[str],
        is_all: bool,
        queue: str | None,
        task: str | None,
        error: str | None,
        fingerprint: str | None,
        is_dry: bool,
        why: str | None,
    ) -> Any:
        if bool(ids) == is_all:
            raise click.UsageError("Give the jobs' ids, or --all")
        if ids and any(one is not None for one in (queue, task, error, fingerprint)):
            raise click.UsageError("--queue, --task, --error and --fingerprint choose among --all")
        return command(session, Selection(tuple(dict.fromkeys(ids)), queue, task, error, fingerprint, is_dry, why))

    return call


Act = Callable[["Queue", Iterable[str]], "Iterator[Acted]"]
"""What is done to jobs, some hundred at a time."""


def to_each(session: Session, selection: Selection, states: "Sequence[State]", act: Act, said: str) -> int:
    """Do `act` to every job selected, among those in `states` where it is all; one refusal does not stop the others.

    `said` is what became of a job it was done to. Of jobs that were named each is told, of all there are the sum.
    Returns the exit code: 1 if any was refused.
    """
    with session.queue() as queue:
        if selection.is_dry:
            _show(session, queue, selection, states)
            return 0
        if selection.ids:
            return _to_named(session, queue, selection.ids, act, said)
        ids: list[str] = []
        for found in (finds := [queue.find(wanted) for wanted in selection.filters(states)]):
            ids += found.ids
        session.out.behind(finds[-1].lag)  # then the view may lack some
        if not ids:
            session.out.document(list)
            session.out.note(unknown(queue, selection.queue) or "No jobs.")
            return 0
        # One that went from one of the states to another meanwhile was found twice.
        return _to_all(session, queue, list(dict.fromkeys(ids)), act, said)


def _show(session: Session, queue: "Queue", selection: Selection, states: "Sequence[State]") -> None:
    from eventqueue.cli.listing import print_chosen

    if selection.ids:
        print_chosen(session, queue, [queue.get(queue.resolve(job_id)) for job_id in selection.ids])
        return
    walks = [queue.walk(wanted, is_brief=not session.out.as_json) for wanted in selection.filters(states)]
    session.out.behind(walks[-1].lag)
    print_chosen(session, queue, chain.from_iterable(walk.jobs for walk in walks), selection.queue)


def _to_named(session: Session, queue: "Queue", ids: Sequence[str], act: Act, said: str) -> int:
    from eventqueue.cli.render.documents import refusal

    outcomes: list[dict[str, Any]] = []
    for job_id in ids:
        outcome, goes_on = _do(session, act, queue, job_id, said)
        outcomes.append(outcome)
        if not goes_on:
            break  # the others would wait as long, and come as far
    left = ids[len(outcomes) :]
    if left:
        session.out.refuse(f"Not tried: {count(len(left), 'job')} ({_named(left)}).")
    untried = [{**refusal(job_id, "not tried"), "is_tried": False} for job_id in left]
    session.out.document(lambda: outcomes + untried)
    return 1 if any("error" in outcome for outcome in outcomes) else 0


def _do(session: Session, act: Act, queue: "Queue", typed: str, said: str) -> tuple[dict[str, Any], bool]:
    """Return what became of the one job whose id begins so, and whether to go on with the next."""
    from eventqueue.cli.render.documents import receipt, refusal

    try:
        (found,) = act(queue, [queue.resolve(typed)])
        done = found.outcome
        if isinstance(done, QueueError):
            raise done
    except Refused as error:
        session.out.refuse(str(error))
        return refusal(typed, str(error)), True
    except LogUnavailable as error:
        session.out.refuse(str(error))
        return {**refusal(typed, str(error)), "in_doubt": True}, False
    except QueueError as error:
        session.out.refuse(str(error))
        return refusal(typed, str(error)), False
    session.out.done(f"Job {done.id} {said}" if done.changed else f"Job {done.id} {said} already")
    if done.version > 2:  # whose second event is the end never ran
        say_what_still_lives(session, queue, done.id)
    return receipt(done), True


@dataclass
class _Sum:
    """What became of jobs so far; each by itself only for a document, since they may be very many."""

    done: int = 0
    refused: list[str] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def add(self, acted: "Acted", *, is_kept: bool) -> None:
        from eventqueue.cli.render.documents import receipt, refusal

        job_id, outcome = acted
        self.told.add(job_id)
        if isinstance(outcome, QueueError):
            self.refused.append(str(outcome))
            document = refusal(job_id, str(outcome))
        else:
            self.done += 1
            document = receipt(outcome)
        if is_kept:
            self.outcomes.append(document)


def _to_all(session: Session, queue: "Queue", ids: Sequence[str], act: Act, said: str) -> int:
    from eventqueue.api.acts import BATCH

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was done is told then, too
    found = _Sum()
    try:
        hidden = session.out.quiet or len(ids) < PROGRESS_FROM
        with progress("working", len(ids), hidden=hidden, unit="jobs") as advance:
            for acted in act(queue, ids):
                found.add(acted, is_kept=session.out.as_json)
                advance(1)
    except QueueError as error:
        doubtful = error.ids if isinstance(error, LogUnavailable) else ()
        _tell(session, found, ids, said, is_whole=False, doubtful=doubtful)
        session.out.refuse(str(error))
        return 1
    except KeyboardInterrupt:
        # A batch is told of when all of it is done: the one that was on its way may be.
        on_its_way = [job_id for job_id in ids if job_id not in found.told][:BATCH]
        _tell(session, found, ids, said, is_whole=False, doubtful=on_its_way)
        raise
    _tell(session, found, ids, said, is_whole=True)
    return 1 if found.refused else 0


def _tell(
    session: Session, found: _Sum, ids: Sequence[str], said: str, *, is_whole: bool, doubtful: Sequence[str] = ()
) -> None:
    from eventqueue.cli.render.documents import refusal

    of = f" of {len(ids):,}" if found.done < len(ids) else ""
    what = f"job {said}" if found.done == 1 and not of else f"jobs {said.replace('is', 'are', 1)}"
    (session.out.done if is_whole else session.out.warn)(f"{found.done:,}{of} {what}")
    for problem in found.refused[:NAMED_MAX]:
        session.out.refuse(problem)
    if len(found.refused) > NAMED_MAX:
        session.out.refuse(f"… and {count(len(found.refused) - NAMED_MAX, 'job')} more.")
    in_doubt = set(doubtful)
    others = [
        {**refusal(job_id, "its outcome is unknown"), "in_doubt": True}
        if job_id in in_doubt
        else {**refusal(job_id, "not tried"), "is_tried": False}
        for job_id in ids
        if job_id not in found.told
    ]
    if in_doubt and not is_whole:
        session.out.warn(f"{count(len(in_doubt), 'job')} more may be, which was not waited for: to ask again is safe.")
    session.out.document(lambda: found.outcomes + others)


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
