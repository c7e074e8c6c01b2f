"""Calls as programs make them, right and wrong: for type checkers alone, see test_typing.

Each line that is wrong is marked with what mypy calls it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type
from uuid import uuid4

from eventqueue import (
    NO_JOB,
    AsyncHandle,
    AsyncQueue,
    Backoff,
    Context,
    DifferentJob,
    Filter,
    Handle,
    Job,
    JobFields,
    Listing,
    Queue,
    Signature,
    State,
    WaitTimeout,
    task,
)


def right(queue: Queue) -> None:
    handle = queue.enqueue(
        command="make",
        queue="ci",
        priority=3,
        delay=timedelta(minutes=5),
        expires=timedelta(hours=1),
        timeout=90,
        max_retries=0,
        backoff=Backoff(cap=60.0),
        tags=["a", "b"],
        env={"CI": "1"},
        meta={"at": datetime.now(UTC), "order": uuid4()},
    )
    assert_type(handle, Handle[Any])
    assert_type(handle.id, str)
    assert_type(handle.status(), State)
    handle.result(timedelta(seconds=5))
    numbers: list[Handle[int]] = []
    assert_type(queue.gather(numbers, timeout=5), Sequence[int])
    for done in queue.as_completed(numbers):
        assert_type(done.result(), int)
    assert_type(queue.enqueue(send.signature("ann"), delay=5), Handle[str])
    assert_type(queue.enqueue_many([send.signature("ann")]), list[Handle[str] | DifferentJob])
    assert_type(queue.enqueue_many([send.signature("ann"), {"command": "make"}]), list[Handle[Any] | DifferentJob])
    queue.wait_for(handle)
    fields: JobFields = {"command": "make", "backoff": {"cap": timedelta(minutes=1)}}
    queue.enqueue(fields)
    queue.enqueue({"command": "make"}, queue="ci", run_at=datetime(2030, 1, 1, tzinfo=UTC))
    queue.enqueue_many([{"command": "make"}, fields])
    assert_type(queue.list(state=State.DEAD, queue="ci", tag="a", limit=None), Listing)
    queue.find(Filter(state=State.DEAD))
    (job,) = queue.wait([handle.id], timeout=timedelta(seconds=5))
    assert_type(job, Job)
    queue.wait([handle.id], 5)
    queue.stop_workers(grace=timedelta(minutes=1), why="the machine is replaced")


@task
def send(to: str, n: int = 1) -> str:
    return n * to


@task(queue="mail", max_retries=5, timeout=timedelta(minutes=1), retry_on=(OSError, TimeoutError), tags=["a"])
async def fetch(url: str, ctx: Context = NO_JOB) -> bytes:
    return url.encode()


def right_tasks() -> None:
    assert_type(send("ann", n=2), str)
    assert_type(send.enqueue("ann", n=2), Handle[str])
    assert_type(fetch.enqueue("https://example.org/").result(timedelta(seconds=5)), bytes)
    send.enqueue(to="ann")
    send.options(delay=timedelta(minutes=5), key="one", queue="web").enqueue("ann")
    send.map([("ann", 1), {"to": "bob"}, "eve"])
    later = send.signature("ann")
    assert_type(later, Signature[str])
    assert_type(fetch.signature("https://example.org/"), Signature[bytes])
    assert_type(later.enqueue(), Handle[str])
    assert_type(send.options(queue="web").enqueue("ann").result(), str)


def wrong_tasks() -> None:
    send.enqueue(1)  # type: ignore[arg-type]
    send.enqueue(to="ann", m=2)  # type: ignore[call-arg]
    send.enqueue()  # type: ignore[call-arg]
    send(n=2)  # type: ignore[call-arg]
    send.options(dely=5)  # type: ignore[call-arg]
    send.options(delay="5m")  # type: ignore[arg-type]
    send.signature("ann", "two")  # type: ignore[arg-type]
    task(max_retries="5")  # type: ignore[call-overload]
    task(retry=5)  # type: ignore[call-overload]


def wrong(queue: Queue) -> None:
    queue.enqueue(comand="make")  # type: ignore[call-arg]
    queue.enqueue(command=["make"])  # type: ignore[arg-type]
    queue.enqueue(command="make", delay="5m")  # type: ignore[arg-type]
    queue.enqueue(command="make", run_at=5)  # type: ignore[arg-type]
    queue.enqueue(command="make", tags=[1])  # type: ignore[list-item]
    queue.enqueue(command="make", backoff={"max": 1})  # type: ignore[arg-type]
    queue.enqueue("make")  # type: ignore[arg-type]
    queue.list(state="dead")  # type: ignore[arg-type]
    queue.list(stat=State.DEAD)  # type: ignore[call-arg]
    queue.wait(["one"], timeout="5s")  # type: ignore[arg-type]
    queue.wait([1])  # type: ignore[list-item]
    queue.gather(["one"])  # type: ignore[arg-type]
    queue.handle("one").result("5s")  # type: ignore[arg-type]
    queue.stats(window=60)  # type: ignore[arg-type]


async def right_async(queue: AsyncQueue, numbers: list[AsyncHandle[int]]) -> None:
    handle = await queue.enqueue(command="make", delay=timedelta(minutes=5))
    assert_type(handle, AsyncHandle[Any])
    assert_type(await handle.status(), State)
    assert_type(await queue.enqueue(send.signature("ann")), AsyncHandle[str])
    assert_type(await (await queue.enqueue(fetch.signature("https://example.org/"))), bytes)
    assert_type(await queue.enqueue_many([send.signature("ann")]), list[AsyncHandle[str] | DifferentJob])
    assert_type(await queue.get("one"), Job)
    assert_type(await queue.list(state=State.DEAD, queue="ci"), Listing)
    assert_type(await queue.gather(numbers, timeout=5), Sequence[int])
    assert_type(await numbers[0], int)
    async for done in queue.as_completed(numbers):
        assert_type(await done.result(timedelta(seconds=5)), int)


async def wrong_async(queue: AsyncQueue) -> None:
    await queue.enqueue(comand="make")  # type: ignore[call-arg]
    await queue.enqueue(send)  # type: ignore[arg-type]
    await queue.get(1)  # type: ignore[arg-type]
    await queue.list(stat=State.DEAD)  # type: ignore[call-arg]
    await queue.cancel("one", whi="no more")  # type: ignore[call-arg]
    await queue.wait(["one"], timeout="5s")  # type: ignore[arg-type]


def told_apart(queue: Queue, job_id: str) -> Job | None:
    try:
        return queue.wait([job_id], 0)[0]
    except WaitTimeout:
        return None
