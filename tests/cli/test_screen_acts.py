"""What is done from `queuectl top`, and what is said of it afterwards."""

from collections.abc import Sequence

import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.acts import CANCEL, ToAll, ToSome
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

    done = ToSome(CANCEL, ids).do(queue, None, lambda _: None)

    assert done.told.startswith(told)
    assert done.is_whole == is_whole


def test_what_is_done_to_all_that_fit_is_one_act_with_its_filter(queue: Queue) -> None:
    deed = ToAll(CANCEL, Filter(queue="mail"), "queue mail")
    queue.enqueue(command="true", id="one", queue="mail")
    queue.enqueue(command="true", id="two", queue="mail")

    assert deed.question(queue) == "Cancel 2 jobs of queue mail: 2 pending?"
    assert deed.do(queue, "they call it off", lambda _: None).is_whole

    event = queue.history("one")[-1].event
    assert isinstance(event, Cancelled)
    assert event.act is not None
    assert queue.act(event.act).filter == "queue:mail"
