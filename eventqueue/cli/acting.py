"""Doing something to the jobs of a selection: to each that is named, or to all that fit, once somebody has agreed."""

import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import chain, islice
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from eventqueue.cli.doing import Doing, doubted, stop
from eventqueue.cli.named import to_named
from eventqueue.cli.render.progress import progress
from eventqueue.cli.selection import Selection
from eventqueue.cli.session import Session
from eventqueue.errors import QueueError, Refused
from eventqueue.system.interrupts import STOP, interrupt, once
from eventqueue.telling.unknown import unknown
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.bulk import Acted, ActSum, Outcome
    from eventqueue.api.queue import Queue
    from eventqueue.model.deeds import Deed
    from eventqueue.model.job import State
    from eventqueue.ports.views import Filter, Found

PROGRESS_FROM = 100  # jobs
SAMPLE = 5  # jobs that are shown before somebody is asked


def to_each(session: Session, selection: Selection, doing: Doing) -> int:
    """Do it to every job selected; one refusal does not stop the others.

    Of jobs that were named each is told, of all that fit the sum. Returns the exit code: 1 if any was refused.
    """
    with session.queue() as queue:
        if selection.ids:
            return to_named(session, queue, selection, doing)
        selection.check(queue)
        wanted = _wanted(queue, selection, doing.deed)
        if selection.is_dry:
            _show(session, queue, wanted, doing.deed)
            return 0
        found = queue.find(wanted, states=doing.deed.states)
        session.out.behind(found.lag)
        if not found.ids:
            _print_sum(session, None)
            session.out.note(unknown(queue, wanted.queue) or "No jobs.")
            return _all_of(session, found)
        if not selection.is_agreed and not _is_agreed(session, queue, found, doing.deed):
            session.out.note("Nothing was done")
            return 1
        return _to_all(session, queue, found, doing) or _all_of(session, found)


def _all_of(session: Session, found: "Found") -> int:
    """Return the exit code of an act on all that was found: 1 where there may be more, of which the view had nothing.

    It was waited for, as for every list: then whoever projects is far behind, or hangs.
    """
    if found.lag.is_fresh:
        return 0
    session.out.refuse("Jobs that the view does not show yet were left as they are: ask again later for them.")
    return 1


def _wanted(queue: "Queue", selection: Selection, deed: "Deed") -> "Filter":
    from eventqueue.ports.views import Filter

    fields = selection.wanted.fields(queue.connection.ground.clock.now())
    for state in (fields.get("state"), *fields.get("state_in", ())):
        _check(deed, state)
    if not selection.wanted.is_anything:
        fields["scan"] = True  # all that are in these states are wanted
    return Filter(**fields, limit=None)


def _check(deed: "Deed", state: "State | None") -> None:
    """Raise UsageError for a state of which no job could be meant."""
    if state is not None and state not in deed.possible:
        *others, last = deed.possible
        known = f"{', '.join(others)} or {last}" if others else last
        raise click.UsageError(f"This is for jobs that are {known}: it can be done to none that is {state}")


def _show(session: Session, queue: "Queue", wanted: "Filter", deed: "Deed") -> None:
    from eventqueue.api.finding import split
    from eventqueue.cli.listing import print_chosen

    walks = [queue.walk(one, is_brief=not session.out.as_json) for one in split(wanted, deed.states)]
    session.out.behind(walks[-1].lag)
    print_chosen(session, queue, chain.from_iterable(walk.jobs for walk in walks), wanted.queue)


def _is_agreed(session: Session, queue: "Queue", found: "Found", deed: "Deed") -> bool:
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


def _to_all(session: Session, queue: "Queue", found: "Found", doing: Doing) -> int:
    printed: Acted | None = None
    with closing(doing.act(queue, found)) as acting:
        try:
            hidden = session.out.quiet or len(found) < PROGRESS_FROM
            with (
                once(STOP, lambda: stop(session, acting)) as heard,
                progress("working", len(found), hidden=hidden, unit="jobs") as advance,
            ):
                for acted in acting:
                    _print(session, doing, *acted)
                    printed = acted
                    advance(1)
        except QueueError as error:
            _tell(session, acting.sum, doing.deed, acting.doubtful)
            session.out.refuse(str(error))
            return 1
        except KeyboardInterrupt:  # the second one: what was on its way was not waited for
            acting.leave()
            for acted in acting.unread:
                if acted is not printed:
                    _print(session, doing, *acted)
            _tell(session, acting.sum, doing.deed, acting.doubtful)
            raise
    _tell(session, acting.sum, doing.deed)
    if heard and acting.sum.untried:
        raise interrupt(*heard)
    return 1 if acting.sum.refused else 0


def _print(session: Session, doing: Doing, job_id: str, outcome: "Outcome") -> None:
    if not session.out.as_json:
        return
    from eventqueue.cli.render.printing import print_line

    print_line(doing.document(job_id, outcome))


def _tell(session: Session, found: "ActSum", deed: "Deed", doubtful: Sequence[str] = ()) -> None:
    from eventqueue.telling.sums import told

    sentence = told(found, deed)
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
    from eventqueue.cli.render.printing import print_line
    from eventqueue.telling.documents import act_sum

    for job_id in doubtful:
        print_line(doubted(job_id))
    print_line(act_sum(found))
