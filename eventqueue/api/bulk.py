"""An act on many jobs: what became of each while it is done, the sum of it, and both told in the log as one act.

The act is begun in its stream before the first event that names it, and ended there when it ends: after a Ctrl-C, too,
and where it is closed, but not where the database does not answer any more, nor where it is merely forgotten.
"""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import msgspec

from eventqueue.api.enqueueing import Receipt
from eventqueue.errors import LogUnavailable, QueueError
from eventqueue.log.insist import insist
from eventqueue.model.acts import CATEGORY, ActBegun, ActEnded
from eventqueue.model.events import EMPTY, Head, Recorded, stream_of
from eventqueue.ports.footing import Footing
from eventqueue.system import forks

PROBLEMS_MAX = 20  # of jobs that were refused
HURRY_S = 2.0  # for the log to take an act's end, where whoever asked waits for nothing more

Outcome = Receipt | QueueError


class Acted(NamedTuple):
    """What became of one job: a receipt, or why it was refused."""

    job_id: str
    outcome: Outcome


class ActSum(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the jobs of an act, by now or in the end; all of it together is `jobs`, where that is known.

    `id`: of the act, as the log has it; None of a single job, and of none. `already`: were so before. `in_doubt`: were
    changed or not, which nobody waited for. `problems`: why jobs were refused, of the first PROBLEMS_MAX.
    """

    id: str | None = None
    jobs: int | None = None
    done: int = 0
    already: int = 0
    refused: int = 0
    untried: int = 0
    in_doubt: int = 0
    problems: tuple[str, ...] = ()


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An act on many jobs as the log tells of it; `sum`: None while it goes on, or where its end could not be told."""

    id: str
    what: str
    by: str
    begun_at: datetime
    jobs: int | None
    filter: str | None  # as a text, empty: all that it is for; None: jobs were named
    why: str | None
    ended_at: datetime | None
    sum: ActSum | None


class Bulk(Iterator[Acted]):
    """Acts while what became of each job, in order, is read from it.

    `doubtful`: the ids of jobs of which it is not known by now; `unread`: what is known and was not read yet, and what
    was read last: whoever reads may be interrupted with that in hand.
    """

    def __init__(self, jobs: int | None, act: Callable[["Bulk"], Generator[Acted]]) -> None:
        self.id: str | None = None
        self.jobs = jobs
        self.is_stopped = False
        self.is_left = False
        self.doubtful: Sequence[str] = ()
        self._told: Sequence[Acted] = ()
        self._read = 0  # of these, but for the last
        self._counts = dict.fromkeys(("done", "already", "refused"), 0)
        self._problems: list[str] = []
        self._maker = os.getpid()
        self._acting = act(self)
        self._found = forks.at_home(self._acting)

    def __next__(self) -> Acted:
        return next(self._found)

    @property
    def is_at_home(self) -> bool:
        """Whether this is the process that made it: what is left of it in a child of that one does nothing."""
        return os.getpid() == self._maker

    def stop(self) -> None:
        """Have no more jobs tried; what was done, or is being done just now, is still read from it."""
        self.is_stopped = True

    def close(self) -> None:
        """End it here: as `stop`, but without reading on."""
        self.stop()
        self._acting.close()

    def leave(self) -> None:
        """As `close`, where nobody waits any more: for the log to take that it ended HURRY_S at most."""
        self.is_left = True
        self.close()

    def told(self, found: Sequence[Acted]) -> Iterator[Acted]:
        """Add what became of jobs, and yield it."""
        self._count(found)
        self._told, self._read = found, 0
        for self._read, one in enumerate(found):
            yield one
        self._told = ()

    @property
    def unread(self) -> Sequence[Acted]:
        """See above."""
        return self._told[self._read :]

    def _count(self, found: Sequence[Acted]) -> None:
        told: set[str] = set()
        for job_id, outcome in found:
            if isinstance(outcome, QueueError):
                self._counts["refused"] += 1
                if len(self._problems) < PROBLEMS_MAX:
                    self._problems.append(str(outcome))
            else:  # of a job that was named twice the second one changed nothing
                self._counts["done" if outcome.changed and job_id not in told else "already"] += 1
            told.add(job_id)

    def doubt(self, ids: Sequence[str]) -> None:
        """Say of which jobs it is not known what became of them."""
        self.doubtful = ids

    @property
    def sum(self) -> ActSum:
        """What has become of the jobs by now."""
        doubts = len(self.doubtful)
        untried = 0 if self.jobs is None else max(0, self.jobs - sum(self._counts.values()) - doubts)
        return ActSum(
            id=self.id,
            jobs=self.jobs,
            untried=untried,
            in_doubt=doubts,
            problems=tuple(self._problems),
            **self._counts,
        )


class Teller:
    """Tells the log of acts, in the name of `actor`."""

    def __init__(self, ground: Footing, actor: str) -> None:
        self._ground = ground
        self._actor = actor

    def begin(self, act_id: str, event: ActBegun) -> Head:
        """Tell that an act begins. Raises Unavailable, with nothing done to any job."""
        try:
            return self._tell(act_id, EMPTY, event)
        except LogUnavailable as error:
            raise error.about("the act was begun", "Nothing was done to any job: to ask again is safe.") from error

    def end(self, act_id: str, begun: Head, found: ActSum) -> None:
        """Tell what became of its jobs, if that can be told: it must stop nobody from learning it here."""
        told = ("done", "already", "refused", "untried", "in_doubt")
        with suppress(QueueError):
            self._tell(act_id, begun, ActEnded(**{name: getattr(found, name) for name in told}))

    def end_in_a_hurry(self, act_id: str, begun: Head, found: ActSum) -> None:
        """As `end`, and wait for that HURRY_S at most: a database that is silent is asked for ten times as long."""
        telling = threading.Thread(target=self.end, args=(act_id, begun, found), name="act", daemon=True)
        telling.start()
        telling.join(HURRY_S)

    def _tell(self, act_id: str, head: Head, event: ActBegun | ActEnded) -> Head:
        now = self._ground.clock.now
        append = insist(
            self._ground.log, stream_of(CATEGORY, act_id), lambda: (head, [event]), actor=self._actor, now=now
        )
        assert append is not None
        return append.head


def act_of(act_id: str, history: Sequence[Recorded]) -> Act | None:
    """Return an act by its events; None where they do not begin as one."""
    if not history or not isinstance(begun := history[0].event, ActBegun):
        return None
    end = next((one for one in history[1:] if isinstance(one.event, ActEnded)), None)
    return Act(
        id=act_id,
        what=begun.what,
        by=history[0].actor,
        begun_at=history[0].at,
        jobs=begun.jobs,
        filter=begun.filter,
        why=begun.why,
        ended_at=None if end is None else end.at,
        sum=None if end is None else _sum_of(act_id, begun, end.event),
    )


def _sum_of(act_id: str, begun: ActBegun, ended: object) -> ActSum:
    assert isinstance(ended, ActEnded)
    told = {name: getattr(ended, name) for name in ended.__struct_fields__}
    return ActSum(id=act_id, jobs=begun.jobs, **told)


def drained(bulk: Bulk, progress: Callable[[int], object]) -> ActSum:
    """Return what became of all jobs once it has; `progress` is told the number so far."""
    for number, _ in enumerate(bulk, start=1):
        progress(number)
    return bulk.sum
