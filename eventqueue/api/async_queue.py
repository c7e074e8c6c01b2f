"""AsyncQueue: a Queue for asyncio.

Each method is the Queue's own, carried out in one of a few threads, so nothing is said twice: its arguments, checks and
errors. Only waiting is not, for thousands may wait: it takes the same steps (api/steps.py) without a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack

from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from eventqueue.api.arguments import check_text, checked
from eventqueue.api.enqueueing import Enqueueing, Receipt
from eventqueue.api.handles import Held, handle_of
from eventqueue.api.queue import Queue
from eventqueue.api.steps import Hear, Look, Rest, next_of, steps
from eventqueue.api.waiting import Waiting
from eventqueue.errors import DifferentJob, Refused
from eventqueue.log.group_commit import GroupCommit
from eventqueue.model.asked import JobFields
from eventqueue.model.durations import Duration, in_seconds
from eventqueue.model.job import Job, State
from eventqueue.model.spec import Request
from eventqueue.mongo.endings import LOOK_S, Listener

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

    It belongs to the event loop that enters it. Where a call is cancelled that is on its way already, what it was to do
    may be done all the same; a wait that is cancelled leaves nothing.
    """

    def __init__(self, uri: str | None = None, db: str = "queuectl", *, actor: str | None = None) -> None:
        self._make = partial(Queue, uri, db, actor=actor)
        self._queue: Queue | None = None
        self._threads: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="async-queue")
        try:
            self._queue = await self.run(self._make)
        except BaseException:
            self._threads.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connection back, once what is on its way has come back."""
        if self._queue is not None and self._threads is not None:
            await self.run(self._queue.close)
            self._threads.shutdown(wait=False)
            self._queue = None

    @property
    def queue(self) -> Queue:
        """The Queue that it is of, for what has no coroutine here. Raises Refused before it is entered."""
        if self._queue is None:
            raise Refused("This AsyncQueue is not open: enter it with `async with`, and use it within.")
        return self._queue

    async def run(self, act: Callable[[], R]) -> R:
        """Carry out what would block the loop in one of this queue's threads."""
        within = partial(copy_context().run, act)
        return await asyncio.get_running_loop().run_in_executor(self._threads, within)

    async def enqueue(
        self,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        session: AsyncClientSession | None = None,
        **more: Unpack[JobFields],
    ) -> AsyncHandle[Any]:
        """See Queue.enqueue; `session`: of an AsyncMongoClient. Those that come at the same time share an append."""
        if session is None:
            return self._held(await self.run(partial(self.queue.enqueue, fields, **more)))
        check = partial(self.queue.check, {**(fields or {}), **more})
        (receipt,) = await self._join([await self.run(check)], session)
        return self._held(handle_of(receipt, self.queue))

    async def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any]], *, session: AsyncClientSession | None = None
    ) -> list[AsyncHandle[Any] | DifferentJob]:
        """See Queue.enqueue_many, and of a session `enqueue`."""
        if session is None:
            found = await self.run(partial(self.queue.enqueue_many, jobs))
            return [one if isinstance(one, DifferentJob) else self._held(one) for one in found]
        checked = await self.run(lambda: [self._enqueueing.check_at(place, one) for place, one in enumerate(jobs)])
        receipts = await self._join(checked, session)
        return [self._held(handle_of(one, self.queue)) for one in receipts]

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

    get = _in_thread(Queue.get)
    history = _in_thread(Queue.history)
    output = _in_thread(Queue.output)
    why = _in_thread(Queue.why)
    cancel = _in_thread(Queue.cancel)
    retry = _in_thread(Queue.retry)
    list = _in_thread(Queue.list)
    find = _in_thread(Queue.find)
    status = _in_thread(Queue.status)
    stats = _in_thread(Queue.stats)
    errors = _in_thread(Queue.errors)
    queues = _in_thread(Queue.queues)
    workers = _in_thread(Queue.workers)
    counters = _in_thread(Queue.counters)
    pause_queue = _in_thread(Queue.pause_queue)
    resume_queue = _in_thread(Queue.resume_queue)
    stop_workers = _in_thread(Queue.stop_workers)
    configuration = _in_thread(Queue.configuration)
    configure = _in_thread(Queue.configure)
    wait_for = _in_thread(Queue.wait_for)

    async def wait(self, job_ids: Iterable[str], timeout: Duration | None = None) -> Sequence[Job]:
        """See Queue.wait."""
        ids = [check_text(one, "job_ids") for one in job_ids]
        ended = {job.id: job async for job in self._each(ids, timeout)}
        return [ended[job_id] for job_id in ids]

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
            async with asyncio.timeout(max(0.0, min(seconds, LOOK_S))):
                await self._wake.wait()
        self._wake.clear()
        found = self.wait(0.0)
        return None if found is not None and not found and seconds > LOOK_S else found
