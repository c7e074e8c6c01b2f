"""Queue: what applications and the command line call.

The imperative shell around the pure core, one short function a use: load, fold, decide, append; and again on
conflict, for these are people's commands.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from msgspec.structs import replace
from pymongo.client_session import ClientSession

from eventqueue.api.acts import Acts
from eventqueue.api.arguments import check_actor, check_limit, check_text, checked, selected
from eventqueue.api.auditing import Beside, audit_all
from eventqueue.api.bulk import Act, ActSum, Bulk, drained
from eventqueue.api.enqueueing import Enqueueing, Receipt
from eventqueue.api.events import Events
from eventqueue.api.explaining import Explaining
from eventqueue.api.exporting import Exporting
from eventqueue.api.failing import check_fingerprint, check_known, failures_of, grouped, message_of, of_now, of_the_past
from eventqueue.api.finding import check_whole, found_by
from eventqueue.api.following import Followed, Following
from eventqueue.api.former import resolve_worker, workers_gone
from eventqueue.api.handles import Handle, as_ended, handle_of, handle_on, results
from eventqueue.api.jobs import Jobs, stream_for
from eventqueue.api.overview import Overview
from eventqueue.api.place import place_of
from eventqueue.api.restarting import Restarting
from eventqueue.api.scheduling import LastRun, Rescheduled, Scheduled, Scheduling
from eventqueue.api.sending import D, read_of, sending, session_of
from eventqueue.api.simulating import simulate
from eventqueue.api.then import Then, travel_to
from eventqueue.api.waiting import Waiting
from eventqueue.audit.clauses import Why
from eventqueue.audit.errors import Errors, newest
from eventqueue.audit.facets import MOST, Facets, of_all, with_looked_at
from eventqueue.audit.orders import order, ordered
from eventqueue.audit.simulation import Policy, Simulated
from eventqueue.audit.states import states
from eventqueue.audit.tally import Tally, check_reach, is_counted, kind, of_counters, of_traits, within_reach
from eventqueue.audit.verdict import Verdict
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import DifferentJob, InvalidInput
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model import settings
from eventqueue.model.amending import amendment
from eventqueue.model.asked import AmendedFields, JobFields
from eventqueue.model.codec import to_ms
from eventqueue.model.deeds import AMEND, CANCEL, RESTART, RETRY, Deed
from eventqueue.model.durations import Duration, in_seconds
from eventqueue.model.events import Claimed, Recorded, name_in
from eventqueue.model.fields import check_name
from eventqueue.model.ignoring import IgnoredKind, Known
from eventqueue.model.job import Amend, Cancel, Job, Retry, State
from eventqueue.model.moments import AHEAD
from eventqueue.model.pause import PauseQueue, ResumeQueue
from eventqueue.model.progress import Progress
from eventqueue.model.readable import Read
from eventqueue.model.restarting import alterations
from eventqueue.model.spec import Request
from eventqueue.model.tails import Tails
from eventqueue.model.waits import Wait
from eventqueue.mongo.outputs import Kept
from eventqueue.mongo.past import Past, begin_of
from eventqueue.ports.views import (
    ANY,
    Counters,
    Difference,
    Filter,
    FilterFields,
    Found,
    Glance,
    Gone,
    Listing,
    Metrics,
    ParkedJob,
    QueueStatus,
    Rate,
    Standstill,
    Stats,
    Status,
    Trial,
    ViewHealth,
    Walk,
    Worker,
    WorkerRuns,
)
from eventqueue.schedules.schedule import PauseSchedule, RemoveSchedule, ResumeSchedule
from eventqueue.sealing.signing import public_key
from eventqueue.steering import configuration
from eventqueue.steering.ignoring import Regarded, ignore, ignored, unignore
from eventqueue.steering.pauses import Switched, switch
from eventqueue.steering.stopping import Left, Stopping, given, named
from eventqueue.system import forks
from eventqueue.system.people import actor_of
from eventqueue.system.whole import Sink
from eventqueue.tasks.called import TaskCall
from eventqueue.transfer.lines import Asked
from eventqueue.travel.ran import ran

if TYPE_CHECKING:
    from eventqueue.connect import Connection

T = TypeVar("T")


@checked
class Queue:
    """A job queue in database `db` of the MongoDB at `uri`.

    Without them those that QUEUECTL_URI and QUEUECTL_DB name, or the local server, started if need be, and `queuectl`;
    in a task they are its worker's. So it is for `current_queue`, too.
    Use it as a context manager, or call `close`. One Queue serves all threads of a process; make it after fork: in
    another process it raises UsedAfterFork, whatever it is asked.
    `prepares`: False to create nothing where there is nothing yet, as for an audit.
    An argument that is none is InvalidInput, which names it, in each method. A duration is a timedelta, or seconds.
    Raises Misconfigured or Unavailable where the database cannot be used, InvalidInput for a bad URI or name.
    """

    def __init__(
        self, uri: str | None = None, db: str | None = None, *, actor: str | None = None, prepares: bool = True
    ) -> None:
        from eventqueue.connect import connect

        if actor is not None:
            check_actor(actor)
        uri, db = place_of(uri, db)
        if uri is None:
            from eventqueue.server import ensure_running, home

            uri = ensure_running(home(os.environ))
        self._stand_on(connect(uri, db, actor or actor_of("api"), prepares=prepares))

    def _stand_on(self, connection: "Connection") -> None:
        self.connection = connection
        self._ground = self.connection.ground
        self._log = self._ground.log
        self._commit = GroupCommit(self._log)
        self._enqueueing = Enqueueing(
            self._ground,
            self._commit,
            self.connection.settings,
            self.connection.finder,
            actor=self.connection.actor,
        )
        self._acts = Acts(self._ground, self._commit, self.connection.finder, actor=self.connection.actor)
        self._restarting = Restarting(self._ground, self._commit, self.connection.finder, actor=self.connection.actor)
        self._jobs = Jobs(self.connection)
        self._views = self.connection.views
        self._operator = self.connection.operator
        self._overview = Overview(self.connection)
        self._events = Events(self.connection)
        self._exporting = Exporting(self.connection, self._events)
        self._following = Following(self.connection, self._jobs, self.connection.signals)
        self._explaining = Explaining(self.connection, self._jobs, self._overview, self._restarting)
        self._waiting = Waiting(
            self.connection.endings, self.connection.signals, self._views, self._log, self.connection.finder
        )
        self._stopping = Stopping(
            self._log, self.connection.incarnations, self.connection.signals, self._ground.clock, self.connection.actor
        )
        self._scheduling = Scheduling(self.connection, self.check)
        forks.guard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()

    # Enqueueing

    def check(self, fields: Mapping[str, Any]) -> Request:
        """Return the checked request without enqueueing it. Raises InvalidInput naming the field that is wrong."""
        return self._enqueueing.check(fields)

    def enqueue(
        self,
        fields: Mapping[str, Any] | TaskCall[D] | None = None,
        /,
        *,
        session: ClientSession | None = None,
        **more: Unpack[JobFields],
    ) -> Handle[D]:
        """Enqueue one job, such as `enqueue(command="make", delay=timedelta(minutes=1))`; fields as in the README.

        Or the call of a task, such as `enqueue(send.signature("ann"))`, whose result is read by its annotation.
        The same id or key again returns a handle with `created` False, and as `existing` how the first job stands.
        `session`: of the application's own client on the same cluster, in a transaction with write concern majority:
        the job is there once that is committed, with all else that it writes, or never. Where its id or key is there
        already DuplicateJob is raised, and MongoDB has ended the transaction. One that may be tried again as a whole
        ends with the driver's own errors, for its `with_transaction`.
        Raises InvalidInput naming a field, DifferentJob if that id or key was asked for differently, and LogUnavailable
        where the outcome is unknown: with `ids`, to be asked for, or to be given as `id` when it is asked again.
        """
        asked = [{} if fields is None else fields]
        within = session_of(asked, session, ClientSession)
        with sending(asked) as (job,):
            (result,) = self._enqueue([self.check({**job, **more})], within)
            if isinstance(result, DifferentJob):
                raise result
        return handle_of(result, self, read_of(fields))

    @overload
    def enqueue_many(
        self, jobs: Iterable[TaskCall[T]], *, session: ClientSession | None = None
    ) -> list[Handle[T] | DifferentJob]: ...

    @overload
    def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any] | TaskCall[Any]], *, session: ClientSession | None = None
    ) -> list[Handle[Any] | DifferentJob]: ...

    def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any] | TaskCall[Any]], *, session: ClientSession | None = None
    ) -> list[Handle[Any] | DifferentJob]:
        """Enqueue many jobs in batches; a result each, in order. All are checked before the first is enqueued.

        `session`: as of `enqueue`, so that all are there, or none. Raises InvalidInput whose `field` begins with the
        job's place, from 0: `2.delay`.
        """
        asked = list(jobs)
        within = session_of(asked, session, ClientSession)
        with sending(asked) as each:
            found = self._enqueue([self._enqueueing.check_at(place, job) for place, job in enumerate(each)], within)
        return [
            one if isinstance(one, DifferentJob) else handle_of(one, self, read_of(call))
            for one, call in zip(found, asked, strict=True)
        ]

    def _enqueue(self, requests: Sequence[Request], session: ClientSession | None) -> Sequence[Receipt | DifferentJob]:
        if session is None:
            return self.enqueue_checked(requests)
        return self._enqueueing.join(self.connection.joining, session, requests)

    def enqueue_checked(
        self, requests: Iterable[Request], progress: Callable[[int], object] = lambda _: None
    ) -> list[Receipt | DifferentJob]:
        """As `enqueue_many`, but for requests that `check` returned, and with receipts alone.

        `progress` is told how many each batch added.
        """
        return self._enqueueing.enqueue(requests, progress)

    # One job

    def resolve(self, prefix: str) -> str:
        """Return the one job id that starts with `prefix`, for a command line. Raises JobNotFound or AmbiguousId.

        Or ends with it, if that are at least 8 of the characters that ids have which are made here, and the job is one
        of the newest 20,000.
        Everything else here takes whole ids alone: a program that has part of an id means another job, perhaps.
        """
        return self._jobs.resolve(prefix)

    def get(self, job_id: str) -> Job:
        """Return a job as its whole history makes it. Raises JobNotFound."""
        return self._jobs.get(job_id)

    def history(self, job_id: str, *, last: int | None = None, before: int | None = None) -> list[Recorded]:
        """Return a job's events, in order. Raises JobNotFound.

        `last`: so many of them, the newest; `before`: of those before this version. However many others there are,
        these alone are read. Raises InvalidInput.
        """
        return self._jobs.history(job_id, last, before)

    def output(self, job_id: str, claim: int) -> Kept | None:
        """Return the tails that are kept of what one attempt wrote, None if they were pruned or it wrote nothing."""
        return self.connection.outputs.get(job_id, claim)

    def output_so_far(self, job_id: str) -> Tails | None:
        """Return what the attempt of a job that runs has written by now: the last 64 KiB of each stream.

        Its worker is asked, which takes a moment. None where the job does not run, or its worker does not answer.
        Raises JobNotFound.
        """
        return self._following.so_far(job_id)

    def follow_output(self, job_id: str, attempt: int | None = None) -> Iterator[Followed | None]:
        """Yield what a job's attempts write, wherever they run, until the job has ended; None when there is no news.

        It begins with the attempt that was last, and goes on with those that come after retries; with `attempt` it is
        that one alone. Each is an AttemptBegan, any number of AttemptWrote and AttemptUnseen, and an AttemptEnded.
        Raises JobNotFound; Refused where the job ends without that attempt.
        """
        return forks.at_home(self._following.follow(job_id, attempt))

    def ending(self, job_id: str) -> Claimed | None:
        """Return the claim of a job that was cancelled while it ran, as long as its process may still live.

        Its worker hears of it within a moment, kills it within two seconds, and keeps what it wrote: so its end shows.
        A worker that is lost takes its processes along when its lease is over. Raises JobNotFound.
        """
        return self._jobs.ending(job_id)

    def silent_since(self, job: Job) -> datetime | None:
        """Return when the worker that holds a job's claim was last heard of, if its lease is over; None if it is not.

        Such a worker is lost: the first one that lives, wherever, fails the attempt, so that the job is tried again.
        """
        return self._jobs.silent_since(job)

    def why(self, job_id: str) -> Why:
        """Return why a job is in its state, and what must happen next, and when. Raises JobNotFound."""
        return self._explaining.why(job_id)

    def explain(self, history: Sequence[Recorded]) -> Why:
        """As `why`, of the job with this history, and with the views as they are: nothing is waited for.

        Raises InvalidInput for no event.
        """
        return self._explaining.explain(history)

    def replay(self, job_id: str) -> Sequence[Job]:
        """Return the job as it stood after each of its events. Raises JobNotFound."""
        return list(states(self._jobs.stored(job_id)))

    def cancel(self, job_id: str, why: str = "asked for") -> Receipt:
        """Cancel a job that waits or runs; a running one is killed by its worker.

        One that is cancelled already stays so, and the receipt's `changed` is False. Raises IllegalTransition.
        """
        return self._acts.to_one(job_id, Cancel(check_text(why, "why")))

    def retry(self, job_id: str, why: str = "asked for") -> Receipt:
        """Bring a failed, dead or cancelled job back with a new budget of retries. Raises IllegalTransition."""
        return self._acts.to_one(job_id, Retry(check_text(why, "why")))

    def amend(
        self,
        job_id: str,
        why: str | None = None,
        *,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> Receipt:
        """Change fields of a job that waits to be claimed, now, later or for its retry.

        Of `env` the variables that are named, and no others; `tags` as a whole. `unset`: what it is to have no more:
        `timeout`, `tags`, `env`, or one variable, as `env.REGION`. Where all is so already the receipt's `changed` is
        False. Raises IllegalTransition for a job that does not wait, InvalidInput naming the field.
        """
        return self._acts.to_one(job_id, Amend(amendment(fields, unset), _reason(why)))

    def restart(
        self,
        job_id: str,
        why: str | None = None,
        *,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> Receipt:
        """Have a new job do what one that has ended was to do, as that was last, due now; return the new one's receipt.

        Fields and `unset`: in what it is to differ; see `amend`. It knows the old one as its `restart_of`. What has
        ended is taken up once: the same again is the job that is there, with `created` False and how it stands as
        `existing`; to run it once more, restart that one. Raises IllegalTransition for one that has not ended,
        InvalidInput, AlreadyRestarted where it was restarted with other changes, or LogUnavailable, after which to ask
        again is safe.
        """
        return self._restarting.one(job_id, alterations(fields, unset), _reason(why))

    def restart_many(
        self,
        job_ids: Iterable[str],
        why: str | None = None,
        *,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> Bulk:
        """As `restart`, of many jobs; see `cancel_many`. The first event of each new job names the act."""
        return self._restarting.each(job_ids, alterations(fields, unset), _reason(why))

    def restarts(self, job_id: str) -> Sequence[str]:
        """Return the ids of the jobs that were made by restarting this one, the oldest first. Raises JobNotFound."""
        return self._restarting.made_of(job_id)

    def amend_many(
        self,
        job_ids: Iterable[str],
        why: str | None = None,
        *,
        only: State | None = None,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> Bulk:
        """As `amend`, of many jobs; see `cancel_many`."""
        return self._acts.to_each(job_ids, Amend(amendment(fields, unset), _reason(why)), only)

    def cancel_many(self, job_ids: Iterable[str], why: str = "asked for", *, only: State | None = None) -> Bulk:
        """As `cancel`, of many jobs, some hundred at a time: acts while what became of each, in order, is read from it.

        `job_ids`: also what `find` found: such a job is left alone if it has changed so much by then that it would not
        be found. What is refused is an error in the place of a receipt, and stops none of the others. `only`: of those
        in this state alone. The log tells of it as one act, which `act` returns, unless it is one job that is named.
        Raises LogUnavailable with the `ids` of those in doubt; of the others, those that were not yielded by then were
        not tried.
        """
        return self._acts.to_each(job_ids, Cancel(check_text(why, "why")), only)

    def retry_many(self, job_ids: Iterable[str], why: str = "asked for", *, only: State | None = None) -> Bulk:
        """As `retry`, of many jobs; see `cancel_many`."""
        return self._acts.to_each(job_ids, Retry(check_text(why, "why")), only)

    def cancel_all(
        self, filter_: Filter, why: str = "asked for", progress: Callable[[int], object] = lambda _: None
    ) -> ActSum:
        """Cancel all jobs that fit, as one act, and return what became of them.

        Where the filter names no state they are those that are pending, failed or processing. Those that come to fit
        meanwhile are left alone, and so are those that fit no more. Its limit does not matter. `progress` is told the
        number so far. Raises InvalidInput; Refused where it is a scan that was not asked for; Unavailable, before any
        is done, where the view does not show by now all that was there when it was asked; as `cancel_many`.
        """
        return drained(self.cancel_many(self._all(filter_, CANCEL), why), progress)

    def retry_all(
        self, filter_: Filter, why: str = "asked for", progress: Callable[[int], object] = lambda _: None
    ) -> ActSum:
        """As `cancel_all`, for `retry`: where the filter names no state, of failed and dead jobs."""
        return drained(self.retry_many(self._all(filter_, RETRY), why), progress)

    def amend_all(
        self,
        filter_: Filter,
        why: str | None = None,
        progress: Callable[[int], object] = lambda _: None,
        *,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> ActSum:
        """As `cancel_all`, for `amend`: where the filter names no state, of pending and failed jobs."""
        asked = Amend(amendment(fields, unset), _reason(why))
        return drained(self._acts.to_each(self._all(filter_, AMEND), asked), progress)

    def restart_all(
        self,
        filter_: Filter,
        why: str | None = None,
        progress: Callable[[int], object] = lambda _: None,
        *,
        unset: Iterable[str] = (),
        **fields: Unpack[AmendedFields],
    ) -> ActSum:
        """As `cancel_all`, for `restart`: where the filter names no state, of dead jobs.

        Those that were restarted before count as `already`, or as refused where that was with other changes.
        """
        asked = alterations(fields, unset)
        return drained(self._restarting.each(self._all(filter_, RESTART), asked, _reason(why)), progress)

    def _all(self, filter_: Filter, deed: Deed) -> Found:
        found = self.find(filter_, states=deed.states)
        check_whole(found.lag, "done")
        return found

    def act(self, act_id: str) -> Act:
        """Return what the log tells of an act on many jobs, by its whole id. Raises Refused where there is none."""
        return self._jobs.act(act_id)

    # Views

    def list(self, filter_: Filter | None = None, *, sort: str | None = None, **more: Unpack[FilterFields]) -> Listing:
        """Return jobs, newest first, and the lag of the view they were read from.

        Which ones is said by a filter, or by its fields: `list(state=State.DEAD, queue="mail")`. `sort`: in another
        order, by `created`, `updated`, `due`, `priority`, `tries` or `queue`: the latest, the first due, the highest or
        the most first. Then all that fit are read. Raises InvalidInput; Refused where there are more than 10,000.
        """
        walk = self.walk(filter_, sort=sort, **more)
        return Listing([*walk.jobs], walk.lag)

    def walk(
        self,
        filter_: Filter | None = None,
        *,
        sort: str | None = None,
        is_brief: bool = False,
        **more: Unpack[FilterFields],
    ) -> Walk:
        """As `list`, but read some at a time while they are gone through: however many, in the same memory.

        With `sort` they are read before the first is there. `is_brief`: perhaps without what tasks returned, what jobs
        wrote, and tracebacks, which may be large.
        """
        wanted, by = selected(filter_, more), order(sort)
        lag = self._views.refresh()
        jobs = ordered(partial(self._views.jobs, is_brief=is_brief), wanted, by)
        return Walk(forks.at_home(jobs), lag)

    def find(
        self, filter_: Filter | None = None, *, states: Sequence[State] = (), **more: Unpack[FilterFields]
    ) -> Found:
        """Return the ids of all jobs that fit, the oldest first, whatever the filter's limit. Raises InvalidInput.

        `states`: of jobs in these, where the filter names no state; state after state. They are held in memory, about
        100 bytes each.
        """
        wanted = replace(selected(filter_, more), limit=None)
        lag = self._views.refresh()
        return found_by(self._views, wanted, states, lag)

    def count(
        self,
        filter_: Filter | None = None,
        progress: Callable[[int], object] = lambda _: None,
        *,
        by: str | None = None,
        **more: Unpack[FilterFields],
    ) -> Tally:
        """Return how many jobs fit, whatever the filter's limit, and how many of each kind.

        `by`: what they are told apart by: `state`, `queue`, `error`, `tag`, `task` or `hour`.
        By hour of when they were created, or, of failed, dead and cancelled ones, became that. Of a state and a queue
        it is read from counters; else from the jobs, of which only a `scan` looks at more than VAIN_MAX. 10,000 kinds
        are told apart, the first that are met. `progress` is told how many jobs were counted one by one. Raises
        InvalidInput; Refused where there are more jobs.
        """
        by = None if by is None else kind(by)
        wanted = replace(selected(filter_, more), limit=None)
        lag = self._views.refresh()
        if is_counted(wanted, by):
            return of_counters(self._views.counts(), wanted, by, lag)
        if by is None:
            return Tally(sum(1 for _ in within_reach(self._views.ids(wanted), wanted, progress)), (), lag)
        if is_counted(wanted, None):  # then how many are to be looked at is known before the first is
            check_reach(of_counters(self._views.counts(), wanted, None, lag).count, wanted)
        return of_traits(within_reach(self._views.traits(wanted, by), wanted, progress), by, lag)

    def facets(self, filter_: Filter | None = None, *, most: int = MOST, **more: Unpack[FilterFields]) -> Facets:
        """Return how many of the jobs that fit are of each state, queue, task, tag and error.

        Whatever the filter's limit, of the newest `most`; of states and queues, where no more is asked for, of all.
        Raises InvalidInput; Refused where too many are looked at that do not fit.
        """
        wanted = replace(selected(filter_, more), limit=None)
        check_limit(most, "most")
        lag = self._views.refresh()
        return with_looked_at(of_all(self._views.counts(), wanted, lag), self._views.traits(wanted, ANY), most)

    def errors(
        self,
        filter_: Filter | None = None,
        progress: Callable[[int], object] = lambda _: None,
        *,
        is_past: bool = False,
        newest: int | None = None,
        known: Known | None = None,
        **more: Unpack[FilterFields],
    ) -> Errors:
        """Return what jobs that are failed or dead now failed with, alike ones as one group, the largest first.

        Of those that fit, whatever the filter's limit. `is_past`: by the log instead, each attempt that failed,
        whatever has become of its job: by queue, task, time and error alone. `newest`: of the newest so many in each
        state alone, which it is not for. What is ignored is among them, and says so: `known`, or None to read that from
        the log. `progress` is told how many were read. Raises InvalidInput.
        """
        wanted = selected(filter_, more)
        if newest is not None:
            check_limit(newest, "newest")
        if is_past:
            if newest is not None:
                raise InvalidInput("newest", "is for jobs as they are now, and not for the past")
            found = self._events.failures(of_the_past(wanted))
        else:
            found = failures_of(self._views, of_now(wanted, newest))
        return grouped(found, self.known_errors() if known is None else check_known(known), progress)

    def waits(self, jobs: Sequence[Job]) -> Mapping[str, Wait]:
        """Return, by id, what those of `jobs` wait for that wait to be claimed: their time, a worker, a resumed queue …

        Asked at once for all of them.
        """
        return self._overview.waits(jobs)

    def progress(self, jobs: Sequence[Job]) -> Mapping[str, Progress]:
        """Return, by id, how far those of `jobs` that run are, as their tasks say (see `Context.progress`)."""
        return self._overview.progress(jobs)

    def status(self) -> Status:
        """Return counts by queue and state, paused queues, those that do not move, live workers and the lag."""
        return self._overview.status()

    def standstills(self) -> Sequence[Standstill]:
        """Return the queues that do not move though they have jobs that are due, by name, as the views show it.

        Nobody serves them, or nothing of them was claimed or ended for 30 s (see audit/standstill.py for the rule).
        """
        return self._overview.standstills()

    def stats(self, window: timedelta = timedelta(hours=1)) -> Stats:
        """Return what happened in the last `window`: rates, waits, run times, failures; in all queues and in each."""
        self._views.refresh()
        return self._views.stats(window)

    def rates(self, window: timedelta = timedelta(hours=1), queue: str | None = None) -> Sequence[Rate]:
        """Return how much happened in each part of the last `window`, in order, as the views show it.

        `queue`: in this one alone. Of a minute or more each, and 120 or a few more, which begin a part before it.
        """
        return self._views.rates(window, None, queue)

    def metrics(self) -> Metrics:
        """Return what a monitoring system asks for, as the views show it: nothing is waited for or brought up to date.

        By queue how many jobs are in each state, for how long one is due, and what happened since its first job, with
        histograms of waits and run times; workers, their slots, and the lag.
        """
        return self._overview.metrics()

    def at(self, moment: datetime) -> Then:
        """Return the queue as it was at a moment: what there is to see of it, told from the log.

        Raises InvalidInput for a time before the log begins, or in the future.
        """
        return travel_to(self.connection, moment)

    def glance(self, window: timedelta = timedelta(minutes=5), failures: int = 10) -> Glance:
        """Return all at once, as the views show it, waiting for nothing: queues, rates, workers, the last failures."""
        return self._overview.glance(window, failures)

    def follow(self) -> Iterator[bool]:
        """Yield True whenever the views have moved, False about once a second when they have not, for ever."""
        return forks.at_home(self._waiting.moves())

    def workers(self) -> Sequence[Worker]:
        """Return the live workers and what the view shows them running."""
        return self._overview.workers()

    def workers_gone(self, within: Duration = timedelta(days=1), limit: int = 50) -> Sequence[Gone]:
        """Return the workers that left or were lost within this time, the newest `limit` of them first.

        With what they held and what has become of it. Those that are silent and that nobody has buried yet are among
        them, since whenever that is. Looked at is all that the log took within that time, or where that is less, all
        that it ever told of workers. Raises InvalidInput.
        """
        check_limit(limit)
        return workers_gone(self.connection, within, limit)

    def worker_runs(self, worker_id: str, limit: int = 50, *, before: str | None = None) -> WorkerRuns:
        """Return the last attempts that a worker has begun, also one that is gone, the last first, and how each ended.

        `before`: of those before others, as `older` of these says. Of its life 50,000 events are looked at, at most, or
        as many as can be in seconds. Raises InvalidInput.
        """
        check_limit(limit)
        past = Past(self._ground.database, self._log, self._ground.clock.now() + AHEAD)
        return ran(past, check_text(worker_id, "worker_id"), limit, before)

    def queues(self) -> Sequence[QueueStatus]:
        """Return every queue that ever had a job or was paused, by name: its jobs by state, and its pause."""
        return self._overview.queues()

    def projections(self) -> Sequence[ViewHealth]:
        """Return each projection's view as it stands: its lag, who keeps it, what is parked."""
        return self._operator.projections()

    def counters(self, name: str, *prefix: str | int) -> Counters:
        """Return the counters of a projection whose keys begin with `prefix`, such as `counters("stats", "state")`.

        Raises Refused if there is no such projection.
        """
        self._views.refresh()
        return self._operator.counters(name, *prefix)

    def rebuild_views(
        self,
        name: str | None = None,
        progress: Callable[[int], object] = lambda _: None,
        *,
        without: Sequence[str] = (),
        why: str | None = None,
    ) -> int:
        """Build all views anew from the log while everything goes on, and return the number of their generation.

        `name`: the projection that is meant (the others are built with it); `progress` is told how many events are in
        the new views; `without`: projections that are installed no more, and given up; `why`: the reason that
        the log tells. Raises Refused, or Fenced while another builds.
        """
        return self._operator.rebuild(name, progress, without, _reason(why))

    def verify_views(
        self, name: str | None = None, count: int | None = None, progress: Callable[[int], object] = lambda _: None
    ) -> Iterator[Difference]:
        """Yield each difference between the live views and the fold of the log; none: they are proven equal.

        `name`: of one projection only; `count`: of so many jobs only, picked at random. `progress` is told how many
        events (with `count`, jobs) were read. Raises Refused.
        """
        self._views.refresh()
        return forks.at_home(self._operator.verify(name, count, progress))

    def try_projection(
        self, where: str, since: datetime | None = None, progress: Callable[[int], object] = lambda _: None
    ) -> Trial:
        """Return what the projection at `where`, such as `acme_costs:Cost`, counts of old events.

        Of those that the log took from `since` on, None: of all. It need not be among those that the views are of, but
        in an installed package, and nothing is written. `progress` is told how many events were gone through.
        Raises InvalidInput, Refused where there is no such module, or BadProjection.
        """
        from eventqueue.connect import try_projection

        return try_projection(self.connection, where, since, progress)

    def retry_parked(self, name: str, job_id: str, why: str | None = None) -> ParkedJob | None:
        """Let a job go on that projection `name` has parked; return why it stands still again, if it does.

        Raises Refused if it is not parked by it.
        """
        return self._operator.retry(name, job_id, _reason(why))

    def log_begin(self) -> datetime | None:
        """Return when the log took its first event, to the second: `at` knows all from then on. None: it has none."""
        return begin_of(self._ground.database, self._log)

    def log_size(self) -> int:
        """Return about how many events the log holds."""
        return self._operator.log_size()

    # Steering

    def pause_queue(self, queue: str, why: str | None = None) -> Switched:
        """Have no worker claim anything of a queue, within a second; what runs goes on, and so does enqueueing.

        A queue that is paused already stays so, with the reason it has. Raises InvalidInput.
        """
        return self._switch(queue, PauseQueue(_reason(why)))

    def resume_queue(self, queue: str, why: str | None = None) -> Switched:
        """Have workers claim from a queue again; one that is not paused stays as it is. Raises InvalidInput."""
        return self._switch(queue, ResumeQueue(_reason(why)))

    def _switch(self, queue: str, command: PauseQueue | ResumeQueue) -> Switched:
        check_name(queue, "queue")
        return switch(self._ground, self.connection.signals, queue, command, self.connection.actor)

    def ignore_errors(self, fingerprint: str, *, until: datetime | None = None, why: str | None = None) -> Regarded:
        """Have failures of a kind be told apart as ignored, of all queues, those to come too; nothing else changes.

        `fingerprint`: as `errors` has it, of a job that is failed or dead now. A kind that is ignored already is with
        this time from now on, and this reason, if one is given. Raises InvalidInput.
        """
        if until is not None:
            if until.tzinfo is None:
                raise InvalidInput("until", "must have a time zone, such as datetime.UTC")
            if (until := to_ms(until.astimezone(UTC))) <= self._ground.clock.now():
                raise InvalidInput("until", "is over already")
        message = message_of(self._views, fingerprint)
        return ignore(self._ground, message, until, _reason(why), self.connection.actor)

    def unignore_errors(self, fingerprint: str, why: str | None = None) -> Regarded:
        """Have failures of a kind be heeded again; those that are stay as they are. Raises InvalidInput."""
        check_fingerprint(fingerprint)
        return unignore(self._ground, fingerprint, _reason(why), self.connection.actor)

    def ignored_errors(self) -> Sequence[IgnoredKind]:
        """Return the kinds of failures that are ignored now, the newest first, those too of which there is none now."""
        return newest(self.known_errors().kinds.values())

    def known_errors(self) -> Known:
        """Return what is ignored now, by fingerprint, and what cannot be read of it.

        An event of each kind that was ever ignored is read for it: who asks `errors` again and again may keep it.
        """
        return ignored(self._log, self._ground.clock.now())

    def stop_workers(
        self, names: Iterable[str] | None = None, grace: Duration | None = None, why: str | None = None
    ) -> Sequence[Worker]:
        """Ask workers to stop as at Ctrl-C, each given by its whole id or name (None: all); return them.

        What they run may finish within `grace` (None: those that the worker was started with).
        Raises WorkerNotFound or AmbiguousId with nobody asked, InvalidInput for a grace that is out of range.
        """
        workers = self._overview.live_workers()
        asked = workers if names is None else given(names, workers)
        return self._stopping.ask(asked, _seconds(grace), _reason(why))

    def resolve_workers(self, prefixes: Iterable[str]) -> Sequence[str]:
        """Return the ids of the live workers whose id or name starts with one of these, for a command line.

        Raises WorkerNotFound or AmbiguousId.
        """
        return [one.id for one in named(prefixes, self._overview.live_workers())]

    def resolve_worker(self, prefix: str) -> str:
        """Return the id of the one worker that is meant, also of one that is gone, for a command line.

        That lives, and whose id or name starts with `prefix`; or else of those of which the log tells the one whose id
        does. A whole name or id goes before those that start so. Raises WorkerNotFound or AmbiguousId.
        """
        return resolve_worker(self.connection, prefix, self._overview.live_workers())

    def leaving(self, workers: Sequence[Worker]) -> Iterator[Left]:
        """Yield each worker that `stop_workers` returned once it is gone; ends 15 s after the last one should be."""
        return forks.at_home(self._stopping.leaving(workers))

    # Schedules

    def schedule(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        cron: str | None = None,
        every: Duration | None = None,
        tz: str | None = None,
        missed: str = "once",
        overlap: str = "allow",
        why: str | None = None,
    ) -> Rescheduled:
        """Have a job of these fields made at each tick: `schedule("nightly", {"command": "make"}, cron="0 2 * * *")`.

        Ticks are those of a cron expression by the clocks of zone `tz` (None: UTC), or of a span that is counted from
        1970 in UTC. Whoever runs workers with a projector, or one alone, makes them. `missed`: of ticks at which nobody
        was there, `skip` makes no job, `once` one, `all` a job each, 1,000 at most. `overlap`: `skip` makes none while
        the job of an earlier tick has not ended, `allow` does. The same again changes nothing, another definition
        takes the place of the first; one that is paused stays so. Raises InvalidInput.
        """
        return self._scheduling.put(
            name, fields, cron=cron, every=_seconds(every), tz=tz, missed=missed, overlap=overlap, why=_reason(why)
        )

    def schedules(self, last_of: Collection[str] | None = None) -> Sequence[Scheduled]:
        """Return all schedules, by name.

        `last_of`: of these alone with what became of their last ticks, for each of which the log is asked; None: all.
        """
        return self._scheduling.all(last_of)

    def get_schedule(self, name: str) -> Scheduled:
        """Return a schedule. Raises ScheduleNotFound."""
        return self._scheduling.get(name)

    def pause_schedule(self, name: str, why: str | None = None) -> Rescheduled:
        """Have no jobs made at a schedule's ticks; one that is paused stays so. Raises ScheduleNotFound."""
        return self._scheduling.change(name, PauseSchedule(_reason(why)))

    def resume_schedule(self, name: str, why: str | None = None) -> Rescheduled:
        """Have jobs made at the ticks that come from now on: those in between were not missed.

        One that is not paused stays as it is. Raises ScheduleNotFound.
        """
        return self._scheduling.change(name, ResumeSchedule(_reason(why)))

    def remove_schedule(self, name: str, why: str | None = None) -> Rescheduled:
        """Have no such schedule any more; the jobs that it has made stay. Raises ScheduleNotFound."""
        return self._scheduling.change(name, RemoveSchedule(_reason(why)))

    def trigger_schedule(self, name: str, why: str | None = None) -> Receipt:
        """Have a schedule's job made at once, beside all ticks, paused or not. Raises ScheduleNotFound."""
        return self._scheduling.trigger(name, _reason(why))

    def next_ticks(self, name: str, n: int = 5) -> Sequence[datetime]:
        """Return the next `n` ticks of a schedule, paused or not, in UTC. Raises ScheduleNotFound, InvalidInput."""
        return self._scheduling.next_ticks(name, n)

    def schedule_runs(self, name: str, limit: int = 20) -> Sequence[LastRun]:
        """Return the last ticks of a schedule that became jobs, the last first, and how these stand.

        Each is looked for in the log by itself. Raises ScheduleNotFound, InvalidInput.
        """
        return self._scheduling.runs(name, limit)

    # Waiting

    def wait(self, job_ids: Iterable[str], timeout: Duration | None = None) -> Sequence[Job]:
        """Return the jobs once each is completed, dead or cancelled.

        Raises WaitTimeout after `timeout`, or JobNotFound.
        """
        return self._waiting.ends([check_text(one, "job_ids") for one in job_ids], _seconds(timeout))

    def wait_all(self, filter_: Filter, timeout: Duration | None = None) -> Sequence[Job]:
        """As `wait`, for all jobs that fit by now, whatever the filter's limit; `timeout` is for their ends alone.

        Those that come to fit meanwhile are not waited for. None of them: nothing is returned, at once. Raises as
        `find` and `wait`, and Unavailable where the view does not show by now all that was there when it was asked.
        """
        found = self.find(filter_)
        check_whole(found.lag, "waited for")
        return self.wait(found, timeout)

    def handle(self, job_id: str) -> Handle[Any]:
        """Return the handle of a job that was enqueued before, here or anywhere. Raises JobNotFound."""
        return handle_on(self._jobs.get(job_id), self)

    def gather(self, handles: Sequence[Handle[T]], timeout: Duration | None = None) -> Sequence[T]:
        """Return the results of jobs, in order, once all are completed.

        Raises JobFailed or JobCancelled as soon as one has ended so, or WaitTimeout after `timeout`.
        """
        return results(handles, self.as_completed(handles, timeout))

    def as_completed(self, handles: Sequence[Handle[T]], timeout: Duration | None = None) -> Iterator[Handle[T]]:
        """Yield the handle of each job as soon as it has ended, whichever way: its result is there then.

        Raises WaitTimeout after `timeout`.
        """
        ids = [one.id for one in handles]
        return forks.at_home(as_ended(handles, self._waiting.each(ids, _seconds(timeout))))

    def wait_for(self, receipt: Receipt, timeout: Duration | None = 10.0, *, may_be_stale: bool = False) -> bool:
        """Return True once the views show what `receipt` is for.

        After `timeout` WaitTimeout is raised, or, with `may_be_stale`, False returned: the views are behind.
        Raises JobParked if the view of this job stands still.
        """
        return self._waiting.shows(receipt.id, receipt.version, _seconds(timeout), may_be_stale=may_be_stale)

    # Settings

    def configuration(self) -> Mapping[str, settings.Source]:
        """Return every setting's value in force and where it comes from."""
        return settings.resolve(configuration.stored(self._ground), os.environ)

    def configure(self, name: str, value: Any, why: str | None = None) -> settings.Value:
        """Store a setting's value; None: back to the built-in one. Raises InvalidInput."""
        name, plain = settings.named(name), in_seconds(value) if isinstance(value, timedelta) else value
        change = configuration.Change(name, plain, _reason(why))
        if name == settings.RETENTION:
            return configuration.store_retention(self._ground, self.connection.outputs, change, self.connection.actor)
        return configuration.store(self._ground, change, self.connection.actor)

    # Proving

    def events(
        self,
        wanted: Wanted | None = None,
        *,
        reverse: bool = False,
        progress: Callable[[int], object] = lambda _: None,
    ) -> Iterator[Read]:
        """Yield the log's events that are wanted, of whatever streams, in the order in which the log took them.

        `reverse`: the last first. `progress` is told how many, about, were looked at since. One that cannot be read is
        Unreadable. Raises InvalidInput.
        """
        return forks.at_home(self._events.read(wanted or Wanted(), reverse=reverse, tell=progress))

    def stored_events(self, wanted: Wanted | None = None) -> Iterator[bytes]:
        """As `events`, but each as the log has it, byte for byte, and all as of one moment: to be taken elsewhere.

        Of no stream there is an event without those before it, but for those that are not wanted. Raises InvalidInput.
        """
        return forks.at_home(self._events.stored(wanted or Wanted()))

    def export(
        self,
        file: Sink,
        asked: Asked | None = None,
        form: str = "jsonl",
        progress: Callable[[int], object] = lambda _: None,
    ) -> int:
        """Write the events that are asked for, all if nothing is said, to an open file; return how many they are.

        `form`: `jsonl`, of which `queuectl audit import` makes the same log, or `parquet`, for what reads tables, with
        pyarrow. `asked.jobs`: a filter's text; of what fits by now all events, which are a part of the log and no log
        that seals hold for. `progress` is told the number so far. Raises InvalidInput; Refused where pyarrow is not
        installed, Unavailable where the view is behind, by which jobs are chosen.
        """
        return self._exporting.export(file, asked or Asked(), form, progress)

    def copy_log(self, db: str, progress: Callable[[int], object] = lambda _: None) -> int:
        """Copy the log as it is now, byte for byte, into an empty database of the same server; return how many events.

        It is the same log there. Views are not copied: who reads there first builds them. `progress` is told the number
        so far. Raises Refused for a database that is not empty, LogIncomplete for one with a part of another log.
        """
        return self._exporting.copy(db, progress)

    def follow_events(self, wanted: Wanted | None = None, last: int | None = None) -> Iterator[Read | None]:
        """As `events`, and then those that come, for ever: none twice and none left out; None whenever none came.

        `last`: of the past so many at most. Raises InvalidInput, or Unavailable where it cannot be gone on.
        """
        return forks.at_home(self._events.follow(wanted or Wanted(), last))

    def simulate(
        self,
        policy: Policy,
        since: datetime | None = None,
        queue: str | None = None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> Simulated:
        """Return what another policy of retries would have changed of the failures that the log took from `since` on.

        `queue`: of jobs that were enqueued in this queue only. What is assumed of what never was, it says. Nothing is
        written. `progress` is told how many failures were looked at. Raises Unavailable.
        """
        wanted = Wanted(since=since, queue=queue, types=("failed",))
        return simulate(self._events, self._log, policy, wanted, progress)

    def verify(self, job_id: str) -> Verdict:
        """Return everything that is wrong with a job: its stored history, what it wrote, its views; mend nothing.

        Raises JobNotFound.
        """
        return self.connection.auditor.job(name_in(stream_for(job_id)))

    def verify_all(
        self,
        progress: Callable[[int], object] = lambda _: None,
        *,
        against: str | None = None,
        record: str | None = None,
        since: datetime | None = None,
        key: str | None = None,
    ) -> Verdict:
        """Return everything that is wrong with the log, what is kept beside it and the views; mend nothing.

        `progress` is told how many events were looked at. `against`: a file of seals that was kept elsewhere. `record`:
        the auditor's own file; what the log had when nothing was found last is in it, and must be there still.
        `since`: only the streams that have an event since then; it takes no `record`. `key`: a public key, 64 hex
        digits or a file with them; every seal must be signed by it, from the first one on that is.
        Raises Refused where there is no log, BadSeals for a file that holds none of this log, BadKey, OSError.
        """
        if since is not None and since.tzinfo is None:
            raise InvalidInput("since", "must have a time zone, such as datetime.UTC")
        if since is not None and record is not None:
            raise InvalidInput("record", "is for an audit of everything, and not of what has changed `since`")
        public = None if key is None else public_key(key)
        beside = Beside(against=against, record=record, since=since, key=public)
        return audit_all(self.connection.ground, self.connection.auditor, progress, beside)


def _seconds(duration: Duration | None) -> float | None:
    return None if duration is None else in_seconds(duration)


def _reason(why: str | None) -> str | None:
    return None if why is None else check_text(why, "why")
