"""Acts from a page: done as the API does them, by an operator, in the present, and in the name of who asks."""

import httpx

from eventqueue.api.queue import Queue


def test_a_queue_is_paused_from_its_page_by_who_asks_and_for_the_reason_given(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true")

    answer = operator.post("/queues/default/pause", data={"why": "the disk is full"})

    assert "Queue default is paused" in answer.text
    (one,) = queue.queues()
    assert one.pause is not None
    assert one.pause.why == "the disk is full"
    assert one.pause.by.startswith("web/")


def test_a_viewer_is_offered_no_act_and_refused_one(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command="true")

    assert '<form class="act"' not in viewer.get("/queues").text
    assert viewer.post("/queues/default/pause").status_code == 403
    assert queue.queues()[0].pause is None


def test_of_the_past_no_act_is_offered_and_none_is_done(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")
    at = queue.connection.ground.clock.now().isoformat()

    shown = operator.get("/queues", params={"at": at})

    assert "default" in shown.text
    assert '<form class="act"' not in shown.text
    assert operator.post("/queues/default/pause", params={"at": at}).status_code == 422
    assert queue.queues()[0].pause is None
