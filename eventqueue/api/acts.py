"""The same command to many jobs: read, decided and appended a batch at a time."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import asdict, replace

from eventqueue.api.batches import Batches, check_fits, wanted_by
from eventqueue.api.bulk import Bulk, Outcome
from eventqueue.api.enqueueing import Receipt
from eventqueue.errors import IllegalTransition, InvalidInput, JobNotFound, LogUnavailable, QueueError
from eventqueue.log import loading
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.acts import ActBegun
from eventqueue.model.codec import seal
from eventqueue.model.deeds import AMEND, CANCEL, RETRY, Deed
from eventqueue.model.events import JobEvent, name_in
from eventqueue.model.job import LEGAL, Amend, Cancel, Job, Retry, State, decide
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append
from eventqueue.ports.views import Filter

OfMany = Cancel | Retry | Amend
"""What may be asked of many jobs at once."""

_DEEDS: Mapping[type[OfMany], Deed] = {Cancel: CANCEL, Retry: RETRY, Amend: AMEND}


class Acts:
    """Commands to many jobs, in the name of `actor`."""

    def __init__(self, ground: Footing, commit: GroupCommit, finder: JobFinder, *, actor: str) -> None:
        self._ground = ground
        self._commit = commit
        self._finder = finder
        self._actor = actor
        self._batches = Batches(ground, actor)

    def to_each(self, jobs: Iterable[str], command: OfMany, only: State | None = None) -> Bulk:
        """Return what acts, as Batches.bulk; `only`: jobs in another state are refused.

        What was found by a filter is held against it again.
        """
        return self._batches.bulk(jobs, _Commanding(self, command, only, wanted_by(jobs)))

    def to_one(self, job_id: str, command: OfMany) -> Receipt:
        """As `to_each`, to one job; raises why it is refused."""
        (done,) = self.to_each([job_id], command)
        if isinstance(done.outcome, QueueError):
            raise done.outcome
        return done.outcome

    def have(
        self, ids: Sequence[str], asked: "_Commanding", command: OfMany, outcomes: MutableMapping[str, Outcome]
    ) -> None:
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
                events = asked.decide(found, command, now)
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


@dataclass(frozen=True)
class _Commanding:
    """A command as a Step; `wanted`: filters, one of which each job must fit when it is done, and not only before."""

    acts: Acts
    command: OfMany
    only: State | None
    wanted: Sequence[Filter]

    def begun(self, jobs: int | None, found_by: str | None) -> ActBegun:
        """See Step."""
        command = self.command
        changes = command.changes if isinstance(command, Amend) else None
        fields = {} if changes is None else asdict(changes.fields)
        named = (name for name, value in fields.items() if value is not None)
        return ActBegun(
            what=_DEEDS[type(command)].name,
            jobs=jobs,
            filter=found_by,
            fields=(*named, *(() if changes is None else changes.unset)),
            why=command.why,
        )

    def do(self, ids: Sequence[str], act_id: str | None, outcomes: MutableMapping[str, Outcome]) -> None:
        """See Step."""
        command = self.command if act_id is None else replace(self.command, act=act_id)
        self.acts.have(ids, self, command, outcomes)

    def in_doubt(self, error: LogUnavailable) -> Sequence[str]:
        """See Step."""
        return error.ids

    def decide(self, job: Job, command: OfMany, now: datetime) -> Sequence[JobEvent]:
        """Return the events that it leads to. Raises as `job.decide`; IllegalTransition for a job that is no such."""
        if self.only is not None and job.state is not self.only:
            raise IllegalTransition(f"Job {job.id} is not {self.only}: it is {job.state}.")
        events = decide(job, command, now)
        if events:
            check_fits(job, self.wanted)
        return events
