"""The same command to many jobs: read, decided and appended some hundred at a time.

One by one each would wait for the journal by itself: 38,800 dead jobs were retried in six minutes so, now in seconds.
"""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from itertools import islice
from typing import NamedTuple

from eventqueue.api import enqueueing
from eventqueue.api.enqueueing import Receipt
from eventqueue.api.jobs import stream_for
from eventqueue.errors import IllegalTransition, InvalidInput, JobNotFound, LogUnavailable, QueueError
from eventqueue.log import loading
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.codec import seal
from eventqueue.model.events import name_in
from eventqueue.model.job import LEGAL, Command, State, decide
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append

BATCH = enqueueing.BATCH  # jobs in one append

Outcome = Receipt | QueueError


class Acted(NamedTuple):
    """What became of one job: a receipt, or why it was refused."""

    job_id: str
    outcome: Outcome


class Acts:
    """Commands to many jobs, in the name of `actor`."""

    def __init__(self, ground: Footing, commit: GroupCommit, finder: JobFinder, *, actor: str) -> None:
        self._ground = ground
        self._commit = commit
        self._finder = finder
        self._actor = actor

    def to_each(self, job_ids: Iterable[str], command: Command, only: State | None) -> Iterator[Acted]:
        """Yield what becomes of each job, in order; `only`: those that are in another state are refused.

        Raises LogUnavailable with the ids of those in doubt, or Unavailable: of the others, those that were not yielded
        before that were not tried. Where a Ctrl-C comes in between, the next BATCH are in doubt.
        """
        waiting = (name_in(stream_for(one)) for one in job_ids)
        while ids := list(islice(waiting, BATCH)):
            outcomes: dict[str, Outcome] = {}
            open_: Sequence[str] = list(dict.fromkeys(ids))
            try:
                while open_:
                    self._try(open_, command, only, outcomes)
                    open_ = [job_id for job_id in open_ if job_id not in outcomes]
            except QueueError:
                yield from (Acted(job_id, outcomes[job_id]) for job_id in ids if job_id in outcomes)
                raise
            yield from (Acted(job_id, outcomes[job_id]) for job_id in ids)

    def to_one(self, job_id: str, command: Command) -> Receipt:
        """As `to_each`, to one job; raises why it is refused."""
        (done,) = self.to_each([job_id], command, None)
        if isinstance(done.outcome, QueueError):
            raise done.outcome
        return done.outcome

    def _try(
        self, ids: Sequence[str], command: Command, only: State | None, outcomes: MutableMapping[str, Outcome]
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
                if only is not None and found.state is not only:
                    raise IllegalTransition(f"Job {job_id} is not {only}: it is {found.state}.")
                events = decide(found, command, now)
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
