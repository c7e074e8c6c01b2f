"""A Queue and an AsyncQueue under one suite, written for the latter: what the one does the other does."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.database import Database

from eventqueue import (
    AsyncQueue,
    DifferentJob,
    DuplicateJob,
    InvalidInput,
    JobCancelled,
    JobFailed,
    JobNotFound,
    Queue,
    Refused,
    State,
    WaitTimeout,
    task,
)
from eventqueue.api.handles import Held
from eventqueue.model.events import Completed, Error, Failed, FailReason
from eventqueue.ports.views import Filter
from tests.builders import DEAD_LETTERED, claimed
from tests.cli.past import completed, happened
from tests.patience import PATIENCE_S

FAILED = Failed(reason=FailReason.ERROR, error=Error(type="ValueError", message="no such thing"))


def next_year(day: date) -> date:
    return day.replace(year=day.year + 1)


NEXT_YEAR = task(next_year)

# As a coroutine where it is one, and as what it returns where it is not.
Ask = Callable[..., Awaitable[Any]]


class Asked:
    """A Queue or a handle of one, whose methods are awaited, or gone through, whether they are coroutines or not."""

    def __init__(self, one: Any) -> None:
        self.one = one

    def __getattr__(self, name: str) -> Ask:
        async def ask(*args: Any, **named: Any) -> Any:
            found = getattr(self.one, name)(*args, **named)
            if inspect.isasyncgen(found):
                return [one async for one in found]
            if inspect.isawaitable(found) and not isinstance(found, Held):
                return await found
            return list(found) if inspect.isgenerator(found) else found

        return ask


@pytest.fixture
def near(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    """Another queue, by which all happens."""
    with Queue(server_uri, database.name) as queue:
        yield queue


Test = Callable[[Asked], Coroutine[Any, Any, None]]


@pytest.fixture(params=["Queue", "AsyncQueue"])
def run(request: pytest.FixtureRequest, server_uri: str, database: Database[dict[str, Any]]) -> Callable[[Test], None]:
    """Runs a test on a queue of either kind."""

    async def on(test: Test) -> None:
        if request.param == "Queue":
            with Queue(server_uri, database.name) as queue:
                await test(Asked(queue))
        else:
            async with AsyncQueue(server_uri, database.name) as queue:
                await test(Asked(queue))

    return lambda test: asyncio.run(on(test))


def test_a_job_is_enqueued_looked_at_cancelled_and_brought_back(run: Callable[[Test], None]) -> None:
    async def test(queue: Asked) -> None:
        handle = await queue.enqueue({"command": "true"}, id="one", queue="mail", delay=timedelta(hours=1))
        assert (handle.id, handle.version, handle.created) == ("one", 1, True)
        assert not (await queue.enqueue(command="true", id="one", queue="mail", delay=3600)).created
        assert (await queue.get("one")).queue == "mail"
        assert [job.id for job in (await queue.list(state=State.PENDING, queue="mail")).jobs] == ["one"]
        assert (await queue.cancel("one", why="no more")).version == 2
        assert await Asked(handle).status() is State.CANCELLED
        assert (await queue.retry("one")).version == 3
        assert len(await queue.history("one")) == 3
        assert await queue.handle("one") == handle
        assert (await queue.status()).count(State.PENDING) == 1

    run(test)


def test_what_is_wrong_is_refused_in_the_same_way(run: Callable[[Test], None]) -> None:
    async def test(queue: Asked) -> None:
        await queue.enqueue(command="true", id="one")
        acts: list[tuple[type[Exception], Callable[[], Awaitable[Any]]]] = [
            (InvalidInput, lambda: queue.enqueue(comand="true")),
            (InvalidInput, lambda: queue.wait("one")),
            (InvalidInput, lambda: queue.wait(["one"], timeout="soon")),
            (InvalidInput, lambda: queue.gather(["one"])),
            (InvalidInput, lambda: queue.list(limit=0)),
            (DifferentJob, lambda: queue.enqueue(command="false", id="one")),
            (JobNotFound, lambda: queue.get("two")),
            (JobNotFound, lambda: queue.wait(["two"])),
            (WaitTimeout, lambda: queue.wait(["one"], timeout=timedelta(milliseconds=1))),
        ]
        for wrong, act in acts:
            with pytest.raises(wrong):
                await act()
        one, two = await queue.enqueue_many([{"command": "true", "id": "one"}, {"command": "false", "id": "one"}])
        assert one.id == "one"
        assert isinstance(two, DifferentJob)

    run(test)


def test_results_are_waited_for_gathered_and_come_as_they_are_there(run: Callable[[Test], None], near: Queue) -> None:
    async def test(queue: Asked) -> None:
        handles = [await queue.enqueue(command="true") for _ in range(3)]
        for place, handle in enumerate(handles):
            happened(near, handle.id, claimed(), Completed(result=place))
        assert [job.id for job in await queue.wait([one.id for one in handles], PATIENCE_S)] == [
            one.id for one in handles
        ]
        assert await queue.gather(handles, PATIENCE_S) == [0, 1, 2]
        assert {one.id for one in await queue.as_completed(handles)} == {one.id for one in handles}
        assert await Asked(handles[1]).result() == 1

    run(test)


def test_all_that_fit_are_waited_for(run: Callable[[Test], None], near: Queue) -> None:
    async def test(queue: Asked) -> None:
        job = await queue.enqueue(command="true", queue="mail")
        completed(near, job.id)

        assert [one.id for one in await queue.wait_all(Filter(queue="mail"), PATIENCE_S)] == [job.id]

    run(test)


def test_the_result_of_what_failed_or_was_cancelled_is_its_error(run: Callable[[Test], None], near: Queue) -> None:
    async def test(queue: Asked) -> None:
        dead, cancelled = await queue.enqueue(command="true"), await queue.enqueue(command="true")
        happened(near, dead.id, claimed(), FAILED, DEAD_LETTERED)
        near.cancel(cancelled.id)

        with pytest.raises(JobFailed, match="ValueError: no such thing"):
            await Asked(dead).result(PATIENCE_S)
        with pytest.raises(JobCancelled):
            await queue.gather([cancelled])

    run(test)


def test_the_result_of_a_call_of_a_task_is_read_by_its_annotation(run: Callable[[Test], None], near: Queue) -> None:
    async def test(queue: Asked) -> None:
        call = NEXT_YEAR.signature(date(2026, 1, 1))
        handles = [await queue.enqueue(call), *await queue.enqueue_many([call, call])]
        for handle in handles:
            happened(near, handle.id, claimed(), Completed(result="2027-01-01"))
            assert await Asked(handle).result(PATIENCE_S) == date(2027, 1, 1)

    run(test)


def test_a_method_of_an_async_queue_is_called_as_that_of_a_queue() -> None:
    def arguments(kind: type, name: str) -> list[str]:
        return [one for one in inspect.signature(getattr(kind, name)).parameters if one != "session"]

    named = [name for name in vars(AsyncQueue) if not name.startswith("_") and hasattr(Queue, name)]
    assert [name for name in named if arguments(AsyncQueue, name) != arguments(Queue, name)] == []
    assert len(named) > 25


BIT_BY_BIT = "what it returns asks the database while it is gone through"
OF_A_COMMAND_LINE = "it is for a command line"
LEFT_OUT = {
    "amend_many": BIT_BY_BIT,
    "at": BIT_BY_BIT,
    "cancel_many": BIT_BY_BIT,
    "events": BIT_BY_BIT,
    "follow": BIT_BY_BIT,
    "follow_events": BIT_BY_BIT,
    "follow_output": BIT_BY_BIT,
    "leaving": BIT_BY_BIT,
    "restart_many": BIT_BY_BIT,
    "retry_many": BIT_BY_BIT,
    "stored_events": BIT_BY_BIT,
    "verify_views": BIT_BY_BIT,
    "walk": BIT_BY_BIT,
    "enqueue_checked": OF_A_COMMAND_LINE,
    "resolve": OF_A_COMMAND_LINE,
    "resolve_worker": OF_A_COMMAND_LINE,
    "resolve_workers": OF_A_COMMAND_LINE,
}


def test_an_async_queue_has_all_that_a_queue_has_but_what_is_named_here() -> None:
    names = {name for name in vars(Queue) if not name.startswith("_")}

    assert names - set(vars(AsyncQueue)) == set(LEFT_OUT)


def test_what_is_on_its_way_comes_back_before_a_queue_is_closed() -> None:
    async def test() -> None:
        queue = AsyncQueue()
        told: list[str] = []
        noted: Any = partial(Noted, told)
        queue._make = noted
        async with queue:
            begun, go = threading.Event(), threading.Event()

            def act() -> None:
                begun.set()
                go.wait()
                told.append("done")

            on_its_way = asyncio.create_task(queue.run(act))
            await asyncio.to_thread(begun.wait)
            closing = asyncio.create_task(queue.close())
            while queue._queue is not None:
                await asyncio.sleep(0)
            with pytest.raises(Refused, match="is not open"):
                await queue.get("one")
            go.set()
            await asyncio.gather(closing, on_its_way)
        assert told == ["done", "closed"]

    asyncio.run(test())


class Noted:
    """Stands for a Queue that notes when it is closed."""

    def __init__(self, told: list[str]) -> None:
        self.close = partial(told.append, "closed")


# What only asyncio has.


@pytest.fixture
def coroutines(server_uri: str, database: Database[dict[str, Any]]) -> Callable[[Callable[[AsyncQueue], Any]], None]:
    """Runs a test on an AsyncQueue."""

    async def on(test: Callable[[AsyncQueue], Any]) -> None:
        async with AsyncQueue(server_uri, database.name) as queue:
            await test(queue)

    return lambda test: asyncio.run(on(test))


def test_a_thousand_wait_without_a_thread_each_and_a_handle_is_awaited(
    coroutines: Callable[[Callable[[AsyncQueue], Any]], None], near: Queue
) -> None:
    async def test(queue: AsyncQueue) -> None:
        handles = [
            await queue.handle(one.id)
            for one in near.enqueue_many([{"command": "true"}] * 100)
            if isinstance(one, Held)
        ]

        async def awaited(place: int) -> object:
            return await handles[place]

        tasks = [asyncio.create_task(awaited(place % 100)) for place in range(1000)]
        await asyncio.sleep(0)
        for place, handle in enumerate(handles):
            await queue.run(partial(happened, near, handle.id, claimed(), Completed(result=place)))
            assert threading.active_count() < 100

        assert await asyncio.gather(*tasks) == [place % 100 for place in range(1000)]

    coroutines(test)


def test_those_that_are_enqueued_at_the_same_time_share_appends(
    coroutines: Callable[[Callable[[AsyncQueue], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(queue: AsyncQueue) -> None:
        log = queue.queue.connection.ground.log
        sent: list[int] = []
        append = log.append

        def noted(appends: Any) -> Any:
            sent.append(len(appends))
            return append(appends)

        monkeypatch.setattr(log, "append", noted)
        await asyncio.gather(*(queue.enqueue(command="true") for _ in range(200)))

        assert sum(sent) == 200
        assert len(sent) < 150

    coroutines(test)


def test_a_wait_that_is_cancelled_leaves_nothing(coroutines: Callable[[Callable[[AsyncQueue], Any]], None]) -> None:
    async def test(queue: AsyncQueue) -> None:
        handle = await queue.enqueue(command="true")
        waiting = asyncio.create_task(handle.result())
        endings = queue.queue.connection.endings
        while not endings._listeners:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert not endings._listeners

    coroutines(test)


def test_one_that_is_not_entered_or_was_left_says_so(server_uri: str, database: Database[dict[str, Any]]) -> None:
    async def test() -> None:
        queue = AsyncQueue(server_uri, database.name)
        with pytest.raises(Refused, match="is not open: enter it"):
            await queue.get("one")
        async with queue:
            pass
        with pytest.raises(Refused, match="is not open: enter it"):
            await queue.enqueue(command="true")
        await queue.close()

    asyncio.run(test())


async def in_transaction(queue: AsyncQueue, session: AsyncClientSession, *jobs: str) -> None:
    """Write an order and enqueue its jobs, in a transaction of an AsyncMongoClient's."""
    orders = session.client[queue.queue.connection.ground.database.name]["orders"]
    async with await session.start_transaction(write_concern=WriteConcern("majority")):
        await orders.insert_one({"_id": jobs[0]}, session=session)
        await queue.enqueue(command="true", id=jobs[0], session=session)
        await queue.enqueue_many([{"command": "true", "id": job} for job in jobs[1:]], session=session)
        call = NEXT_YEAR.options(session=session, id=f"task-{jobs[0]}").signature(date(2026, 1, 1))
        assert (await queue.enqueue(call)).read is not None


def test_a_job_is_enqueued_within_a_transaction_of_an_async_client(
    coroutines: Callable[[Callable[[AsyncQueue], Any]], None], near: Queue, server_uri: str
) -> None:
    orders = near.connection.ground.database.create_collection("orders")

    async def test(queue: AsyncQueue) -> None:
        async with (
            AsyncMongoClient[dict[str, Any]](server_uri, timeoutMS=30_000) as client,
            client.start_session() as session,
        ):
            await in_transaction(queue, session, "one", "two")
            with pytest.raises(DuplicateJob, match="Job two exists already"):
                await in_transaction(queue, session, "three", "two")
            with pytest.raises(InvalidInput, match="session: has no transaction"):
                await queue.enqueue(command="true", session=session)
            with pytest.raises(InvalidInput, match=r"0\.comand"):
                await queue.enqueue_many([{"comand": "true"}], session=session)

    coroutines(test)
    assert sorted(near.find().ids) == ["one", "task-one", "two"]
    assert [one["_id"] for one in orders.find()] == ["one"]
