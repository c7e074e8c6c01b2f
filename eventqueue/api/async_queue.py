"""AsyncQueue: a Queue for asyncio.

Each method is the Queue's own, carried out in one of a few threads, so nothing is said twice: its arguments, checks and
errors. Only waiting is not, for thousands may wait: it takes the same steps (api/steps.py) without a thread.
"""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack, overload

from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from eventqueue.api.arguments import check_text, checked
from eventqueue.api.enqueueing import Enqueueing, Receipt
from eventqueue.api.handles import Held, handle_of
from eventqueue.api.queue import Queue
from eventqueue.api.sending import D, read_of, sending, session_of
from eventqueue.api.steps import Hear, Look, Rest, next_of, steps
from eventqueue.api.waiting import Waiting
from eventqueue.errors import DifferentJob, Refused
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.asked import JobFields
from eventqueue.model.durations import Duration, in_seconds
from eventqueue.model.job import Job, State
from eventqueue.model.spec import Request
from eventqueue.mongo.endings import Listener
from eventqueue.ports.views import Filter
from eventqueue.tasks.called import TaskCall

NOT_OPEN = "This AsyncQueue is not open: enter it with `async with`, and use it within."
THREADS = 32  # calls that are on their way at the same time: appends of as many share one

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def _in_thread(
    method: Callable[Concatenate[Queue, P], R],
) -> Callable[Concatenate["AsyncQueue", P], Coroutine[Any, Any, R]]:
    @wraps(method)
    async def call(self: "AsyncQueue", /, *args: P.args, **named: P.kwargs) -> R:
        return await self.run(partial(method, self.queue, *args, **named))

    return call


class AsyncHandle(Held[T], Generic[T], frozen=True, gc=True, eq=False, kw_only=True):
    """As Handle, of an AsyncQueue: `await handle` is `await handle.result()`."""

    queue: "AsyncQueue"

    async def status(self) -> State:
        """Return the job's state now. Raises JobNotFound."""
        return (await self.queue.get(self.id)).state

    async def result(self, timeout: Duration | None = None) -> T:
        """Return the job's result once it is completed. Raises as Handle.result."""
        return self.made(self.ended or (await self.queue.wait([self.id], timeout))[0])

    def __await__(self) -> Generator[Any, None, T]:
        return self.result().__await__()


@checked
class AsyncQueue:
    """A Queue for asyncio, with its methods and what they take and raise: `async with AsyncQueue(uri) as queue`.

    What a Queue reads bit by bit, such as `events`, has no coroutine: `queue.queue` is the Queue itself, for a thread.
    It belongs to the event loop that enters it. Where a call is cancelled that is on its way already, what it was to do
    may be done all the same; a wait that is cancelled leaves nothing.
    """

    def __init__(self, uri: str | None = None, db: str | None = None, *, actor: str | None = None) -> None:
        self._make = partial(Queue, uri, db, actor=actor)
        self._queue: Queue | None = None
        self._threads: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="async-queue")
        try:
            self._queue = await self.run(self._make)
        except BaseException:
            self._threads.shutdown(wait=False)
            self._threads = None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connection back, once what is on its way has come back; nothing is begun from now on."""
        queue, threads, self._queue, self._threads = self._queue, self._threads, None, None
        if queue is not None and threads is not None:
            await asyncio.to_thread(threads.shutdown)
            await asyncio.to_thread(queue.close)

    @property
    def queue(self) -> Queue:
        """The Queue that it is of, for what has no coroutine here. Raises Refused before it is entered."""
        if self._queue is None:
            raise Refused(NOT_OPEN)
        return self._queue

    async def run(self, act: Callable[[], R]) -> R:
        """Carry out what would block the loop in one of this queue's threads. Raises Refused where it is not open."""
        if self._threads is None:
            raise Refused(NOT_OPEN)
        within = partial(copy_context().run, act)
        return await asyncio.get_running_loop().run_in_executor(self._threads, within)

    async def enqueue(
        self,
        fields: Mapping[str, Any] | TaskCall[D] | None = None,
        /,
        *,
        session: AsyncClientSession | None = None,
        **more: Unpack[JobFields],
    ) -> AsyncHandle[D]:
        """See Queue.enqueue; `session`: of an AsyncMongoClient. Those that come at the same time share an append."""
        asked = [{} if fields is None else fields]
        within = session_of(asked, session, AsyncClientSession)
        if within is None:
            return self._held(await self.run(partial(self.queue.enqueue, asked[0], **more)))
        with sending(asked) as (job,):
            check = partial(self.queue.check, {**job, **more})
            (receipt,) = await self._join([await self.run(check)], within)
        return self._held(handle_of(receipt, self.queue, read_of(fields)))

    @overload
    async def enqueue_many(
        self, jobs: Iterable[TaskCall[T]], *, session: AsyncClientSession | None = None
    ) -> builtins.list[AsyncHandle[T] | DifferentJob]: ...

    @overload
    async def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any] | TaskCall[Any]], *, session: AsyncClientSession | None = None
    ) -> builtins.list[AsyncHandle[Any] | DifferentJob]: ...

    async def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any] | TaskCall[Any]], *, session: AsyncClientSession | None = None
    ) -> builtins.list[AsyncHandle[Any] | DifferentJob]:
        """See Queue.enqueue_many, and of a session `enqueue`."""
        asked = await self.run(lambda: [*jobs])
        within = session_of(asked, session, AsyncClientSession)
        if within is None:
            found = await self.run(partial(self.queue.enqueue_many, asked))
            return [one if isinstance(one, DifferentJob) else self._held(one) for one in found]
        with sending(asked) as each:
            enqueueing = self._enqueueing
            checked = await self.run(lambda: [enqueueing.check_at(place, one) for place, one in enumerate(each)])
            receipts = await self._join(checked, within)
        pairs = zip(receipts, asked, strict=True)
        return [self._held(handle_of(one, self.queue, read_of(call))) for one, call in pairs]

    async def _join(self, requests: Sequence[Request], session: AsyncClientSession) -> Sequence[Receipt]:
        """As Enqueueing.join, with the client of the session, whose commands are awaited."""
        joining = self.queue.connection.joining
        await self.run(partial(joining.know_place, session.client))
        receipts, appends = self._enqueueing.new(requests)
        orders = joining.orders(session, appends)
        with suppress(StopIteration):
            order = next(orders)
            while True:
                within = session if order.is_within else None
                try:
                    reply = await session.client[order.db].command(order.command, session=within)
                except PyMongoError as error:
                    order = orders.throw(error)
                else:
                    order = orders.send(reply)
        return receipts

    @property
    def _enqueueing(self) -> Enqueueing:
        there = self.queue.connection
        commit = GroupCommit(there.ground.log)
        return Enqueueing(there.ground, commit, there.settings, there.finder, actor=there.actor)

    async def handle(self, job_id: str) -> AsyncHandle[Any]:
        """See Queue.handle."""
        return self._held(await self.run(partial(self.queue.handle, job_id)))

    def _held(self, handle: Held[T]) -> AsyncHandle[T]:
        receipt = {name: getattr(handle, name) for name in Receipt.__struct_fields__}
        return AsyncHandle(**receipt, queue=self, read=handle.read, ended=handle.ended)

    check = _in_thread(Queue.check)
    get = _in_thread(Queue.get)
    history = _in_thread(Queue.history)
    replay = _in_thread(Queue.replay)
    output = _in_thread(Queue.output)
    output_so_far = _in_thread(Queue.output_so_far)
    ending = _in_thread(Queue.ending)
    silent_since = _in_thread(Queue.silent_since)
    why = _in_thread(Queue.why)
    explain = _in_thread(Queue.explain)
    waits = _in_thread(Queue.waits)
    progress = _in_thread(Queue.progress)
    cancel = _in_thread(Queue.cancel)
    retry = _in_thread(Queue.retry)
    amend = _in_thread(Queue.amend)
    cancel_all = _in_thread(Queue.cancel_all)
    retry_all = _in_thread(Queue.retry_all)
    amend_all = _in_thread(Queue.amend_all)
    act = _in_thread(Queue.act)
    restart = _in_thread(Queue.restart)
    restart_all = _in_thread(Queue.restart_all)
    restarts = _in_thread(Queue.restarts)
    list = _in_thread(Queue.list)
    find = _in_thread(Queue.find)
    count = _in_thread(Queue.count)
    facets = _in_thread(Queue.facets)
    status = _in_thread(Queue.status)
    stats = _in_thread(Queue.stats)
    rates = _in_thread(Queue.rates)
    metrics = _in_thread(Queue.metrics)
    errors = _in_thread(Queue.errors)
    standstills = _in_thread(Queue.standstills)
    glance = _in_thread(Queue.glance)
    queues = _in_thread(Queue.queues)
    workers = _in_thread(Queue.workers)
    workers_gone = _in_thread(Queue.workers_gone)
    worker_runs = _in_thread(Queue.worker_runs)
    projections = _in_thread(Queue.projections)
    counters = _in_thread(Queue.counters)
    log_begin = _in_thread(Queue.log_begin)
    log_size = _in_thread(Queue.log_size)
    ignore_errors = _in_thread(Queue.ignore_errors)
    unignore_errors = _in_thread(Queue.unignore_errors)
    ignored_errors = _in_thread(Queue.ignored_errors)
    known_errors = _in_thread(Queue.known_errors)
    pause_queue = _in_thread(Queue.pause_queue)
    resume_queue = _in_thread(Queue.resume_queue)
    stop_workers = _in_thread(Queue.stop_workers)
    schedule = _in_thread(Queue.schedule)
    schedules = _in_thread(Queue.schedules)
    get_schedule = _in_thread(Queue.get_schedule)
    pause_schedule = _in_thread(Queue.pause_schedule)
    resume_schedule = _in_thread(Queue.resume_schedule)
    remove_schedule = _in_thread(Queue.remove_schedule)
    trigger_schedule = _in_thread(Queue.trigger_schedule)
    schedule_runs = _in_thread(Queue.schedule_runs)
    next_ticks = _in_thread(Queue.next_ticks)
    configuration = _in_thread(Queue.configuration)
    configure = _in_thread(Queue.configure)
    rebuild_views = _in_thread(Queue.rebuild_views)
    retry_parked = _in_thread(Queue.retry_parked)
    try_projection = _in_thread(Queue.try_projection)
    verify = _in_thread(Queue.verify)
    verify_all = _in_thread(Queue.verify_all)
    simulate = _in_thread(Queue.simulate)
    export = _in_thread(Queue.export)
    copy_log = _in_thread(Queue.copy_log)
    wait_for = _in_thread(Queue.wait_for)

    async def wait(self, job_ids: Iterable[str], timeout: Duration | None = None) -> Sequence[Job]:
        """See Queue.wait."""
        ids = [check_text(one, "job_ids") for one in job_ids]
        ended = {job.id: job async for job in self._each(ids, timeout)}
        return [ended[job_id] for job_id in ids]

    async def wait_all(self, filter_: Filter, timeout: Duration | None = None) -> Sequence[Job]:
        """See Queue.wait_all."""
        return await self.wait(await self.find(filter_), timeout)

    async def gather(
        self,
        handles: Sequence[AsyncHandle[T]],
        timeout: Duration | None = None,
    ) -> Sequence[T]:
        """See Queue.gather."""
        found = {one.id: await one.result() async for one in self.as_completed(handles, timeout)}
        return [found[one.id] for one in handles]

    async def as_completed(
        self,
        handles: Sequence[AsyncHandle[T]],
        timeout: Duration | None = None,
    ) -> AsyncIterator[AsyncHandle[T]]:
        """See Queue.as_completed."""
        by_id = {one.id: one for one in handles}
        async for job in self._each([*by_id], timeout):
            yield replace(by_id[job.id], ended=job)

    async def _each(self, job_ids: Sequence[str], timeout: Duration | None) -> AsyncIterator[Job]:
        """Yield each of the jobs with these ids, once, as soon as it has ended. Raises WaitTimeout."""
        there = self.queue.connection
        waiting = Waiting(there.endings, there.signals, there.views, there.ground.log, there.finder)
        heard = _Heard(asyncio.get_running_loop())
        with there.endings.told(heard, job_ids):
            way = steps(job_ids, None if timeout is None else in_seconds(timeout))
            reply: Any = None
            while (step := next_of(way, reply)) is not None:
                reply = None
                match step:
                    case Look():
                        reply = await self.run(partial(waiting.look, step))
                    case Hear(seconds):
                        reply = await heard.news(seconds)
                    case Rest(seconds):
                        await asyncio.sleep(seconds)
                    case _:
                        yield step


class _Heard(Listener):
    """A listener that a coroutine waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._wake = asyncio.Event()

    def hear(self, job_id: str) -> None:
        """See Listener.hear."""
        super().hear(job_id)
        self._rouse()

    def doubt(self) -> None:
        """See Listener.doubt."""
        super().doubt()
        self._rouse()

    def _rouse(self) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake.set)

    async def news(self, seconds: float) -> Any:
        """As Listener.wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(seconds, self.look_s))):
                await self._wake.wait()
        self._wake.clear()
        found = self.wait(0.0)
        return None if found is not None and not found and seconds > self.look_s else found
