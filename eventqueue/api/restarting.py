"""Restarting jobs that have ended, a batch at a time: one append each, of the new job's first event.

Its id is that of no other restart, so whoever comes second is told of the job that is there.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import asdict, replace

from eventqueue.api.batches import Batches, check_fits, wanted_by
from eventqueue.api.bulk import Bulk, Outcome
from eventqueue.api.enqueueing import Existing, Receipt
from eventqueue.api.jobs import stream_for
from eventqueue.errors import AlreadyRestarted, JobNotFound, LogCorrupt, LogUnavailable, QueueError, Refused
from eventqueue.log import loading
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.acts import ActBegun
from eventqueue.model.amending import Changes
from eventqueue.model.codec import seal
from eventqueue.model.deeds import RESTART
from eventqueue.model.events import EMPTY, Enqueued, Recorded, name_in, stream_of
from eventqueue.model.job import FINAL, Job
from eventqueue.model.restarting import difference, restarted, successor, successors
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append
from eventqueue.ports.views import Filter


class Restarting:
    """Restarts jobs of the log on `ground`, in the name of `actor`."""

    def __init__(self, ground: Footing, commit: GroupCommit, finder: JobFinder, *, actor: str) -> None:
        self._ground = ground
        self._commit = commit
        self._finder = finder
        self._actor = actor
        self._batches = Batches(ground, actor)

    def each(self, job_ids: Iterable[str], asked: Changes, why: str | None) -> Bulk:
        """Return what acts, as Batches.bulk, and tells of each job the new one's receipt, or why there is none.

        What was found by a filter is held against it again. A LogUnavailable has the ids of the new jobs in doubt.
        """
        return self._batches.bulk(job_ids, _Taking(self, asked, why, wanted_by(job_ids)))

    def one(self, job_id: str, asked: Changes, why: str | None) -> Receipt:
        """As `each`, of one job; raises why it is refused."""
        (done,) = self.each([job_id], asked, why)
        if isinstance(done.outcome, QueueError):
            raise done.outcome
        return done.outcome

    def made_of(self, job_id: str) -> Sequence[str]:
        """See Queue.restarts."""
        history = self._ground.log.read(stream_for(job_id))
        if not history:
            raise JobNotFound(job_id)
        return self._there(job_id, successors(history))

    def taking_up(self, job: Job) -> Sequence[str]:
        """Return the id of the job that takes up one as it has ended, if there is one."""
        return self._there(job.id, [successor(job.id, job.attempts)])

    def _there(self, job_id: str, made: Sequence[str]) -> Sequence[str]:
        log = self._ground.log
        there = log.find_next([(stream_of("job", one), 0) for one in made]) if made else set()
        begun = log.read_many(there, 1) if there else {}
        others = {stream for stream, history in begun.items() if not _takes_up(history[0], job_id)}
        return [one for one in made if stream_of("job", one) in there - others]

    def take(
        self, ids: Sequence[str], taking: "_Taking", act_id: str | None, outcomes: MutableMapping[str, Outcome]
    ) -> None:
        """Add what becomes of these jobs."""
        appends: dict[str, Append] = {}
        there = loading.load_many(self._ground.log, self._finder, ids)
        for job_id in ids:
            shown = there.get(job_id)
            if not isinstance(shown, tuple):
                outcomes[job_id] = shown or JobNotFound(job_id)
                continue
            try:
                appends[job_id] = self._append(shown[1], taking, act_id)
            except Refused as error:  # of one such job, not of what was asked
                outcomes[job_id] = error
        taking.olds.update({name_in(append.stream): job_id for job_id, append in appends.items()})
        outcomes.update(self._sent(appends))

    def _append(self, job: Job, taking: "_Taking", act_id: str | None) -> Append:
        # Not before it ended, whatever the clocks of those who wrote that do.
        now = max(self._ground.clock.now(), job.updated_at)
        event = replace(restarted(job, taking.asked, now, taking.why), act=act_id)
        check_fits(job, taking.wanted)
        stream = stream_of("job", successor(job.id, job.attempts))
        return Append(seal(stream, EMPTY, [event], actor=self._actor, now=now))

    def _sent(self, appends: Mapping[str, Append]) -> dict[str, Outcome]:
        if not appends:
            return {}
        try:
            results = self._commit.append(list(appends.values()))
        except LogUnavailable as error:
            raise _in_doubt(error) from error
        outcomes: dict[str, Outcome] = {}
        found: dict[str, Append] = {}
        for (job_id, append), result in zip(appends.items(), results, strict=True):
            if result.error is not None:
                outcomes[job_id] = result.error
            elif result.is_whole:
                outcomes[job_id] = Receipt(name_in(append.stream), append.stream, 1, created=True)
            else:
                found[job_id] = append
        return outcomes | self._found(found)

    def _found(self, appends: Mapping[str, Append]) -> dict[str, Outcome]:
        """Return what there is to say of those that were restarted before."""
        there = loading.load_many(self._ground.log, self._finder, {name_in(one.stream) for one in appends.values()})
        return {job_id: _judged(job_id, one, there.get(name_in(one.stream))) for job_id, one in appends.items()}


@dataclass(frozen=True)
class _Taking:
    """Jobs are taken up, as a Step; `olds`: which job each of the new ones takes up, by their ids."""

    restarting: Restarting
    asked: Changes
    why: str | None
    wanted: Sequence[Filter]
    olds: dict[str, str] = field(default_factory=dict)

    def begun(self, jobs: int | None, found_by: str | None) -> ActBegun:
        """See Step."""
        named = (name for name, value in asdict(self.asked.fields).items() if value is not None)
        fields = (*named, *self.asked.unset)
        return ActBegun(what=RESTART.name, jobs=jobs, filter=found_by, fields=fields, why=self.why)

    def do(self, ids: Sequence[str], act_id: str | None, outcomes: MutableMapping[str, Outcome]) -> None:
        """See Step."""
        self.olds.clear()
        self.restarting.take(ids, self, act_id, outcomes)

    def in_doubt(self, error: LogUnavailable) -> Sequence[str]:
        """See Step."""
        return [self.olds[one] for one in error.ids if one in self.olds]


def _judged(job_id: str, append: Append, there: tuple[Recorded, Job] | LogCorrupt | None) -> Outcome:
    match there:
        case (first, job):
            asked = append.recorded[0].event
            assert isinstance(asked, Enqueued)
            assert isinstance(first.event, Enqueued)
            if not _takes_up(first, job_id):
                return _taken(job_id, job.id)
            if (field := difference(asked, first.event)) is not None:
                return AlreadyRestarted(job_id, job.id, field)
            existing = Existing(job.state, job.updated_at if job.state in FINAL else None, None)
            return Receipt(job.id, job.stream, job.version, changed=False, existing=existing)
        case LogCorrupt():
            return there
        case None:
            return JobNotFound(name_in(append.stream))


def _takes_up(first: Recorded, job_id: str) -> bool:
    # Whoever may enqueue can give a job the id that another's restart would have.
    return isinstance(first.event, Enqueued) and first.event.restart_of == job_id


def _taken(job_id: str, other: str) -> Refused:
    return Refused(
        f"Cannot restart job {job_id}: somebody has enqueued another job by the id that its restart would have, "
        f"{other}. `queuectl show {job_id}` has what it was to do, for `queuectl enqueue`."
    )


def _in_doubt(error: LogUnavailable) -> LogUnavailable:
    first = error.ids[0]
    if len(error.ids) == 1:
        what, tells = f"the job was restarted, as {first},", f"`queuectl show {first}` tells"
    else:
        what, tells = f"{len(error.ids):,} jobs were restarted ({first} to {error.ids[-1]})", "`queuectl show ID` tells"
    return error.about(what, f"{tells}, and to ask again is safe.")
