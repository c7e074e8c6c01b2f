"""The same command to many jobs: read, decided and appended some hundred at a time.

One by one each would wait for the journal by itself: 38,800 dead jobs were retried in six minutes so, now in seconds.
"""

from collections.abc import Generator, Iterable, Iterator, MutableMapping, Sequence, Sized
from datetime import datetime
from itertools import islice

import msgspec
from msgspec.structs import asdict, replace

from eventqueue.api import enqueueing
from eventqueue.api.bulk import Acted, Bulk, Outcome, Teller
from eventqueue.api.enqueueing import Receipt, new_id
from eventqueue.api.finding import text_of_found
from eventqueue.api.jobs import stream_for
from eventqueue.audit.fitting import fits
from eventqueue.errors import IllegalTransition, InvalidInput, JobNotFound, LogUnavailable, QueueError, Unavailable
from eventqueue.log import loading
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.acts import ActBegun
from eventqueue.model.codec import seal
from eventqueue.model.events import JobEvent, name_in
from eventqueue.model.job import LEGAL, Amend, Cancel, Job, Retry, State, decide
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append
from eventqueue.ports.views import Filter, Found

OfMany = Cancel | Retry | Amend
"""What may be asked of many jobs at once."""

BATCH = enqueueing.BATCH  # jobs in one append

# Of which jobs it is done where the state is not said: what is cancelled, or dead, has to be asked for by name.
CANCELLED_OF = (State.PENDING, State.FAILED, State.PROCESSING)
RETRIED_OF = (State.FAILED, State.DEAD)
AMENDED_OF = (State.PENDING, State.FAILED)


class _Asked(msgspec.Struct, frozen=True):
    """What is asked of each job; `wanted`: filters, one of which it must fit when it is done, and not only before."""

    command: OfMany
    only: State | None = None
    wanted: tuple[Filter, ...] = ()

    def decide(self, job: Job, now: datetime) -> Sequence[JobEvent]:
        """Return the events that it leads to. Raises as `job.decide`; IllegalTransition for a job that is no such."""
        if self.only is not None and job.state is not self.only:
            raise IllegalTransition(f"Job {job.id} is not {self.only}: it is {job.state}.")
        events = decide(job, self.command, now)
        if events and self.wanted and not any(fits(job, one) for one in self.wanted):
            raise IllegalTransition(f"Job {job.id} was changed meanwhile, and fits no more: it is {job.state}.")
        return events


class Acts:
    """Commands to many jobs, in the name of `actor`."""

    def __init__(self, ground: Footing, commit: GroupCommit, finder: JobFinder, *, actor: str) -> None:
        self._ground = ground
        self._commit = commit
        self._finder = finder
        self._actor = actor
        self._teller = Teller(ground, actor)

    def to_each(self, jobs: Iterable[str], command: OfMany, only: State | None = None) -> Bulk:
        """Return what acts, and tells what becomes of each job, in order; `only`: those in another state are refused.

        What was found by a filter is held against it again. Reading from it raises LogUnavailable with the ids of
        those in doubt, or Unavailable. Where a Ctrl-C comes in between, the next BATCH are in doubt.
        """
        wanted = jobs.wanted if isinstance(jobs, Found) else ()
        asked = _Asked(command, only, wanted)
        return Bulk(len(jobs) if isinstance(jobs, Sized) else None, lambda bulk: self._each(bulk, jobs, asked))

    def _each(self, bulk: Bulk, jobs: Iterable[str], asked: _Asked) -> Generator[Acted]:
        coming = (name_in(stream_for(one)) for one in jobs)
        ids = list(islice(coming, BATCH))
        begun, end = None, self._teller.end
        if len(ids) > 1 or (ids and isinstance(jobs, Found)):  # one job that is named is told of by itself
            act_id = new_id()
            begun = self._teller.begin(act_id, _begun(asked, jobs, bulk.jobs))
            bulk.id = act_id
            asked = replace(asked, command=replace(asked.command, act=act_id))
        try:
            while ids and not bulk.is_stopped:
                yield from self._batch(bulk, ids, asked)
                ids = list(islice(coming, BATCH))
        except Unavailable:
            begun = None  # to wait for it once more would tell nobody anything
            raise
        except KeyboardInterrupt:
            end = self._teller.end_in_a_hurry
            raise
        except GeneratorExit:
            begun = begun if bulk.is_stopped else None  # who collects what was forgotten may hold any lock just then
            raise
        finally:
            if begun is not None and bulk.id is not None and bulk.is_at_home:
                end(bulk.id, begun, bulk.sum)

    def _batch(self, bulk: Bulk, ids: Sequence[str], asked: _Asked) -> Iterator[Acted]:
        outcomes: dict[str, Outcome] = {}
        open_: Sequence[str] = list(dict.fromkeys(ids))
        bulk.doubt(len(ids))
        failed: QueueError | None = None
        try:
            while open_:
                self._try(open_, asked, outcomes)
                open_ = [job_id for job_id in open_ if job_id not in outcomes]
        except QueueError as error:
            failed = error
        told = [Acted(job_id, outcomes[job_id]) for job_id in ids if job_id in outcomes]
        bulk.doubt(len(failed.ids) if isinstance(failed, LogUnavailable) else 0)
        bulk.count(told)
        yield from told
        if failed is not None:
            raise failed

    def to_one(self, job_id: str, command: OfMany) -> Receipt:
        """As `to_each`, to one job; raises why it is refused."""
        (done,) = self.to_each([job_id], command)
        if isinstance(done.outcome, QueueError):
            raise done.outcome
        return done.outcome

    def _try(self, ids: Sequence[str], asked: _Asked, outcomes: MutableMapping[str, Outcome]) -> None:
        """Add what becomes of these jobs; those that somebody else has moved on meanwhile are missing then."""
        appends: list[Append] = []
        now = self._ground.clock.now()
        there = loading.load_many(self._ground.log, self._finder, ids)
        for job_id in ids:
            shown = there.get(job_id)
            if not isinstance(shown, tuple):
                outcomes[job_id] = shown or JobNotFound(job_id)
                continue
            _, found = shown
            try:
                events = asked.decide(found, now)
            except (IllegalTransition, InvalidInput) as error:  # the latter of one such job, not of what was asked
                outcomes[job_id] = error
                continue
            if events:
                appends.append(Append(seal(found.stream, found.head, events, actor=self._actor, now=now)))
            else:
                outcomes[job_id] = Receipt(job_id, found.stream, found.version, changed=False)
        outcomes.update(self._append(appends))

    def _append(self, appends: Sequence[Append]) -> dict[str, Outcome]:
        if not appends:
            return {}
        try:
            results = self._commit.append(appends)
        except LogUnavailable as error:
            state, one = LEGAL[type(appends[0].recorded[-1].event)][1], error.ids[0]
            if len(error.ids) == 1:
                what, tells = f"job {one} was changed as asked (to {state})", f"`queuectl show {one}` tells"
            else:
                what = f"{len(error.ids):,} jobs were changed as asked (to {state}; {one} to {error.ids[-1]})"
                tells = "`queuectl show ID` tells of each"
            raise error.about(what, f"{tells}, and to ask again is safe.") from error
        outcomes: dict[str, Outcome] = {}
        for append, result in zip(appends, results, strict=True):
            job_id = name_in(append.stream)
            if result.error is not None:
                outcomes[job_id] = result.error
            elif result.is_whole:
                outcomes[job_id] = Receipt(job_id, append.stream, append.head.version)
        return outcomes


def _begun(asked: _Asked, jobs: Iterable[str], number: int | None) -> ActBegun:
    command = asked.command
    changes = command.changes if isinstance(command, Amend) else None
    fields = {} if changes is None else asdict(changes.fields)
    return ActBegun(
        what=type(command).__name__.lower(),
        jobs=number,
        filter=text_of_found(jobs) if isinstance(jobs, Found) else None,
        fields=(
            *(name for name, value in fields.items() if value is not None),
            *(() if changes is None else changes.unset),
        ),
        why=command.why,
    )
