"""Doing something to the jobs of a selection: to each that is named, or to all that fit, once somebody has agreed."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from eventqueue.cli.render.progress import progress
from eventqueue.cli.render.words import count
from eventqueue.cli.selection import Selection
from eventqueue.cli.session import Session
from eventqueue.cli.unknown import unknown
from eventqueue.errors import LogUnavailable, QueueError, Refused
from eventqueue.system.interrupts import STOP, once

if TYPE_CHECKING:
    from eventqueue.api.bulk import ActSum, Bulk
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import State
    from eventqueue.ports.views import Filter, Found

PROGRESS_FROM = 100  # jobs
NAMED_MAX = 20  # of those that were not tried
SAMPLE = 5  # jobs that are shown before somebody is asked


@dataclass(frozen=True)
class Deed:
    """What is done to jobs: `act` does it, `asks` whether to, `said` is what became of a job that it was done to.

    `states`: of which jobs it is meant where no state is named. `legal`: in which others it is possible, too.
    """

    act: "Callable[[Queue, Iterable[str]], Bulk]"
    asks: str  # such as `Cancel {}?`
    said: str
    states: "Sequence[State]"
    legal: "Sequence[State]" = ()

    def check(self, state: "State | None") -> None:
        """Raise UsageError for a state of which no job could be meant."""
        possible = dict.fromkeys((*self.states, *self.legal))
        if state is not None and state not in possible:
            *others, last = possible
            known = f"{', '.join(others)} or {last}" if others else last
            raise click.UsageError(f"This is for jobs that are {known}: it can be done to none that is {state}")

    def sentence(self, number: int) -> str:
        """Return what has become of so many jobs."""
        if number == 1:
            return f"job {self.said}"
        first, _, rest = self.said.partition(" ")
        return f"jobs {'are' if first == 'is' else first.removesuffix('s')} {rest}"


def to_each(session: Session, selection: Selection, deed: Deed) -> int:
    """Do it to every job selected; one refusal does not stop the others.

    Of jobs that were named each is told, of all that fit the sum. Returns the exit code: 1 if any was refused.
    """
    with session.queue() as queue:
        if selection.ids:
            return _to_ids(session, queue, selection, deed)
        selection.check(queue)
        wanted = _wanted(queue, selection, deed)
        if selection.is_dry:
            _show(session, queue, wanted, deed)
            return 0
        found = queue.find(wanted, states=deed.states)
        session.out.behind(found.lag)  # then the view may lack some
        if not found.ids:
            _print_sum(session, None)
            session.out.note(unknown(queue, wanted.queue) or "No jobs.")
            return 0
        if not selection.is_agreed and not _is_agreed(session, queue, found, deed):
            session.out.note("Nothing was done")
            return 1
        return _to_all(session, queue, found, deed)


def _wanted(queue: "Queue", selection: Selection, deed: Deed) -> "Filter":
    from eventqueue.ports.views import Filter

    fields = selection.wanted.fields(queue.connection.ground.clock.now())
    deed.check(fields.get("state"))
    if not selection.wanted.is_anything:
        fields["scan"] = True  # all that are in these states are wanted
    return Filter(**fields, limit=None)


def _show(session: Session, queue: "Queue", wanted: "Filter", deed: Deed) -> None:
    from eventqueue.api.finding import split
    from eventqueue.cli.listing import print_chosen

    walks = [queue.walk(one, is_brief=not session.out.as_json) for one in split(wanted, deed.states)]
    session.out.behind(walks[-1].lag)
    print_chosen(session, queue, chain.from_iterable(walk.jobs for walk in walks), wanted.queue)


# Those that are named


def _to_ids(session: Session, queue: "Queue", selection: Selection, deed: Deed) -> int:
    from eventqueue.cli.listing import print_chosen

    if selection.is_dry:
        print_chosen(session, queue, [queue.get(queue.resolve(job_id)) for job_id in selection.ids])
        return 0
    outcomes: list[dict[str, Any]] = []
    try:
        for job_id in selection.ids:
            outcome, goes_on = _do(session, queue, deed, job_id)
            outcomes.append(outcome)
            if not goes_on:
                break  # the others would wait as long, and come as far
    except KeyboardInterrupt:
        for job_id in selection.ids[len(outcomes) :][:1]:  # nobody waited for what becomes of it
            session.out.warn(f"Whether job {job_id} {deed.said} is not known: to ask again is safe.")
            outcomes.append(_doubted(job_id))
        _tell_named(session, selection.ids, outcomes)
        raise
    _tell_named(session, selection.ids, outcomes)
    return 1 if any("error" in outcome for outcome in outcomes) else 0


def _tell_named(session: Session, ids: Sequence[str], outcomes: Sequence[dict[str, Any]]) -> None:
    from eventqueue.cli.render.documents import refusal

    left = ids[len(outcomes) :]
    if left:
        session.out.refuse(f"Not tried: {count(len(left), 'job')} ({_named(left)}).")
    untried = [{**refusal(job_id, "not tried"), "is_tried": False} for job_id in left]
    session.out.document(lambda: [*outcomes, *untried])


def _doubted(job_id: str) -> dict[str, Any]:
    from eventqueue.cli.render.documents import refusal

    return {**refusal(job_id, "its outcome is unknown"), "in_doubt": True}


def _do(session: Session, queue: "Queue", deed: Deed, typed: str) -> tuple[dict[str, Any], bool]:
    """Return what became of the one job whose id begins so, and whether to go on with the next."""
    from eventqueue.cli.render.documents import receipt, refusal

    try:
        (found,) = deed.act(queue, [queue.resolve(typed)])
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
    session.out.done(f"Job {done.id} {deed.said}" if done.changed else f"Job {done.id} {deed.said} already")
    if done.version > 2:  # whose second event is the end never ran
        say_what_still_lives(session, queue, done.id)
    return receipt(done), True


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")


# All that fit


def _is_agreed(session: Session, queue: "Queue", found: "Found", deed: Deed) -> bool:
    """Show what it would be done to, and ask whether to do so. Raises Refused where nobody can be asked."""
    jobs = count(len(found), "job")
    if session.out.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        risk = f", {found.running:,} of which {_runs(found.running)}" if found.running else ""
        raise Refused(f"Nothing was done to {jobs}{risk}: --yes does it, --dry-run shows which they are.")
    if sys.stdout.isatty():
        _show_some(session, queue, found)
    if found.running:
        session.out.warn(f"{found.running:,} of them {_runs(found.running)} now, and would be killed.")
    return click.confirm(deed.asks.format(jobs), err=True)


def _runs(number: int) -> str:
    return "runs" if number == 1 else "run"


def _show_some(session: Session, queue: "Queue", found: "Found") -> None:
    from eventqueue.cli.listing import print_jobs

    walks = (queue.walk(replace(one, limit=SAMPLE), is_brief=True).jobs for one in found.wanted)
    print_jobs(session, queue, islice(chain.from_iterable(walks), SAMPLE))
    if len(found) > SAMPLE:
        session.out.note(f"… and {count(len(found) - SAMPLE, 'job')} more.")


def _to_all(session: Session, queue: "Queue", found: "Found", deed: Deed) -> int:
    told = 0
    with closing(deed.act(queue, found)) as acting:
        try:
            hidden = session.out.quiet or len(found) < PROGRESS_FROM
            with (
                once(STOP, lambda: _stop(session, acting)),
                progress("working", len(found), hidden=hidden, unit="jobs") as advance,
            ):
                for acted in acting:
                    told += 1
                    _print(session, *acted)
                    advance(1)
        except QueueError as error:
            _tell(session, acting.sum, deed, error.ids if isinstance(error, LogUnavailable) else ())
            session.out.refuse(str(error))
            return 1
        except KeyboardInterrupt:  # the second one: what was on its way was not waited for
            _tell(session, acting.sum, deed, found.ids[told : told + acting.sum.in_doubt])
            raise
    _tell(session, acting.sum, deed)
    if acting.is_stopped and acting.sum.untried:
        raise KeyboardInterrupt
    return 1 if acting.sum.refused else 0


def _stop(session: Session, acting: "Bulk") -> None:
    acting.stop()
    session.out.note("It ends once the jobs that are on their way are done; Ctrl-C again does not wait for them.")


def _print(session: Session, job_id: str, outcome: Any) -> None:
    if not session.out.as_json:
        return
    from eventqueue.cli.render.documents import print_line, receipt, refusal

    print_line(refusal(job_id, str(outcome)) if isinstance(outcome, QueueError) else receipt(outcome))


def _tell(session: Session, found: "ActSum", deed: Deed, doubtful: Sequence[str] = ()) -> None:
    all_ = found.done == found.jobs
    of = "" if all_ else f" of {found.jobs:,}"
    other = f", {found.already:,} {'was' if found.already == 1 else 'were'} so already" if found.already else ""
    act = "" if found.id is None else f" (act {found.id})"
    sentence = f"{found.done:,}{of} {deed.sentence(found.done if all_ else 0)}{other}{act}"
    (session.out.warn if found.untried or found.in_doubt else session.out.done)(sentence)
    for problem in found.problems:
        session.out.refuse(problem)
    if found.refused > len(found.problems):
        session.out.refuse(f"… and {count(found.refused - len(found.problems), 'job')} more.")
    if found.in_doubt:
        session.out.warn(f"{count(found.in_doubt, 'job')} more may be, which was not waited for: to ask again is safe.")
    _print_sum(session, found, doubtful)


def _print_sum(session: Session, found: "ActSum | None", doubtful: Sequence[str] = ()) -> None:
    if not session.out.as_json:
        return
    from eventqueue.cli.render.documents import act_sum, print_line

    for job_id in doubtful:
        print_line(_doubted(job_id))
    print_line(act_sum(found))


def say_what_still_lives(session: Session, queue: "Queue", job_id: str) -> None:
    """Say of a cancelled job that its process may not have ended yet, if so; what cannot be read is not said."""
    with suppress(QueueError):
        if (claim := queue.ending(job_id)) is not None:
            session.out.note(
                f"Job {job_id} was running on {claim.host}: its process is being ended; `queuectl logs` then has its "
                "output"
            )
