"""What is done from `queuectl top`, and what is said of it afterwards."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from eventqueue.api.batches import BATCH
from eventqueue.api.queue import Queue
from eventqueue.cli.screen.acts import ToAll, ToSome
from eventqueue.cli.screen.jobs import Jobs, read
from eventqueue.model.deeds import CANCEL
from eventqueue.model.events import Cancelled
from eventqueue.ports.views import Filter


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


def test_the_times_of_a_filter_are_seen_from_each_look(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    board = Jobs("created<-1h")

    found = read(queue, board._each)
    assert found.rows == []
    assert [row.job.id for row in read(queue, lambda now: board._each(now + timedelta(hours=2))).rows] == ["one"]
    assert board.filter_text == "created<-1h"
