"""What is done from `queuectl top`, and what is said of it afterwards."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from eventqueue.api.batches import BATCH
from eventqueue.api.queue import Queue
from eventqueue.cli.screen.acts import Done, Tell, ToAll, ToSome
from eventqueue.cli.screen.jobs import Jobs, read
from eventqueue.model.deeds import CANCEL
from eventqueue.model.events import Cancelled
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from tests.builders import claimed, failed
from tests.cli.headless import Headless
from tests.cli.past import died, happened
from tests.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("ids", "told", "is_whole"),
    [
        (["one"], "Job one is cancelled", True),
        (["one", "two"], "2 jobs are cancelled", True),
        (["one", "nosuch"], "1 of 2 jobs are cancelled", False),
        (["nosuch"], "No job", False),
    ],
)
def test_what_was_done_to_some_alone_is_told_as_that(
    queue: Queue, ids: Sequence[str], told: str, *, is_whole: bool
) -> None:
    queue.enqueue(command="true", id="one")
    queue.enqueue(command="true", id="two")

    done = ToSome(CANCEL, ids).do(queue, None, lambda _: True)

    assert done.told.startswith(told)
    assert done.is_whole == is_whole


def test_what_is_done_to_all_that_fit_is_one_act_with_its_filter(queue: Queue) -> None:
    deed = ToAll(CANCEL, Filter(queue="mail"), "queue mail")
    queue.enqueue(command="true", id="one", queue="mail")
    queue.enqueue(command="true", id="two", queue="mail")

    assert deed.question(queue) == "Cancel 2 jobs of queue mail: 2 pending?"
    assert deed.do(queue, "they call it off", lambda _: True).is_whole

    event = queue.history("one")[-1].event
    assert isinstance(event, Cancelled)
    assert event.act is not None
    assert queue.act(event.act).filter == "queue:mail"


def test_who_leaves_ends_it_behind_the_jobs_that_are_on_their_way_and_the_log_has_the_sum(queue: Queue) -> None:
    ids = [f"job-{number}" for number in range(BATCH + 1)]
    for _ in queue.enqueue_many({"id": one, "command": "true"} for one in ids):
        pass

    done = ToSome(CANCEL, ids).do(queue, None, lambda _: False)

    assert done == (f"{BATCH} of {BATCH + 1} jobs are cancelled", False)
    event = queue.history(ids[0])[-1].event
    assert isinstance(event, Cancelled)
    assert event.act is not None
    ended = queue.act(event.act).sum
    assert ended is not None
    assert (ended.done, ended.untried) == (BATCH, 1)


class Slow:
    """Something that tells how far it is once `is_left`, and then ends; `goes_on`: what it was told of that."""

    ids = ()

    def __init__(self) -> None:
        self.is_left = threading.Event()
        self.goes_on: list[bool] = []

    def question(self, _: Queue) -> str:
        return "Do it?"

    def do(self, _: Queue, __: str | None, tell: Tell) -> Done:
        self.is_left.wait(PATIENCE_S)
        self.goes_on.append(tell("half of it"))
        return Done("half of it is done", is_whole=False)


@pytest.mark.parametrize(("keys", "goes_on"), [((), True), (("q",), False)])
def test_q_within_an_act_is_heard_by_what_is_done(queue: Queue, keys: Sequence[str], *, goes_on: bool) -> None:
    queue.status()
    deed = Slow()

    async def act() -> None:
        app = Headless(queue)
        async with app.run_test(size=(80, 24)) as pilot:
            app._do(deed, "it is late")
            await pilot.press(*keys)
            deed.is_left.set()
            while not deed.goes_on:
                await pilot.pause()

    asyncio.run(act())

    assert deed.goes_on == [goes_on]


def test_whether_all_that_there_is_was_shown_is_told(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue_many({"command": "true", "id": f"job-{number}"} for number in range(3))
    queue.status()

    for most, shown, is_all in ((2, 2, False), (3, 3, True), (4, 3, True)):
        monkeypatch.setattr("eventqueue.cli.screen.jobs.SHOWN", most)
        found = read(queue, lambda _: [Filter()])
        assert (len(found.rows), found.is_all) == (shown, is_all)


def test_jobs_of_several_states_are_shown_in_one_order_the_newest_first(queue: Queue) -> None:
    for name in ("one", "two", "three"):
        queue.enqueue(command="true", id=name)
        happened(queue, name, claimed(), failed())
    for _ in range(2):  # later than all others
        queue.retry("two")
        died(queue, "two")
    queue.status()

    rows = read(queue, lambda _: [Filter(state=State.FAILED), Filter(state=State.DEAD)]).rows

    assert rows[0].job.id == "two"
    assert {row.job.id for row in rows} == {"one", "two", "three"}


def test_the_times_of_a_filter_are_seen_from_each_look(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    board = Jobs("created<-1h")

    found = read(queue, board._each)
    assert found.rows == []
    assert [row.job.id for row in read(queue, lambda now: board._each(now + timedelta(hours=2))).rows] == ["one"]
    assert board.filter_text == "created<-1h"
